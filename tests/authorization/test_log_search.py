"""The log is searched by what somebody has in hand, in portal and API, and each finds what they may see."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from authorization.models import Decision
from authorization.services import create_key
from authorization.services.log_search import search_log
from locations.access import scope_of
from locations.models import EVSE, ChargeStation, Location
from tests import factories
from tests.conftest import ApiClient
from tokens.models import EMSP, Token

pytestmark = pytest.mark.django_db
UNKNOWN = "04C0FFEE123456"


@pytest.fixture
def evse() -> EVSE:
    station = factories.station(identity="CS-NORTH-1")
    return factories.evse(evse_id="NL*GFX*E123456", location=station.location, station=station)


@pytest.fixture(autouse=True)
def asked(evse: EVSE) -> None:
    """A known card, an unknown one, and a contract; each with the id of its question."""
    client = ApiClient(create_key(cpo=evse.location.cpo)[1])
    emsp = factories.emsp(country_code="DE", party_id="TNM")
    factories.token(emsp, uid="04A2B3C4D5E680", auth_id="DE-TNM-C12345678")
    for number, question in enumerate(
        (
            {"id_token": "04A2B3C4D5E680"},
            {"id_token": UNKNOWN},
            {"id_token": "DETNMC12345678", "token_type": "e_maid"},
            {"id_token": "any card"},
        )
    ):
        body = question | {"evse_id": evse.evse_id, "id": f"question-{number}"}
        assert client.post("/api/v1/authorize", body).status_code == 200


def found(user: User, term: str) -> list[str]:
    rows = search_log(Decision.objects.order_by("pk"), term, scope_of(user))
    return [row.request_id.removeprefix("question-") for row in rows]


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (UNKNOWN, ["1"]),
        ("04:c0:ff:ee:12:34:56", ["1"]),
        ("04 A2 B3 C4 D5 E6 80", ["0", "2"]),
        ("de-tnm-c12345678", ["0", "2"]),
        ("DE TNM C12345678", []),
        ("any card", ["3"]),
        ("question-3", ["3"]),
        ("nl*gfx*e123456", ["0", "1", "2", "3"]),
        ("cs-north-1", ["0", "1", "2", "3"]),
        ("04C0FFEE", []),
        ("question", []),
        ("é", []),
    ],
)
def test_by_whatever_is_in_hand(term: str, expected: list[str]) -> None:
    admin = factories.admin()
    assert found(admin, term) == expected
    client = Client()
    client.force_login(admin)
    answer = client.get("/api/v1/authorizations/", {"search": term})
    assert sorted(row["request_id"][-1] for row in answer.json()["results"]) == expected
    page = client.get("/admin/authorization/decision/", {"q": term}).content.decode()
    assert [str(n) for n in range(4) if f"/admin/authorization/decision/{_pk(n)}/" in page] == expected


def _pk(number: int) -> int:
    return Decision.objects.get(request_id=f"question-{number}").pk


def test_who_manages_a_side_finds_that_sides(evse: EVSE) -> None:
    card: Any = factories.token(uid="04DD")
    of_card = factories.manager(card.emsp)
    at_place = factories.manager(evse.location.cpo)
    ApiClient(create_key(cpo=evse.location.cpo)[1]).post(
        "/api/v1/authorize", {"id_token": "04DD", "evse_id": evse.evse_id, "id": "question-4"}
    )
    for user, term, expected in (
        (at_place, UNKNOWN, True),
        (at_place, "question-1", True),
        (of_card, "04dd", True),
        (of_card, "question-4", False),
        (factories.manager(factories.cpo()), "question-1", False),
        (factories.manager(factories.cpo()), UNKNOWN, False),
        (factories.manager(factories.emsp()), "04dd", False),
    ):
        client = Client()
        client.force_login(user)
        assert client.get("/api/v1/authorizations/", {"search": term}).json()["count"] == expected, (user, term)


def test_a_decision_stays_with_those_whose_place_and_card_it_was_about(evse: EVSE) -> None:
    before, emsp_before = evse.location.cpo, EMSP.objects.get(party_id="TNM")
    after, emsp_after = factories.cpo(), factories.emsp()
    Location.objects.update(cpo=after)
    Token.objects.filter(emsp=emsp_before).update(emsp=emsp_after)
    assert found(factories.manager(before), "question-0") == ["0"]
    assert found(factories.manager(after), "question-0") == []
    for party, expected in ((before, 4), (after, 0), (emsp_before, 2), (emsp_after, 0)):
        client = Client()
        client.force_login(factories.manager(party))
        assert client.get("/api/v1/authorizations/").json()["count"] == expected, party
    ChargeStation.objects.all().delete()
    Location.objects.all().delete()
    assert found(factories.manager(before), "question-0") == ["0"], "the log outlives what it speaks of"


def test_whose_place_it_was_then_reads_nothing_of_what_it_becomes(evse: EVSE) -> None:
    Decision.objects.update(decided_at=timezone.now() - timedelta(hours=1))  # or nothing has changed since
    before, decision = factories.manager(evse.location.cpo), Decision.objects.get(request_id="question-0")
    page = f"/admin/authorization/decision/{decision.pk}/change/"
    Location.objects.update(cpo=factories.cpo())
    Location.objects.update(address="Newly Owned 1")
    for user, told in ((before, False), (factories.admin(), True)):
        client = Client()
        client.force_login(user)
        answer = client.get(page)
        assert answer.status_code == 200
        assert ("Newly Owned 1" in answer.content.decode()) is told, user
