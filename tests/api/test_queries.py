"""How many queries a list takes, for an Admin and for managers: the same for one row as for many."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authorization.services import create_key
from tests import factories
from tests.conftest import ApiClient
from tests.portal.test_admin import decision

pytestmark = pytest.mark.django_db
# Queries of a list, all told: the key and the note of its use, roles, grants, sub-CPOs, the count, the page.
MOST = {"admin": 6, "cpo": 10, "emsp": 9}
LISTS = (
    "cpos", "locations", "evses", "charge-stations", "emsps", "customers", "drivers", "tokens", "exception-groups",
    "exceptions", "authorizations", "api-keys", "directory-grants",
)  # fmt: skip


def _more(cpo: Any, emsp: Any) -> None:
    place = factories.location(cpo)
    station = factories.station(place)
    factories.evse(place, station=station)
    token = factories.token(driver=factories.driver(factories.customer(emsp)), auth_id=f"X-{place.pk}")
    places = factories.group("location", place, owner_cpo=cpo)
    cards = factories.group("token", token, owner_emsp=emsp)
    guests, where = factories.group("token", token, owner_cpo=cpo), factories.group("location", place, owner_emsp=emsp)
    rule = factories.exception("blacklist", "emsp_for_cpo", [places], [guests], owner_cpo=cpo)
    factories.exception("blacklist", "cpo_for_emsp", [where], [cards], owner_emsp=emsp)
    decision(location=place, token=token, rule=rule, api_key=create_key(station=station)[0])


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_as_many_queries_for_one_row_as_for_many(path: str) -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    factories.directory(emsp, cpo)
    users = {"admin": factories.admin(), "cpo": factories.manager(cpo), "emsp": factories.manager(emsp)}
    clients = {who: ApiClient(create_key(user=user)[1]) for who, user in users.items()}
    _more(cpo, emsp)
    counts: dict[str, list[int]] = {who: [] for who in clients}
    for _ in range(2):
        for who, client in clients.items():
            client.get(f"/api/v1/{path}/")  # notes the use of the key
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(f"/api/v1/{path}/").status_code == 200
            counts[who].append(len(queries))
        for _ in range(5):
            _more(cpo, emsp)
    print(path, counts)
    for who, (few, many) in counts.items():
        assert few == many, (who, few, many)
        assert many <= MOST[who], (who, many)
