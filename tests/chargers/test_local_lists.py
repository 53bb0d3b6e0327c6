"""A station's offline list: who is on it, in which words, and who may ask."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import jsonschema
import pytest
from django.utils import timezone

from authorization.models import Decision
from authorization.questions import parse
from authorization.services import Caller, charging
from authorization.services.asking import token_of
from chargers.models import LocalList
from locations.models import ChargeStation, Location
from tests import factories
from tests.chargers.conftest import Site
from tests.conftest import ApiClient
from tokens.models import Token

pytestmark = pytest.mark.django_db


def fetch(site: Site, client: ApiClient | None = None, **query: Any) -> Any:
    address = f"/api/v1/charge-stations/{site.station.identity}/local-list"
    return (client or site.api).get(address, query)


def valid(payload: Any, version: str) -> Any:
    """The payload, which the JSON schema of the package `ocpp` allows."""
    folder, name = ("v16", "SendLocalList") if version == "ocpp1.6" else ("v201", "SendLocalListRequest")
    schema = json.loads((resources.files("ocpp") / folder / "schemas" / f"{name}.json").read_text("utf-8-sig"))
    jsonschema.validate(payload, schema)
    return payload


def listed(site: Site, form: str = "ocpp1.6", **query: Any) -> Any:
    answer = fetch(site, format=form, **query)
    assert answer.status_code == 200, answer.content
    return valid(answer.json(), form)


def tags(payload: Any) -> list[str]:
    return [entry["idTag"] for entry in payload["localAuthorizationList"]]


@pytest.fixture
def opened(site: Site) -> Site:
    """The token's eMSP lets the location's CPO search its tokens."""
    factories.directory(site.token.emsp, site.location.cpo)
    return site


def test_without_a_grant_only_those_that_a_list_or_a_whitelist_names(site: Site) -> None:
    other = factories.token()
    assert tags(listed(site)) == []
    places, cards = factories.group("location", site.location), factories.group("token", other)
    rule = factories.exception("whitelist", "emsp_for_cpo", [places], [cards])
    assert tags(listed(site)) == [other.uid]
    rule.delete()
    factories.listed(site.location, token=site.token)
    assert tags(listed(site)) == [site.token.uid]


def test_with_a_grant_all_of_that_emsp(opened: Site) -> None:
    factories.token()
    more = factories.token(opened.token.emsp)
    assert tags(listed(opened)) == [opened.token.uid, more.uid]
    opened.token.emsp.directory_grants.update(enabled=False)
    assert tags(listed(opened)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"valid": False},
        {"whitelist": "NEVER"},
        {"expires_at": datetime(2026, 11, 1, tzinfo=UTC)},
        {"uid": None, "auth_id": "NL-X"},
    ],
    ids=str,
)
def test_who_may_not_charge_offline_is_absent(opened: Site, fields: dict[str, Any]) -> None:
    Token.objects.filter(pk=opened.token.pk).update(**fields)
    assert tags(listed(opened)) == []


def test_a_closed_or_free_station_has_nobody(opened: Site) -> None:
    Location.objects.update(published=False)
    assert tags(listed(opened)) == []
    Location.objects.update(published=True)
    ChargeStation.objects.update(authorization_required=False)
    assert tags(listed(opened)) == []


def test_versions_rise_only_with_a_change_and_the_last_five_make_differentials(opened: Site) -> None:
    first = listed(opened)
    assert (first["listVersion"], first["updateType"]) == (1, "Full")
    assert listed(opened)["listVersion"] == 1
    tokens = []
    for number in range(2, 8):
        tokens.append(factories.token(opened.token.emsp))
        assert listed(opened)["listVersion"] == number
    assert LocalList.objects.count() == 5
    same = listed(opened, version=7)
    assert (same["updateType"], tags(same)) == ("Differential", [])
    Token.objects.filter(pk=tokens[0].pk).update(valid=False)
    changed = listed(opened, version=6)
    assert (changed["listVersion"], changed["updateType"]) == (8, "Differential")
    assert changed["localAuthorizationList"] == [
        {"idTag": tokens[-1].uid, "idTagInfo": {"status": "Accepted"}},
        {"idTag": tokens[0].uid},
    ]
    for unknown in (1, 3, 99):
        assert listed(opened, version=unknown)["updateType"] == "Full"


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_it_says_until_when(opened: Site, version: str) -> None:
    now = timezone.now().replace(microsecond=0)
    Token.objects.update(expires_at=now + timedelta(days=3))
    (only,) = listed(opened, version)["localAuthorizationList"]
    token_ends = f"{now + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    assert token_ends in json.dumps(only)
    factories.exception(
        "blacklist", "emsp_for_cpo", [factories.group("location", opened.location)],
        [factories.group("token", opened.token)], valid_from=(now + timedelta(days=2)).replace(tzinfo=None),
    )  # fmt: skip
    (only,) = listed(opened, version)["localAuthorizationList"]
    assert token_ends not in json.dumps(only)


def test_a_code_too_long_for_the_protocol_is_counted(opened: Site) -> None:
    factories.token(opened.token.emsp, type="KEY_CODE", uid="x" * 21)
    factories.token(opened.token.emsp, type="KEY_CODE", uid="y" * 37)
    answer = fetch(opened)
    assert (tags(answer.json()), answer.headers["X-Too-Long"]) == ([opened.token.uid], "2")
    newer = listed(opened, "ocpp2.0.1")["localAuthorizationList"]
    assert [entry["idToken"]["type"] for entry in newer] == ["ISO14443", "KeyCode"]
    assert fetch(opened, format="ocpp2.0.1").headers["X-Too-Long"] == "1"


def test_what_is_more_than_max_is_said_and_lists_come_first(opened: Site) -> None:
    for _ in range(3):
        factories.token(opened.token.emsp)
    named = factories.token()
    places = factories.group("location", opened.location)
    everybody = factories.group("emsp", opened.token.emsp)
    factories.exception("whitelist", "cpo_for_emsp", [places], [factories.group("token", named)])
    answer = fetch(opened, max=2)
    assert (answer.headers["X-Total-Count"], answer.headers["X-Left-Out"]) == ("5", "3")
    assert len(tags(answer.json())) == 2
    assert tags(answer.json())[0] == named.uid
    assert everybody.pk


def test_who_may_ask(site: Site, client_of: Callable[..., ApiClient], admin_api: ApiClient) -> None:
    assert fetch(site, admin_api).status_code == 200
    statuses = {
        "nobody": (ApiClient(None), 401),
        "another station": (client_of(station=factories.station(site.location)), 404),
        "its CPO": (client_of(cpo=site.location.cpo), 403),
        "another CPO": (client_of(cpo=factories.cpo()), 404),
        "its manager": (client_of(user=factories.manager(site.location.cpo)), 403),
        "another manager": (client_of(user=factories.manager(factories.cpo())), 404),
        "an eMSP's manager": (client_of(user=factories.manager(factories.emsp())), 404),
    }
    assert {who: fetch(site, client).status_code for who, (client, _) in statuses.items()} == {
        who: status for who, (_, status) in statuses.items()
    }


@pytest.mark.parametrize(
    "query", [{"version": "-1"}, {"version": "x"}, {"max": "0"}, {"max": "1000001"}, {"format": "ocpp3"}], ids=str
)
def test_wrong_questions(site: Site, query: dict[str, Any]) -> None:
    assert fetch(site, **query).status_code == 400


def test_it_is_what_authorize_answers(opened: Site) -> None:
    """In a world of many rules: exactly the tokens that the decision accepts there, of those that may be named."""
    emsp, place = opened.token.emsp, opened.location
    customers = [factories.customer(emsp) for _ in range(4)]
    drivers = [factories.driver(customer) for customer in customers]
    tokens = [
        factories.token(
            emsp,
            uid=f"04{n:012X}",
            driver=drivers[n % 4] if n % 3 else None,
            auth_id=f"NL-ABC-C{n:08d}" if n % 2 else None,
        )
        for n in range(100, 140)
    ]
    here, elsewhere = factories.group("location", place), factories.group("location", factories.location())
    above = factories.group("cpo", place.cpo)
    factories.exception("blacklist", "emsp_for_cpo", [above], [factories.group("driver", drivers[1])])
    factories.exception("whitelist", "cpo_for_emsp", [elsewhere], [factories.group("token", *tokens[:10])])
    factories.exception("whitelist", "cpo_for_emsp", [here], [factories.group("token", *tokens[:5])])
    factories.exception(
        "whitelist", "emsp_for_cpo", [here], [factories.group("emsp", emsp), factories.group("customer", customers[2])]
    )
    factories.exception("blacklist", "cpo_for_emsp", [here], [factories.group("customer", customers[3])], enabled=False)
    type(customers[0]).objects.filter(pk=customers[0].pk).update(blocked=True)
    questions = [parse(token_of(token) | {"station": opened.station.identity}) for token in Token.objects.all()]
    answers = charging.answers_to(questions, Caller(0, "test", portal=True), timezone.now())
    allowed = {str(each.question.presented) for each in answers if each.verdict.accepted}  # type: ignore[union-attr]
    assert 5 < len(allowed) < 35
    assert set(tags(listed(opened))) == allowed
    assert not Decision.objects.exists()
