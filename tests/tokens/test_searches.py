"""Searching and listing many customers, drivers and tokens reads no table from end to end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from authorization.services import create_key
from tests import factories, plans
from tests.conftest import ApiClient
from tests.refusals import sql
from tokens.models import EMSP, Customer

MANY = 25_000
TABLES = ("tokens_customer", "tokens_driver", "tokens_token")
EMSPS = 20


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, User]]:
    """MANY of each, of EMSPS eMSPs; the first eMSP's manager, and an Admin."""
    with django_db_blocker.unblock(), transaction.atomic():
        emsps = [factories.emsp().pk for _ in range(EMSPS)]
        for table in TABLES:
            sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # their history is of no interest here
        sql(
            "INSERT INTO tokens_customer (emsp_id, name, external_id, blocked) SELECT (%s::int[])[1 + n %% %s], "
            "'Firm ' || md5(n::text), 'C' || md5('c' || n), false FROM generate_series(1, %s) n",
            emsps, EMSPS, MANY,
        )  # fmt: skip
        sql(
            "INSERT INTO tokens_driver (customer_id, name, external_id, blocked) SELECT id, 'Ann ' || md5('d' || id), "
            "'D' || md5('e' || id), false FROM tokens_customer"
        )
        sql(
            "INSERT INTO tokens_token (type, uid, visual_number, issuer, valid, whitelist, language, external, "
            "emsp_id, customer_id, driver_id) SELECT 'RFID', to_hex(c.id + 65536), '', '', true, 'ALLOWED', '', false, "
            "c.emsp_id, c.id, d.id FROM tokens_customer c JOIN tokens_driver d ON d.customer_id = c.id"
        )
        sql("SET CONSTRAINTS ALL IMMEDIATE")  # checked here, and not at the end of each test
        sql("SET CONSTRAINTS ALL DEFERRED")
        for index in ("customer_name_has", "customer_external_id_has", "driver_name_has", "driver_external_id_has"):
            sql("SELECT gin_clean_pending_list(%s::regclass)", index)  # as autovacuum would
        for table in TABLES:
            sql(f"ANALYZE {table}")
        yield {"admin": factories.admin(), "manager": factories.manager(EMSP.objects.get(pk=emsps[0]))}
        transaction.set_rollback(True)


def read_whole(ask: Callable[[], Any]) -> list[str]:
    return plans.read_whole(ask, TABLES)


@pytest.mark.parametrize("who", ["admin", "manager"])
@pytest.mark.django_db
def test_the_api_searches_by_index(world: dict[str, User], who: str) -> None:
    client = ApiClient(create_key(user=world[who])[1])
    for path in ("customers", "drivers"):
        for term in ("c4ca4238a0", "Cc4ca42", "nothing like it"):
            address = f"/api/v1/{path}/"
            assert read_whole(lambda address=address, term=term: client.get(address, {"search": term})) == []


@pytest.mark.parametrize("who", ["admin", "manager"])
@pytest.mark.django_db
def test_the_portal_searches_and_lists_by_index(world: dict[str, User], who: str) -> None:
    client = Client()
    client.force_login(world[who])
    own = EMSP.objects.filter(customers__isnull=False).order_by("pk")[0]
    customer = Customer.objects.filter(emsp=own)[0].pk
    for address, query in (
        (reverse("admin:tokens_customer_changelist"), {"q": "c4ca4238a0"}),
        (reverse("admin:tokens_driver_changelist"), {"q": "c4ca4238a0"}),
        (reverse("admin:tokens_token_changelist"), {"q": "1ffff"}),
        (reverse("admin:tokens_emsp_customers", args=(own.pk,)), {"customers-q": "c4ca4238a0"}),
        (reverse("admin:tokens_emsp_tokens", args=(own.pk,)), {}),
        (reverse("admin:tokens_customer_drivers", args=(customer,)), {}),
        (reverse("admin:tokens_customer_tokens", args=(customer,)), {}),
    ):  # fmt: skip
        assert read_whole(lambda address=address, query=query: client.get(address, query)) == [], address
