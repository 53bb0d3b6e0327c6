"""`authorize`, `authorize/batch` and `explain` over HTTP: answers, scopes of keys, and everything that is refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from guardian.shortcuts import assign_perm

from authorization.models import ApiKey, Decision
from authorization.services import create_key, revoke
from tests import factories
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db
AUTHORIZE, BATCH, EXPLAIN = "/api/v1/authorize", "/api/v1/authorize/batch", "/api/v1/explain"
ClientOf = Callable[..., ApiClient]


@pytest.fixture
def place() -> Any:
    return factories.evse(evse_id="NL*GFX*E123456")


@pytest.fixture
def card() -> Any:
    return factories.token(uid="04A2B3C4D5E680", auth_id="NL-GFX-C00000001")


def question(**changes: Any) -> dict[str, Any]:
    return {"id_token": "04A2B3C4D5E680", "token_type": "ISO14443", "evse_id": "NL*GFX*E123456"} | changes


def test_an_answer_has_the_fields_of_the_contract(place: Any, card: Any, admin_api: ApiClient) -> None:
    response = admin_api.post(AUTHORIZE, question(id="mine-1"))
    assert response.status_code == 200
    body = response.json()
    assert body | {"decided_at": "", "revision": 0} == {
        "id": "mine-1",
        "status": "accepted",
        "reason": "ALLOWED",
        "message": "This charge token may charge here.",
        "location_id": place.location.location_id,
        "evse_id": "NL*GFX*E123456",
        "decided_at": "",
        "revision": 0,
    }
    assert body["decided_at"].endswith("Z")
    assert response["Cache-Control"] == "no-store"
    assert admin_api.post(AUTHORIZE, question()).json()["id"] != admin_api.post(AUTHORIZE, question()).json()["id"]


def test_every_decision_is_logged_under_a_pseudonym(place: Any, card: Any, admin_api: ApiClient) -> None:
    admin_api.post(AUTHORIZE, question(id="a"))
    admin_api.post(AUTHORIZE, question(id="b", id_token="04:a2:b3:c4:d5:e6:80"))
    admin_api.post(AUTHORIZE, question(id="c", id_token="FFFFFFFF"))
    one, two, three = Decision.objects.order_by("id")
    assert (one.request_id, one.accepted, one.reason, one.token_id) == ("a", True, "ALLOWED", card.pk)
    assert one.location_id == place.location_id
    assert one.token_pseudonym == two.token_pseudonym != three.token_pseudonym
    assert (three.accepted, three.reason, three.token_id) == (False, "UNKNOWN_TOKEN", None)
    assert "04A2B3C4D5E680" not in str([row.__dict__ for row in (one, two, three)])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id_token": "04-a2 b3:c4d5e680"}, "ALLOWED"),
        ({"evse_id": "nlgfxe123456"}, "ALLOWED"),
        ({"token_type": "ISO15693"}, "ALLOWED"),
        ({"token_type": None, "id": None}, "ALLOWED"),
        ({"id_token": "nl-gfx-c00000001", "token_type": "e_maid"}, "ALLOWED"),
        ({"unknown": {"a": [1]}}, "ALLOWED"),
        ({"id_token": "80E6D5C4B3A204"}, "UNKNOWN_TOKEN"),
        ({"id_token": "not hexadecimal"}, "UNKNOWN_TOKEN"),
        ({"token_type": "mac_address"}, "UNKNOWN_TOKEN"),
        ({"token_type": "local"}, "UNKNOWN_TOKEN"),
        ({"evse_id": "NL*GFX*E1"}, "UNKNOWN_LOCATION"),
        ({"location_id": "nowhere"}, "UNKNOWN_LOCATION"),
        ({"id_token": None, "token_type": "no_authorization"}, "AUTHORIZATION_REQUIRED"),
    ],
)
def test_forms_of_a_question(changes: Any, reason: str, place: Any, card: Any, admin_api: ApiClient) -> None:
    response = admin_api.post(AUTHORIZE, question(**changes))
    assert response.status_code == 200, response.content
    assert response.json()["reason"] == reason


BAD: list[tuple[Any, int, str]] = [
    (b" ", 400, "bad_json"),
    (b"{", 400, "bad_json"),
    (b"\xff\xfe{\x00}\x00", 400, "bad_json"),
    (b'{"id_token": NaN}', 400, "bad_json"),
    (b'{"id_token": Infinity}', 400, "bad_json"),
    (b'{"id_token": "A", "id_token": "B"}', 400, "bad_json"),
    (b'{"x": {"a": 1, "a": 2}}', 400, "bad_json"),
    (b"[" * 16000, 400, "bad_json"),
    (b'{"a":' * 3000, 400, "bad_json"),
    (b'{"x": ' + b"9" * 5000 + b"}", 400, "bad_json"),
    (b"[]", 400, "invalid"),
    (b'"text"', 400, "invalid"),
    (b"null", 400, "invalid"),
    (question(id_token=""), 400, "invalid"),
    (question(id_token="   "), 400, "invalid"),
    (question(id_token="A" * 256), 400, "invalid"),
    (question(id_token="04A2\x00"), 400, "invalid"),
    (question(id_token="04A2\n"), 400, "invalid"),
    (question(id_token="04А2B3C4"), 400, "invalid"),  # a Cyrillic А
    (question(id_token="０４A2"), 400, "invalid"),
    (question(id_token="\ud800"), 400, "invalid"),
    (question(id_token=4), 400, "invalid"),
    (question(id_token=["04A2"]), 400, "invalid"),
    (question(id_token=None), 400, "invalid"),
    (question(id_token=True), 400, "invalid"),
    (question(token_type="RFID"), 400, "invalid"),
    (question(token_type=1), 400, "invalid"),
    (question(evse_id=1), 400, "invalid"),
    (question(evse_id=""), 400, "invalid"),
    (question(evse_id="\x7f"), 400, "invalid"),
    (question(evse_id={}), 400, "invalid"),
    (question(location_id="x" * 256), 400, "invalid"),
    (question(cpo=7), 400, "invalid"),
    (question(id="x" * 65), 400, "invalid"),
    (question(id=""), 400, "invalid"),
    (question(id=5), 400, "invalid"),
    (question(id="a\x00b"), 400, "invalid"),
    ({"id_token": "04A2B3C4D5E680"}, 400, "no_place"),
    (b'{"x": "' + b"y" * 16384 + b'"}', 413, "too_large"),
    (b" " * 10_000_000, 413, "too_large"),
]


@pytest.mark.parametrize("path", [AUTHORIZE, EXPLAIN])
@pytest.mark.parametrize(("body", "status", "code"), BAD, ids=[str(bad[0])[:40] for bad in BAD])
def test_bad_input_is_answered_with_code_and_detail(
    path: str, body: Any, status: int, code: str, place: Any, card: Any, admin_api: ApiClient
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body)
    response = admin_api.post(path, data)
    assert response.status_code == status, response.content
    assert response.json()["code"] == code
    assert len(response.json()["detail"]) > 10
    assert not Decision.objects.exists()


def test_content_type_and_method(admin_api: ApiClient) -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        response = admin_api.post(AUTHORIZE, json.dumps(question()), content_type=content_type)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    response = admin_api.post(AUTHORIZE, json.dumps(question()), content_type="application/json; charset=utf-8")
    assert response.status_code == 200
    assert admin_api.get(AUTHORIZE).status_code == 405


@pytest.mark.parametrize("path", [AUTHORIZE, BATCH, EXPLAIN])
@pytest.mark.parametrize(
    "header", [None, "", "Token", "Token ", "Bearer x", "Token cw_x", "Token cw_aa_bb", "Token \x00"]
)
def test_no_key_or_a_wrong_one_is_401(path: str, header: str | None, db: None) -> None:
    client = ApiClient(None)
    extra = {} if header is None else {"HTTP_AUTHORIZATION": header}
    response = client.post(path, question(), **extra)
    assert response.status_code == 401
    assert set(response.json()) == {"code", "detail"}
    assert response["WWW-Authenticate"].startswith("Token")


def test_a_key_ends_at_once(place: Any, card: Any) -> None:
    user = factories.admin()
    key, text = create_key(user=user)
    assert ApiClient(text).post(AUTHORIZE, question()).status_code == 200
    assert ApiClient(text[:-1] + ("A" if text[-1] != "A" else "B")).post(AUTHORIZE, question()).status_code == 401
    revoke(key)
    assert ApiClient(text).post(AUTHORIZE, question()).status_code == 401
    key, text = create_key(user=user, expires_at=timezone.now() + timedelta(hours=1))
    assert ApiClient(text).post(AUTHORIZE, question()).status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert ApiClient(text).post(AUTHORIZE, question()).status_code == 401
    _, text = create_key(user=user)
    user.is_active = False
    user.save()
    assert ApiClient(text).post(AUTHORIZE, question()).status_code == 401


def test_the_secret_is_not_stored(db: None) -> None:
    key, text = create_key(user=factories.admin())
    key.refresh_from_db()
    assert text.split("_", 2)[2] not in str(key.__dict__)


def test_a_cpo_key_reaches_its_own_and_its_sub_cpos_places(client_of: ClientOf, card: Any) -> None:
    parent = factories.cpo()
    child = factories.cpo(parent=parent)
    own, sub, foreign = (factories.evse(factories.location(cpo)) for cpo in (parent, child, factories.cpo()))
    client = client_of(cpo=parent)
    reasons = [client.post(AUTHORIZE, question(evse_id=e.evse_id)).json()["reason"] for e in (own, sub, foreign)]
    assert reasons == ["ALLOWED", "ALLOWED", "UNKNOWN_LOCATION"]
    assert client_of(cpo=child).post(AUTHORIZE, question(evse_id=own.evse_id)).json()["reason"] == "UNKNOWN_LOCATION"


def test_a_station_key_reaches_its_station_alone_and_needs_no_place(client_of: ClientOf, card: Any) -> None:
    location = factories.location()
    station, other = factories.station(location), factories.station(location)
    own, neighbour, loose = (factories.evse(location, station=s) for s in (station, other, None))
    client = client_of(station=station)

    def ask(**place: Any) -> Any:
        return client.post(AUTHORIZE, {"id_token": card.uid} | place).json()["reason"]

    assert ask() == ask(evse_id=own.evse_id) == ask(station=station.identity.lower()) == "ALLOWED"
    assert ask(location_id=location.location_id) == "ALLOWED"
    assert ask(evse_id=neighbour.evse_id) == ask(evse_id=loose.evse_id) == "UNKNOWN_LOCATION"
    assert ask(station=other.identity) == ask(location_id=factories.location().location_id) == "UNKNOWN_LOCATION"


def test_free_charging_needs_a_known_station(client_of: ClientOf, admin_api: ApiClient) -> None:
    location = factories.location(published=False)
    station = factories.station(location, authorization_required=False)
    evse = factories.evse(location, station=station)
    nothing = {"token_type": "no_authorization"}
    for place in ({"evse_id": evse.evse_id}, {"station": station.identity}):
        assert admin_api.post(AUTHORIZE, nothing | place).json()["reason"] == "FREE_CHARGING"
    assert client_of(station=station).post(AUTHORIZE, nothing).json()["status"] == "accepted"
    by_location = admin_api.post(AUTHORIZE, nothing | {"location_id": location.location_id}).json()
    assert by_location["reason"] == "AUTHORIZATION_REQUIRED"


def test_two_places_must_be_one(admin_api: ApiClient, card: Any) -> None:
    location = factories.location()
    station = factories.station(location)
    evse, loose = factories.evse(location, station=station), factories.evse(location)
    other = factories.location()

    def ask(**place: Any) -> Any:
        response = admin_api.post(AUTHORIZE, {"id_token": card.uid} | place)
        return response.status_code, response.json().get("reason") or response.json()["code"]

    assert ask(evse_id=evse.evse_id, station=station.identity, location_id=location.location_id) == (200, "ALLOWED")
    assert ask(evse_id=evse.evse_id, location_id=other.location_id) == (400, "conflicting_places")
    assert ask(evse_id=loose.evse_id, station=station.identity) == (400, "conflicting_places")
    assert ask(evse_id=evse.evse_id, location_id="nowhere") == (200, "UNKNOWN_LOCATION")


def test_a_location_id_of_two_cpos_needs_the_cpo(admin_api: ApiClient, client_of: ClientOf, card: Any) -> None:
    one, two = factories.cpo(), factories.cpo()
    for cpo in (one, two):
        factories.location(cpo, location_id="SAME")
    body = {"id_token": card.uid, "location_id": "SAME"}
    ambiguous = admin_api.post(AUTHORIZE, body)
    assert (ambiguous.status_code, ambiguous.json()["code"]) == (400, "ambiguous_place")
    assert admin_api.post(AUTHORIZE, body | {"cpo": one.code.lower()}).json()["reason"] == "ALLOWED"
    assert admin_api.post(AUTHORIZE, body | {"cpo": "XX-XXX"}).json()["reason"] == "UNKNOWN_LOCATION"
    assert client_of(cpo=one).post(AUTHORIZE, body).json()["reason"] == "ALLOWED"
    assert client_of(cpo=one).post(AUTHORIZE, body | {"cpo": two.code}).json()["reason"] == "UNKNOWN_LOCATION"


def test_managers_ask_about_what_is_theirs(client_of: ClientOf) -> None:
    parent, emsp = factories.cpo(), factories.emsp()
    own = factories.evse(factories.location(factories.cpo(parent=parent)))
    foreign = factories.evse()
    mine, theirs = factories.token(emsp), factories.token()
    users = {name: factories.User.objects.create_user(name) for name in ("cpo", "emsp", "both", "none")}
    for name in ("cpo", "both"):
        assign_perm("locations.manage_cpo", users[name], parent)
    for name in ("emsp", "both"):
        assign_perm("tokens.manage_emsp", users[name], emsp)
    asked = [(place, token) for place in (own, foreign) for token in (mine, theirs)]

    def reasons(name: str) -> list[str]:
        client = client_of(user=users[name])
        bodies = [{"id_token": token.uid, "evse_id": place.evse_id} for place, token in asked]
        return [client.post(AUTHORIZE, body).json()["reason"] for body in bodies]

    unknown, nowhere = "UNKNOWN_TOKEN", "UNKNOWN_LOCATION"
    assert reasons("cpo") == ["ALLOWED", "ALLOWED", nowhere, nowhere]
    assert reasons("emsp") == ["ALLOWED", unknown, "ALLOWED", unknown]
    assert reasons("both") == ["ALLOWED", "ALLOWED", "ALLOWED", unknown]
    assert reasons("none") == [nowhere] * 4


def test_a_batch_answers_in_order_and_each_on_its_own(place: Any, card: Any, admin_api: ApiClient) -> None:
    items = [question(id="1"), question(id="2", id_token=""), question(id="3", id_token="FF"), 7, {"id": "5"}]
    results = admin_api.post(BATCH, {"requests": items}).json()["results"]
    assert [item["id"] for item in results] == ["1", "2", "3", None, "5"]
    assert [item.get("reason") or item["code"] for item in results] == [
        "ALLOWED", "invalid", "UNKNOWN_TOKEN", "invalid", "invalid",
    ]  # fmt: skip
    assert {item["decided_at"] for item in (results[0], results[2])} == {results[0]["decided_at"]}
    assert Decision.objects.count() == 2


def test_the_size_of_a_batch(place: Any, card: Any, admin_api: ApiClient) -> None:
    for count, status in ((0, 400), (1, 200), (1000, 200), (1001, 400)):
        response = admin_api.post(BATCH, {"requests": [question()] * count})
        assert response.status_code == status
        if status == 200:
            assert [item["status"] for item in response.json()["results"]] == ["accepted"] * count
    for body in ({}, [], {"requests": {}}, {"requests": None}):
        assert admin_api.post(BATCH, body).status_code == 400
    assert admin_api.post(BATCH, b'{"x":"' + b"y" * 1024 * 1024 + b'"}').status_code == 413


def test_explain_shows_every_row_and_writes_nothing(place: Any, card: Any, admin_api: ApiClient) -> None:
    here, cards = factories.group("location", place.location), factories.group("token", card)
    rule = factories.exception("blacklist", "emsp_for_cpo", [here], [cards], valid_from="2027-01-01T00:00:00")
    body = admin_api.post(EXPLAIN, question(at="2026-12-31T22:59:59Z")).json()
    assert (body["reason"], body["local_time"]) == ("ALLOWED", "2026-12-31T23:59:59")
    assert body["next_change_at"] == "2026-12-31T23:00:00Z"
    assert [step["row"] for step in body["steps"]] == list(range(1, 14))
    assert [step["outcome"] for step in body["steps"]] == ["pass"] * 12 + ["match"]
    assert body["steps"][6]["exceptions"] == [
        {
            "id": rule.pk,
            "name": rule.name,
            "active": False,
            "why": body["steps"][6]["exceptions"][0]["why"],
            "covers_place": True,
            "covers_token": True,
        }
    ]
    later = admin_api.post(EXPLAIN, question(at="2027-01-01T00:00:00+01:00")).json()
    assert (later["reason"], later["next_change_at"]) == ("BLACKLISTED", None)
    by_auth_id = {"auth_id": card.auth_id, "evse_id": "NL*GFX*E123456"}
    assert admin_api.post(EXPLAIN, by_auth_id).json()["reason"] == "ALLOWED"
    assert not Decision.objects.exists()


@pytest.mark.parametrize("at", ["", "now", 5, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_explain_refuses_a_bad_instant(at: Any, place: Any, card: Any, admin_api: ApiClient) -> None:
    assert admin_api.post(EXPLAIN, question(at=at)).status_code == 400


def test_explain_is_for_portal_users(place: Any, card: Any, client_of: ClientOf) -> None:
    response = client_of(cpo=place.location.cpo).post(EXPLAIN, question())
    assert (response.status_code, response.json()["code"]) == (403, "wrong_key")
    with_session = ApiClient(None)
    with_session.force_login(factories.admin())
    assert with_session.post(EXPLAIN, question()).status_code == 200
    assert with_session.post(AUTHORIZE, question()).status_code == 401


def test_explain_names_only_what_the_asker_may_see(place: Any, card: Any, client_of: ClientOf) -> None:
    emsp = card.emsp
    here, cards = factories.group("location", place.location), factories.group("token", card)
    factories.exception("blacklist", "emsp_for_cpo", [here], [cards], name="SECRET", owner_cpo=place.location.cpo)
    user = factories.User.objects.create_user("manager")
    assign_perm("tokens.manage_emsp", user, emsp)
    response = client_of(user=user).post(EXPLAIN, question())
    assert response.json()["reason"] == "BLACKLISTED"
    assert set(response.json()["steps"][6]["exceptions"][0]) == {"active", "why", "covers_place", "covers_token"}
    assert b"SECRET" not in response.content


def test_rules_that_cannot_be_read_are_503(place: Any, card: Any, admin_api: ApiClient) -> None:
    type(place.location).objects.filter(pk=place.location_id).update(time_zone="Mars/Olympus")
    for path, body in ((AUTHORIZE, question()), (EXPLAIN, question()), (BATCH, {"requests": [question()]})):
        response = admin_api.post(path, body)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response["Retry-After"] == "1"
    assert not Decision.objects.exists()


def test_a_window_beyond_the_calendar_is_503(place: Any, card: Any, admin_api: ApiClient) -> None:
    here, cards = factories.group("location", place.location), factories.group("token", card)
    rule = factories.exception("blacklist", "emsp_for_cpo", [here], [cards])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE authorization_chargeexception SET valid_until = 'infinity' WHERE id = %s", [rule.pk])
    response = admin_api.post(AUTHORIZE, question())
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


def test_create_api_key_prints_the_key_alone(capsys: pytest.CaptureFixture[str], place: Any, card: Any) -> None:
    from django.core.management import CommandError, call_command

    factories.admin(username="root")
    station = factories.station(place.location, identity="Depot 7/a")
    for arguments in (["--user", "root"], ["--station", "depot 7/A"], ["--cpo", place.location.cpo.code]):
        call_command("create_api_key", *arguments, "--name", "test")
        text = capsys.readouterr().out
        assert text.count("\n") == 1
        assert (
            ApiClient(text.strip()).post(AUTHORIZE, {"id_token": card.uid, "station": station.identity}).status_code
            == 200
        )
    for arguments in (["--user", "nobody"], ["--station", "none"], ["--cpo", "XX-XXX"], ["--cpo", "?"]):
        with pytest.raises(CommandError):
            call_command("create_api_key", *arguments)


def test_health(client: Any, db: None, admin_api: ApiClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json() == {"status": "ready", "source": "database"}
    status = admin_api.get("/api/v1/status").json()
    assert status["source"] == "database"
    assert status["revision"] == status["committed_revision"]
    assert client.get("/api/v1/status").status_code == 401
