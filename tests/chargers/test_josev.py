"""Josev's messages over HTTP: what the documentation's examples get, what is malformed, and what is in use after."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from authorization.models import Decision
from chargers.models import AuthorizationInUse, SeenMessage
from tests import factories
from tests.chargers.conftest import Site, josev_message, make_site
from tests.conftest import ApiClient
from tests.refusals import refused

# The example of a request, its comments taken out.
EXAMPLE = {
    "id": "57828133-8cfe-477d-b829-0b60aff90c2a",
    "name": "authorization",
    "type": "request",
    "data": {"evse_id": "GB*SEV*E123456789", "id_token": "03459512", "token_type": "ISO14443"},
}


def in_use() -> int:
    return AuthorizationInUse.objects.filter(ended_at=None).count()


@pytest.mark.django_db
def test_the_example_is_answered_as_documented(client_of: Callable[..., ApiClient]) -> None:
    cpo = factories.cpo(country_code="GB", party_id="SEV")
    location = factories.location(cpo)
    factories.evse(location, evse_id="GB*SEV*E123456789", station=factories.station(location))
    factories.token(uid="03459512")
    answer = client_of(cpo=cpo).post("/api/v1/josev", EXAMPLE)
    assert answer.json() == {
        "id": EXAMPLE["id"],
        "name": "authorization",
        "type": "response",
        "data": {"status": "accepted"},
    }
    other = EXAMPLE | {"id": str(uuid.uuid4()), "data": EXAMPLE["data"] | {"id_token": "0345"}}  # type: ignore[operator]
    assert client_of(cpo=cpo).post("/api/v1/josev", other).json()["data"] == {"status": "rejected"}
    assert client_of(cpo=factories.cpo()).post("/api/v1/josev", EXAMPLE).json()["data"] == {"status": "rejected"}


@pytest.mark.django_db
def test_free_charging_takes_no_id_token_and_begins_nothing(site: Site) -> None:
    assert site.ask(token_type="no_authorization", id_token=None) == "rejected"
    type(site.station).objects.update(authorization_required=False)
    for _ in range(2):  # two cars, one after the other
        assert site.ask(token_type="no_authorization", id_token=None) == "accepted"
    assert in_use() == 0
    assert site.ask() == "accepted"
    assert in_use() == 1


@pytest.mark.django_db
def test_the_second_presentation_ends_it_and_the_third_begins_anew(site: Site) -> None:
    assert [site.ask() for _ in range(3)] == ["accepted", "deauthorized", "accepted"]
    begun = AuthorizationInUse.objects.order_by("pk").first()
    assert begun is not None
    assert (begun.evse, begun.token, begun.ended_by, begun.presented) == (site.evse, site.token, "presented", "")
    reasons = list(Decision.objects.order_by("pk").values_list("reason", "accepted"))
    assert reasons == [("ALLOWED", True), ("DEAUTHORIZED", False), ("ALLOWED", True)]


@pytest.mark.django_db
def test_a_card_read_before_the_plug_is_one_of_the_station(site: Site) -> None:
    assert site.ask(evse_id=None) == "accepted"
    assert AuthorizationInUse.objects.get().evse is None
    assert site.ask() == "deauthorized"
    assert site.ask() == "accepted"
    assert site.ask(evse_id=None) == "deauthorized"
    assert in_use() == 0


@pytest.mark.django_db
def test_another_card_and_another_evse_are_others(site: Site) -> None:
    other = factories.token()
    beside = factories.evse(site.location, station=site.station)
    assert [site.ask(), site.ask(id_token=other.uid), site.ask(evse_id=beside.evse_id)] == ["accepted"] * 3
    assert in_use() == 3


@pytest.mark.django_db
def test_a_retry_gets_the_same_answer_and_opens_nothing_twice(site: Site) -> None:
    message = josev_message(site)
    answers = [site.api.post("/api/v1/josev", message).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert (in_use(), Decision.objects.count()) == (1, 1)
    # The same id with something else in it is a mistake, and is not answered with what the first one got.
    message["data"]["id_token"] = factories.token().uid
    refused = site.api.post("/api/v1/josev", message)
    assert (refused.status_code, refused.json()["code"]) == (400, "id_used")


@pytest.mark.django_db
def test_an_id_is_of_whoever_uses_it(client_of: Callable[..., ApiClient], site: Site) -> None:
    message = josev_message(site)
    assert site.api.post("/api/v1/josev", message).json()["data"]["status"] == "accepted"
    other = make_site(client_of)
    # Another station cannot learn by it what the first one was told.
    assert other.api.post("/api/v1/josev", message).json()["data"]["status"] == "rejected"


@pytest.mark.django_db
def test_updates_record_what_happened_elsewhere(site: Site) -> None:
    site.josev(204, type="update", status="accepted", token_type="e_maid", id_token="NL-XXX-C00000001")
    assert in_use() == 1
    site.josev(204, type="update", status="rejected", token_type="central", id_token="app-7")
    assert in_use() == 1
    site.josev(204, type="update", status="deauthorized", token_type="e_maid", id_token="NL-XXX-C00000001")
    assert in_use() == 0
    logged = list(Decision.objects.order_by("pk").values_list("reason", "accepted"))
    assert logged == [("REPORTED", True), ("REPORTED", False), ("DEAUTHORIZED", False)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "reason"),
    [("offline_list", "OFFLINE_LIST"), ("offline_unknown", "OFFLINE_UNKNOWN"), ("smart_button", "SMART_BUTTON")],
)
def test_a_station_says_what_it_did_offline(site: Site, source: str, reason: str) -> None:
    button = {"token_type": "no_authorization", "id_token": None} if source == "smart_button" else {}
    site.josev(204, type="update", status="accepted", source=source, **button)
    assert Decision.objects.get().reason == reason
    assert in_use() == (0 if button else 1)


MALFORMED: list[dict[str, Any]] = [
    {"id": None},
    {"id": "not-a-uuid"},
    {"id": 7},
    {"name": "authorisation"},
    {"name": None},
    {"type": "response"},
    {"type": None},
    {"type": []},
    {"data": []},
    {"token_type": None},
    {"token_type": "e_maid"},
    {"token_type": "central"},
    {"token_type": "RFID"},
    {"token_type": 1},
    {"id_token": None},
    {"id_token": ""},
    {"id_token": "x" * 256},
    {"id_token": "04é"},
    {"id_token": 4},
    {"token_type": "no_authorization"},
    {"evse_id": ""},
    {"evse_id": 1},
    {"type": "update"},
    {"type": "update", "status": "maybe"},
    {"type": "update", "status": "accepted", "source": "rumour"},
]


@pytest.mark.django_db
@pytest.mark.parametrize("given", MALFORMED, ids=str)
def test_what_is_malformed_is_said_and_leaves_nothing(site: Site, given: dict[str, Any]) -> None:
    body = site.josev(400, **given)
    assert set(body) == {"code", "detail"}
    assert not SeenMessage.objects.exists()
    assert not Decision.objects.exists()


@pytest.mark.django_db
def test_other_bodies_and_callers_are_refused(site: Site, client_of: Callable[..., ApiClient]) -> None:
    assert site.api.post("/api/v1/josev", "[]").status_code == 400
    assert site.api.post("/api/v1/josev", '{"id": "1", "id": "2"}').json()["code"] == "bad_json"
    assert ApiClient(None).post("/api/v1/josev", josev_message(site)).status_code == 401
    # Without an EVSE a CPO's key names no place.
    other = client_of(cpo=site.location.cpo).post("/api/v1/josev", josev_message(site, evse_id=None))
    assert (other.status_code, other.json()["code"]) == (400, "no_place")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_open_one(site: Site) -> None:
    def post(message: Any) -> Any:
        try:
            return site.api.post("/api/v1/josev", message).json()["data"]["status"]
        finally:
            connections.close_all()

    for _ in range(3):
        AuthorizationInUse.objects.all().delete()
        message = josev_message(site)
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(post, [message] * 4)) == ["accepted"] * 4
        assert in_use() == 1
        # Different ones are as if one came after the other.
        with ThreadPoolExecutor(2) as pool:
            both = sorted(pool.map(post, [josev_message(site) for _ in range(2)]))
        assert both == ["accepted", "deauthorized"]
        assert in_use() == 1


@pytest.mark.django_db
def test_the_database_keeps_one_in_use(site: Site) -> None:
    site.ask()
    use = AuthorizationInUse.objects.get()
    use.pk = None
    with refused("token_is_in_use_once_at_a_place"):
        use.save()
