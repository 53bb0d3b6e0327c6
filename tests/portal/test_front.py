"""The front and the view it stands before: the same status, headers and body, and the same rows in the log."""

import io
import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authorization import clock, questions
from authorization.api.metrics import exposition
from authorization.api.parsers import _load_strictly, load_texts
from authorization.cache.snapshot import NotReady
from authorization.models import ApiKey
from authorization.services import create_key, revoke
from locations.models import CPO, ChargeStation
from portal.charging import ChargingHandler
from portal.front import Front, with_front
from tests import factories
from tests.authorization.database_world import body_of, fitted, save
from tests.authorization.random_changes import Dice
from tests.authorization.served_copy import ServedCopy, answering, served_copy
from tests.authorization.test_cache_decision import _asks
from tests.authorization.test_charging_api import AUTHORIZE, BAD, BATCH
from tests.engine.random_worlds import Case, cases
from tests.worlds import Scenario, load_scenarios

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)
Answer = tuple[str, list[tuple[str, str]], bytes]


class Rows:
    """A log to look at."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.broken = False

    def write(self, rows: Any) -> None:
        self.rows += rows
        if self.broken:
            raise OperationalError("no disk and no database")


class Pair:
    """The view alone, and behind its front; `passed` counts what the front left to it."""

    def __init__(self, copy: ServedCopy, log: Rows) -> None:
        self.copy = copy
        self.log = log
        self.alone = ChargingHandler()
        self.front = Front(self._passed_on)
        self.passed = 0
        self.answers: list[Answer] = []

    def _passed_on(self, environ: Any, start_response: Any) -> Any:
        self.passed += 1
        return self.alone(environ, start_response)

    def ask(self, key: str, body: Any, path: str = AUTHORIZE, **headers: str | None) -> Any:
        """What both say, which is the same, and read; that the front said it is for the caller to ask."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        (one, logged), (other, also) = (self._ask(app, key, data, path, headers) for app in (self.alone, self.front))
        assert one == other, (data, headers)
        assert logged == also, data
        self.answers.append(other)
        return json.loads(other[2]) if other[2] else None

    def _ask(self, app: Any, key: str, data: bytes, path: str, headers: dict[str, str | None]) -> tuple[Answer, Any]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
            "HTTP_HOST": "127.0.0.1:8000", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)),
            "HTTP_AUTHORIZATION": f"Token {key}", "wsgi.input": io.BytesIO(data), "wsgi.errors": io.StringIO(),
        }  # fmt: skip
        environ |= headers
        said: list[Any] = []
        before = len(self.log.rows)
        body = app(
            {name: value for name, value in environ.items() if value is not None}, lambda *start: said.append(start)
        )
        assert isinstance(body, list)  # anything else granian sends in pieces
        ((status, sent),) = said
        return (status, sent, b"".join(body)), self.log.rows[before:]

    def by_front(self, key: str, body: Any, path: str = AUTHORIZE, **headers: str | None) -> Any:
        before = self.passed
        answer = self.ask(key, body, path, **headers)
        assert self.passed == before, (body, self.answers[-1])
        assert self.answers[-1][0] == "200 OK"
        return answer

    def by_view(self, key: str, body: Any, path: str = AUTHORIZE, **headers: str | None) -> Any:
        before = self.passed
        answer = self.ask(key, body, path, **headers)
        assert self.passed == before + 1, (body, self.answers[-1])
        return answer


def at(patch: pytest.MonkeyPatch, instant: datetime) -> None:
    """The present, for rows and for decisions."""
    patch.setattr(timezone, "now", lambda: instant)
    patch.setattr(clock, "now", lambda: instant)


@pytest.fixture(autouse=True)
def _same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The instant, and the id that is made for an answer, would differ between the two."""
    at(monkeypatch, NOW)
    monkeypatch.setattr(questions, "_new_id", lambda: "made")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with served_copy(tmp_path) as copy:
        log = Rows()
        with answering(copy.store, log):
            yield Pair(copy, log)


@pytest.fixture
def card(pair: Pair) -> dict[str, str]:
    """A question that is answered ALLOWED."""
    token, evse = factories.token(uid="04A2B3C4D5E680"), factories.evse(evse_id="NL*GFX*E123456")
    return {"id_token": token.uid, "evse_id": evse.evse_id}


@pytest.fixture
def key(pair: Pair, card: Any) -> str:
    """An Admin's key that the copy knows."""
    text = create_key(user=factories.admin())[1]
    pair.copy.catch_up()
    return text


def test_a_closed_key(pair: Pair, card: dict[str, str], settings: LazySettings) -> None:
    settings.UNKNOWN_TOKENS_PER_CPO = 3
    text = create_key(cpo=CPO.objects.get())[1]
    pair.copy.catch_up()
    pair.by_front(text, card)
    pair.by_front(text, card | {"id_token": "04C0FFEE123456"})  # which the view counts as well
    with_one = {"requests": [card, card | {"id_token": "04C0FFEE123456"}]}
    assert pair._ask(pair.front, text, json.dumps(with_one).encode(), BATCH, {})[0][0] == "200 OK"
    for body, path in ((card, AUTHORIZE), (with_one, BATCH)):
        said = pair.by_view(text, body, path)
        assert said["code"] == "too_many_unknown_tokens"
        assert pair.answers[-1][0] == "429 Too Many Requests"


@pytest.mark.parametrize("scenario", load_scenarios(), ids=lambda scenario: scenario.name)
def test_scenarios(scenario: Scenario, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = save(fitted(scenario.world))
    admin = create_key(user=factories.admin())[1]
    keys = {None: admin} | {name: create_key(cpo=cpo)[1] for name, cpo in saved.cpos.items()}
    pair.copy.catch_up()
    for ask in scenario.asks:
        at(monkeypatch, ask.at)
        answer = pair.by_front(keys[ask.by], body_of(saved, ask) | {"id": ask.say[:64]})
        assert (answer["status"], answer["reason"]) == (ask.status, ask.reason)
        assert pair.log.rows[-1][0] == ask.say[:64]


@settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
@given(cases(), st.integers(0, 2**32 - 1))
def test_random_worlds(tmp_path_factory: pytest.TempPathFactory, case: Case, seed: int) -> None:
    dice = Dice(seed, case.jump)
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        at(patch, case.at)
        save(fitted(case.world))
        keys = [create_key(user=factories.admin())[1], create_key(cpo=dice.row(CPO))[1]]
        if ChargeStation.objects.exists():
            keys.append(create_key(station=dice.row(ChargeStation))[1])
        with served_copy(tmp_path_factory.mktemp("copies")) as copy, answering(copy.store, log := Rows()):
            pair = Pair(copy, log)
            bodies = [varied(body, dice) for _, body in _asks(dice, case.at)]
            for body in bodies:
                pair.ask(dice.choice(keys), body)
            answered = sum(answer[0] == "200 OK" for answer in pair.answers)
            # What the front passes on are questions with two places that differ, or none: those are 400.
            assert answered >= len(bodies) - pair.passed
            assert pair.passed < len(bodies) // 2
            for asked_by in keys:
                pair.by_front(asked_by, {"requests": bodies}, BATCH)
        transaction.set_rollback(True)


def varied(body: dict[str, Any], dice: Dice) -> dict[str, Any]:
    """The same question in another spelling, or with something about it that is wrong or unknown."""
    kind = dice.randrange(8)
    if kind == 0:
        return {name: value.lower() if name in ("evse_id", "station") else value for name, value in body.items()}
    if kind == 1:
        return body | {"id": dice.choice(["x", "é", "\U0001f50c", "x" * 64, 'a"b', "a\\b", "x y", "a/b"])}
    if kind == 2:
        return body | {"more": dice.choice(["text", 5, None, [], {"a": "b"}])}
    if kind == 3:
        return {**body, "token_type": "no_authorization"} if dice.flag() else {**body, "id": None}
    return body


def test_bad_bodies_are_left_to_the_view(pair: Pair, card: Any, key: str) -> None:
    for body, status, code in BAD:
        assert pair.by_view(key, body)["code"] == code
        assert pair.answers[-1][0].startswith(str(status))
    assert not pair.log.rows


def test_bad_batches_are_left_to_the_view(pair: Pair, card: Any, key: str) -> None:
    many = b'{"requests": [' + b",".join([json.dumps(card).encode()] * 1001) + b"]}"
    twice = b'{"requests": [{"id_token": "A", "id_token": "B"}]}'
    again = b'{"requests": [{"id": "A"}], "requests": [{"id": "B"}]}'
    for body in ({}, [], {"requests": {}}, {"requests": []}, {"requests": None}, many, twice, again, b"{", b""):
        pair.by_view(key, body, BATCH)
        assert pair.answers[-1][0].startswith("400")
    pair.by_view(key, b'{"x":"' + b"y" * 1024 * 1024 + b'"}', BATCH)
    pair.by_view(key, {"requests": [{}, {"id": "x"}, 5]}, BATCH)
    assert pair.answers[-1][0] == "200 OK"
    assert not pair.log.rows


def test_a_batch_has_bad_items_in_their_places(pair: Pair, card: Any, key: str) -> None:
    factories.location(location_id="SAME")
    factories.location(location_id="SAME")
    pair.copy.catch_up()
    items = [card | {"id": "1"}, card | {"id_token": ""}, 7, card | {"id": "4", "id_token": "FF"}, {"id": "5"}]
    items += [{"id": "6", "id_token": "FF", "location_id": "SAME"}, card | {"id": "7"}]
    results = pair.by_front(key, {"requests": items}, BATCH)["results"]
    said = [item.get("reason") or item["code"] for item in results]
    assert said == ["ALLOWED", "invalid", "invalid", "UNKNOWN_TOKEN", "invalid", "ambiguous_place", "ALLOWED"]
    assert [item["id"] for item in results] == ["1", None, None, "4", "5", "6", "7"]
    assert len(pair.log.rows) == 6  # three, by each of the two
    assert [len(pair.by_front(key, {"requests": [card] * 1000}, BATCH)["results"]), len(pair.log.rows)] == [1000, 2006]


ODD: list[dict[str, str | None]] = [
    {"REQUEST_METHOD": "GET"}, {"REQUEST_METHOD": "PUT"}, {"REQUEST_METHOD": "OPTIONS"}, {"REQUEST_METHOD": "HEAD"},
    {"CONTENT_TYPE": "application/json; charset=utf-8"}, {"CONTENT_TYPE": "text/plain"}, {"CONTENT_TYPE": None},
    {"CONTENT_TYPE": ""}, {"CONTENT_LENGTH": None}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "x"},
    {"CONTENT_LENGTH": "5"}, {"CONTENT_LENGTH": "-5"}, {"CONTENT_LENGTH": "999"}, {"CONTENT_LENGTH": "99999999"},
    {"CONTENT_LENGTH": "²"}, {"CONTENT_LENGTH": "٣"}, {"HTTP_TRANSFER_ENCODING": "chunked"},
    {"HTTP_HOST": "elsewhere.example.org"}, {"HTTP_HOST": "127.0.0.1:x"}, {"HTTP_HOST": None}, {"HTTP_HOST": ""},
    {"HTTP_AUTHORIZATION": None}, {"HTTP_AUTHORIZATION": ""}, {"HTTP_AUTHORIZATION": "Token"},
    {"HTTP_AUTHORIZATION": "Token "}, {"HTTP_AUTHORIZATION": "Bearer x"}, {"HTTP_AUTHORIZATION": "Token cw_x"},
    {"HTTP_AUTHORIZATION": "Token cw_0000000000_xxxx"}, {"HTTP_AUTHORIZATION": "Token \xff"},
]  # fmt: skip


@pytest.mark.parametrize("path", [AUTHORIZE, BATCH])
def test_odd_headers_are_left_to_the_view(path: str, pair: Pair, card: Any, key: str) -> None:
    body = card if path == AUTHORIZE else {"requests": [card]}
    for headers in ODD:
        pair.by_view(key, body, path, **headers)
    for scheme in ("token", "TOKEN", "Token ", "token  "):
        pair.by_view(key, body, path, HTTP_AUTHORIZATION=f"{scheme} {key}")
    pair.by_view(key, body, path, HTTP_AUTHORIZATION=f"Token {key} ")
    # What changes nothing is answered at once.
    for headers in ({"QUERY_STRING": "format=xml"}, {"HTTP_ACCEPT": "text/html"}, {"HTTP_HOST": "localhost"},
                    {"HTTP_X_HTTP_METHOD_OVERRIDE": "GET"}, {"HTTP_COOKIE": "sessionid=1"}):  # fmt: skip
        pair.by_front(key, body, path, **headers)


def test_other_paths_are_left_to_the_view(pair: Pair, card: Any, key: str) -> None:
    for path in (f"{AUTHORIZE}/", f"{BATCH}/", f"{AUTHORIZE}x", f"{AUTHORIZE}/batch/x"):
        before = pair.passed
        one, other = (pair._ask(app, key, b"{}", path, {}) for app in (pair.alone, pair.front))
        assert one == other
        assert one[0][0][:3] in ("400", "404")
        assert pair.passed == before + 1


def test_plain_http_is_refused_in_production(settings: LazySettings, pair: Pair, card: Any, key: str) -> None:
    settings.PRODUCTION = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    pair.front = Front(pair._passed_on)
    pair.by_front(key, card, HTTP_X_FORWARDED_PROTO="https")
    assert any(name == "Strict-Transport-Security" for name, _ in pair.answers[-1][1])
    for scheme in ("http", "https, http", "HTTPS", None, ""):
        pair.by_view(key, card, HTTP_X_FORWARDED_PROTO=scheme)
    assert pair.by_view(key, card)["code"] == "https_required"


def test_keys_of_each_kind_and_their_end(pair: Pair, card: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    evse = factories.evse(station=factories.station(place := factories.location()), location=place)
    kinds = [create_key(station=evse.station), create_key(cpo=place.cpo), create_key(user=factories.admin())]
    kinds.append(create_key(user=(nobody := factories.User.objects.create_user("nobody"))))
    for _, text in kinds:
        pair.by_view(text, card)  # made a moment ago: the copy does not know it, the database does
    pair.copy.catch_up()
    for row, text in kinds:
        for body in (card, {"id_token": "FF", "evse_id": evse.evse_id}, card | {"evse_id": "NL*XXX*E1"}):
            pair.by_front(text, body)
        if row.station_id:
            pair.by_front(text, {"id_token": card["id_token"]})
        pair.by_view(text[:-1] + ("A" if text[-1] != "A" else "B"), card)
        assert pair.answers[-1][0].startswith("401")
    nobody.is_active = False
    nobody.save()
    revoke(kinds[0][0])
    kinds[1][0].delete()
    ApiKey.objects.filter(pk=kinds[2][0].pk).update(expires_at=NOW + timedelta(seconds=1))
    pair.copy.catch_up()
    pair.by_front(kinds[2][1], card)
    at(monkeypatch, NOW + timedelta(seconds=1))
    for _, text in kinds:
        pair.by_view(text, card)
        assert pair.answers[-1][0].startswith("401")


def test_what_changed_is_answered_at_once(pair: Pair, card: Any, key: str) -> None:
    token = factories.Token.objects.get()
    for valid, reason in ((False, "TOKEN_BLOCKED"), (True, "ALLOWED")):
        factories.Token.objects.filter(pk=token.pk).update(valid=valid)
        pair.copy.catch_up()
        assert pair.by_front(key, card)["reason"] == reason


def test_a_copy_in_doubt_is_left_to_the_view(pair: Pair, card: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.copy.reader.stale_after = -1.0
    assert pair.by_view(key, card)["reason"] == "ALLOWED"
    assert {row[-1] for row in pair.log.rows} == {"database"}
    pair.copy.reader.stale_after = 60.0
    pair.by_front(key, card)
    with pair.copy.writer.environment.lmdb.begin(write=True) as txn:
        txn.delete(b"tRFID:04A2B3C4D5E680")
        txn.put(b"tRFID:04A2B3C4D5E680", b"{")
    assert pair.by_view(key, card)["reason"] == "ALLOWED"

    def gone(*_: Any) -> Any:
        raise OperationalError("gone")

    for name in ("caller", "load"):
        monkeypatch.setattr(pair.copy.store.database, name, gone)
    monkeypatch.setattr(pair.copy.reader, "begin", lambda: (_ for _ in ()).throw(NotReady("none")))
    for path, body in ((AUTHORIZE, card), (BATCH, {"requests": [card]})):
        assert pair.by_view(key, body, path)["code"] == "unavailable"
        assert pair.answers[-1][0].startswith("503")


def test_rules_that_cannot_be_read_are_left_to_the_view(pair: Pair, card: Any, key: str) -> None:
    factories.Location.objects.update(time_zone="Mars/Olympus")
    pair.copy.catch_up()
    assert pair.by_view(key, card)["code"] == "unavailable"
    assert not pair.log.rows


def test_a_log_that_takes_nothing_is_asked_once(pair: Pair, card: Any, key: str) -> None:
    pair.log.broken = True
    for path, body in ((AUTHORIZE, card), (BATCH, {"requests": [card]})):
        assert pair.by_view(key, body, path)["code"] == "unavailable"
        assert pair.answers[-1][0].startswith("503")
    assert len(pair.log.rows) == 4  # each of the two, each time: nobody tried again


def test_both_are_counted_alike(pair: Pair, card: Any, key: str) -> None:
    def counted() -> dict[str, float]:
        lines = [line for line in exposition().decode().splitlines() if "_created" not in line and line[0] != "#"]
        wanted = ("chargeward_decisions", "chargeward_unanswered", "chargeward_answer_seconds_count")
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted)}

    batch = json.dumps({"requests": [card] * 3 + [card | {"id_token": "FF"}] * 2}).encode()
    more = []
    for app in (pair.alone, pair.front):
        before = counted()
        pair._ask(app, key, json.dumps(card).encode(), AUTHORIZE, {})
        pair._ask(app, key, batch, BATCH, {})
        pair._ask(app, key, b"{", AUTHORIZE, {})
        after = counted()
        more.append({name: value - before.get(name, 0.0) for name, value in after.items() if value != before.get(name)})
    assert more[0] == more[1]
    assert sorted(more[0].values()) == [1.0, 1.0, 2.0, 2.0, 4.0]


def test_the_setting(settings: LazySettings) -> None:
    view = ChargingHandler()
    assert isinstance(with_front(view), Front)
    settings.AUTHORIZE_FRONT = False
    assert with_front(view) is view


EVSE = r"[A-Z]{2}\*?[A-Z0-9]{3}\*?[Ee][a-f0-9*]{0,4}[ é]?"
VALUES = [b'"x"', b"1", b"null", b'{"a":"b"}', b'["q"]', b'[{"a":"b","a":"c"}]', b'[{"a":"1"}]', b"[]", b"[{}]",
          b'"\\u0041"', b"true", b'""', b'"\\ud800"', b"1e999", b"-0", b"NaN"]  # fmt: skip


def test_json_that_is_read_quickly_is_read_alike() -> None:
    dice, quick = random.Random(2), 0
    for _ in range(100_000):
        names = [dice.choice([b'"a"', b'"requests"', b'"b"']) for _ in range(dice.randrange(4))]
        pairs = [name + b":" + dice.choice(VALUES) for name in names]
        data = b"{" + b",".join(pairs) + b"}" + dice.choice([b"", b"", b"", b" ", b"\n", b",", b"\x00", b"\xff"])
        body = load_texts(data)
        if body is not None:
            quick += 1
            assert body == _load_strictly(data), data
    assert quick > 10_000


@given(st.fixed_dictionaries({}, optional={
    "id_token": st.text("04AaFfz -:\u0410", max_size=9), "evse_id": st.from_regex(EVSE),
    "token_type": st.sampled_from(["ISO14443", "e_maid", "local", ""]), "id": st.text(max_size=66),
    "location_id": st.just("L"), "station": st.just("s"), "cpo": st.just("NL-GFX"),
}))  # fmt: skip
def test_a_card_at_an_evse_is_parsed_alike(body: dict[str, str]) -> None:
    plain = questions._card_at_evse(body, "own")
    assert plain is None or plain == questions._parse(body, "own", False)


def test_a_plain_card_at_an_evse_is_parsed_quickly() -> None:
    assert questions._card_at_evse({"id_token": "04A2", "evse_id": "NL*GFX*E1"}, "own") is not None


def test_ids_are_uuids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    made = {questions._new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert {(uuid.UUID(each).version, str(uuid.UUID(each)) == each) for each in made} == {(4, True)}
