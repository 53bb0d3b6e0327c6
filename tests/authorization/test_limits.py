"""A key that tries one id after another is told nothing more for a while; whoever counts, and wherever it asks."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from redis import RedisError

from authorization import limits as module
from authorization.limits import Counts, Limits, LocalCounts, NodeCounts, RedisCounts, TooManyUnknown
from authorization.models import ApiKey, Decision
from authorization.services import Caller, charging, create_key
from locations.models import EVSE
from portal import web_node
from portal.stack import ports
from tests import factories
from tests.conftest import ApiClient

AUTHORIZE, BATCH = "/api/v1/authorize", "/api/v1/authorize/batch"
STATION = Caller(7, "a station's", station=3)
Make = Callable[[], Counts]


@pytest.fixture(params=["process", "node", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """make(): another worker's way to the same numbers; a process shares them with nobody."""
    if request.param == "redis":
        return lambda: RedisCounts(configured.REDIS_URL, f"test:{tmp_path}")
    if request.param == "node":
        return lambda: NodeCounts(tmp_path / "cache" / "unknown.json")
    local = LocalCounts()
    return lambda: local


@pytest.fixture(autouse=True)
def _five(settings: LazySettings) -> None:
    settings.UNKNOWN_TOKENS_PER_STATION, settings.UNKNOWN_TOKENS_PER_CPO = 5, 8


def test_each_key_is_counted_until_its_window_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 0.4)
    counts = make()
    assert [counts.add(1, times, 5)[0] for times in (1, 2, 1)] == [1, 3, 4]
    assert counts.closed() == {}
    total, left = make().add(1, 1, 5)
    assert (total, 0 < left <= 0.4) == (5, True)
    assert counts.add(2, 1, 5)[0] == 1
    ((key, left),) = counts.closed().items()
    assert (key, 0 < left <= 0.4) == (1, True)
    time.sleep(0.45)
    assert counts.closed() == {}
    assert counts.add(1, 1, 5)[0] == 1


def test_workers_that_count_at_once_miss_none(make: Make) -> None:
    seen: list[int] = []

    def count() -> None:
        counts = make()
        seen.extend(counts.add(1, 1, 1_000)[0] for _ in range(50))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 201))


def refused(limits: Limits, caller: Caller) -> bool:
    try:
        limits.check(caller)
    except TooManyUnknown as error:
        return 0 < error.wait <= module.WINDOW
    return False


def test_what_one_worker_closes_the_others_close_when_they_look(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 1.0)
    one, other = Limits([make()]), Limits([make()])
    monkeypatch.setattr(one, "_tell", lambda: None)
    one.note(STATION, 4)
    other.look()
    assert not refused(one, STATION)
    one.note(STATION, 1)
    assert refused(one, STATION)
    other.look()
    assert refused(other, STATION)
    assert not refused(other, Caller(8, "another", station=4))
    time.sleep(1.05)
    assert not refused(one, STATION)
    assert not refused(other, STATION)


@pytest.mark.parametrize("damage", [b"", b"[[1", b"[[7]]", b'{"a": 1}', b"null", b'[["a", "b", "c", "d"]]'])
def test_a_file_that_cannot_be_read_starts_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "unknown.json").write_bytes(damage)
    counts = NodeCounts(tmp_path / "unknown.json")
    assert counts.add(7, 5, 5)[0] == 5
    assert set(counts.closed()) == {7}


def test_without_redis_it_holds_for_the_node(tmp_path: Path) -> None:
    gone = RedisCounts(f"redis://127.0.0.1:{ports.free()}/0", "test")
    with pytest.raises(RedisError):
        gone.add(1, 1, 5)
    workers = [Limits([gone, NodeCounts(tmp_path / "unknown.json"), LocalCounts()]) for _ in range(2)]
    for _ in range(2):
        for worker in workers:
            worker.note(STATION, 1)
    assert not any(refused(worker, STATION) for worker in workers)
    workers[0].note(STATION, 1)
    assert refused(workers[0], STATION)
    module.Limits.look(workers[1])
    assert refused(workers[1], STATION)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1/0"])
def test_a_node_without_an_address_of_redis_counts_for_itself(settings: LazySettings, url: str) -> None:
    assert [type(each) for each in web_node.counts()] == [RedisCounts, NodeCounts, LocalCounts]
    settings.REDIS_URL = url
    assert [type(each) for each in web_node.counts()] == [NodeCounts, LocalCounts]


def test_without_redis_and_a_disk_it_holds_for_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    limits = Limits([NodeCounts(tmp_path / "file" / "unknown.json"), LocalCounts()])
    limits.note(STATION, 5)
    assert refused(limits, STATION)


@pytest.mark.django_db
class TestAsked:
    @pytest.fixture
    def evse(self) -> EVSE:
        station = factories.station()
        return factories.evse(location=station.location, station=station)

    @staticmethod
    def ask(client: ApiClient, evse: EVSE, uid: str = "04C0FFEE123456") -> Any:
        return client.post(AUTHORIZE, {"id_token": uid, "evse_id": evse.evse_id})

    def test_a_station_that_tries_ids(self, evse: EVSE, client_of: Any) -> None:
        known = factories.token(uid="04A2B3C4D5E680")
        assert evse.station is not None
        tries, other = client_of(station=evse.station), client_of(cpo=evse.location.cpo)
        for number in range(5):
            assert self.ask(tries, evse, f"04{number:012X}").json()["reason"] == "UNKNOWN_TOKEN"
            assert self.ask(tries, evse, known.uid).status_code == (200 if number < 4 else 429)
        logged = Decision.objects.count()
        answer = self.ask(tries, evse, known.uid)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_unknown_tokens")
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert tries.post(BATCH, {"requests": [{"id_token": known.uid}]}).status_code == 429
        assert Decision.objects.count() == logged, "nothing was decided"
        assert self.ask(other, evse, known.uid).json()["reason"] == "ALLOWED"

    def test_each_item_of_a_batch_counts(self, evse: EVSE, client_of: Any) -> None:
        tries = client_of(cpo=evse.location.cpo)
        items = [{"id_token": f"04{number:012X}", "evse_id": evse.evse_id} for number in range(7)]
        assert tries.post(BATCH, {"requests": [*items, {"id_token": ""}]}).status_code == 200
        assert self.ask(tries, evse).status_code == 200
        assert self.ask(tries, evse).status_code == 429

    def test_people_are_exempt_and_so_is_everybody_at_0(
        self, evse: EVSE, client_of: Any, settings: LazySettings
    ) -> None:
        settings.UNKNOWN_TOKENS_PER_CPO = 0
        people = [client_of(user=factories.admin()), client_of(user=factories.manager(evse.location.cpo))]
        for client in [*people, client_of(cpo=evse.location.cpo)]:
            assert {self.ask(client, evse).status_code for _ in range(12)} == {200}

    def test_the_portal_shows_it(self, evse: EVSE, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module.connection, "close", lambda: None)  # which a thread of its own does
        key, text = create_key(cpo=evse.location.cpo, name="Broken reader")
        for _ in range(8):
            self.ask(ApiClient(text), evse)
        charging.limits.look()
        assert ApiKey.objects.get(pk=key.pk).limited_at is not None
        for user, seen in (
            (factories.admin(), True),
            (factories.manager(evse.location.cpo), True),
            (factories.manager(factories.cpo()), False),
        ):
            client.force_login(user)
            page = client.get("/admin/").content.decode()
            address = reverse("admin:authorization_apikey_change", args=[key.pk])
            assert (("too many unknown tokens" in page), (address in page)) == (seen, seen)
