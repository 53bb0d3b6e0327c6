"""Listing, searching and paging many locations and stations reads no table from end to end; nor does the dashboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from locations.models import CPO
from tests import factories, plans
from tests.refusals import sql

MANY = 12_000
TABLES = ("locations_location", "locations_chargestation", "locations_evse")
CPOS = 20


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, User]]:
    """MANY of each, of CPOS CPOs; the first CPO's manager, and an Admin."""
    with django_db_blocker.unblock(), transaction.atomic():
        cpos = [factories.cpo().pk for _ in range(CPOS)]
        for table in TABLES:
            sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # their history is of no interest here
        sql(
            "INSERT INTO locations_location (cpo_id, location_id, name, address, city, postal_code, country, "
            "time_zone, published) SELECT (%s::int[])[1 + n %% %s], 'L' || md5('l' || n), 'Site ' || md5(n::text), '', "
            "'Town ' || n %% 3000, '', '', 'UTC', n %% 100 > 0 FROM generate_series(1, %s) n",
            cpos, CPOS, MANY,
        )  # fmt: skip
        sql(
            "INSERT INTO locations_chargestation (location_id, identity, authorization_required, local_pre_authorize, "
            "local_authorize_offline, allow_offline_unknown, smart_button) SELECT id, 'CS' || md5(id::text), "
            "id %% 100 > 0, false, true, false, false FROM locations_location"
        )
        sql(
            "INSERT INTO locations_evse (location_id, station_id, uid, evse_id) SELECT location_id, id, '1', "
            "'NL*ABC*E' || id FROM locations_chargestation"
        )
        sql("SET CONSTRAINTS ALL IMMEDIATE")  # checked here, and not at the end of each test
        sql("SET CONSTRAINTS ALL DEFERRED")
        for index in ("location_name_has", "location_address_has", "location_city_has", "location_id_has"):
            sql("SELECT gin_clean_pending_list(%s::regclass)", index)  # as autovacuum would
        for table in TABLES:
            sql(f"ANALYZE {table}")
        yield {"admin": factories.admin(), "manager": factories.manager(CPO.objects.get(pk=cpos[0]))}
        transaction.set_rollback(True)


# Lists, and what is asked of each.
ASKED: dict[str, list[dict[str, str]]] = {
    "locations_location": [
        {}, {"p": "12"}, {"q": "c4ca4238a0"}, {"q": "c4"}, {"q": "town 2999"}, {"q": "Lc4ca42"}, {"state": "closed"},
    ],
    "locations_chargestation": [{}, {"p": "12"}, {"q": "csc4ca42"}, {"authorization_required__exact": "0"}],
    "locations_evse": [{}, {"p": "12"}],
}  # fmt: skip


def only_counts(plan: str) -> bool:
    """Counting to a bound, in whatever order the rows lie, is no reading from end to end."""
    return plan.startswith("Aggregate") and "Limit" in plan and "Filter" not in plan


@pytest.mark.parametrize("who", ["admin", "manager"])
@pytest.mark.django_db
def test_the_portal_lists_and_searches_by_index(world: dict[str, User], who: str) -> None:
    client = Client()
    client.force_login(world[who])
    for page, queries in ASKED.items():
        address = reverse(f"admin:{page}_changelist")
        for query in queries if who == "admin" else [query for query in queries if "p" not in query]:
            whole = plans.read_whole(lambda address=address, query=query: client.get(address, query), TABLES)
            assert [plan for plan in whole if not only_counts(plan)] == [], (page, query)


@pytest.mark.django_db
def test_the_api_searches_by_index(world: dict[str, User]) -> None:
    client = Client()
    client.force_login(world["admin"])
    for term in ("c4ca4238a0", "2999", "Lc4ca42"):
        query = {"search": term}
        whole = plans.read_whole(lambda query=query: client.get("/api/v1/locations/", query), TABLES)
        assert [plan for plan in whole if not only_counts(plan)] == [], query


@pytest.mark.django_db
def test_the_dashboard_looks_by_index(world: dict[str, User]) -> None:
    client = Client()
    client.force_login(world["admin"])
    whole = plans.read_whole(lambda: client.get("/admin/"), TABLES)
    assert [plan for plan in whole if "Filter" in plan] == []


@pytest.mark.django_db
def test_pages_end_where_a_search_is_quicker(world: dict[str, User]) -> None:
    client = Client()
    client.force_login(world["admin"])
    address = reverse("admin:locations_location_changelist")
    page = client.get(address, {"p": "200"})
    assert len(page.context["cl"].result_list) == 50
    assert "search or filter to find what is further down" in page.content.decode()
    assert client.get(address, {"p": "201"}).status_code == 302
