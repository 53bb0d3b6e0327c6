"""The whole way, with real threads: thousands of changes to partners that die, hang and refuse in turns."""

import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from authorization.cache import follower
from chargers.services import watching
from subscriptions import tasks
from subscriptions.models import Delivery
from subscriptions.push import outgoing, runner, turns, watch
from tests import factories
from tests.chargers.broker import until
from tests.chargers.test_mqtt import database_url
from tests.portal.test_admin import in_use
from tests.refusals import sql
from tests.subscriptions.conftest import Push
from tests.subscriptions.partner_server import OK, PartnerServer, Reply, Request, partner_server
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
OBJECTS = 80


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FIRST_PAUSE", 0.02), ("MOST_PAUSE", 0.05), ("MOST_OBJECT_PAUSE", 0.1)):
        monkeypatch.setattr(turns, name, value)
    monkeypatch.setattr(outgoing, "READ", 0.3)
    monkeypatch.setattr(outgoing, "WHOLE", 0.5)


class Kept:
    """What a partner has by what it took in, with whether that came in order."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[int]] = defaultdict(list)
        self.lock = threading.Lock()

    def take(self, request: Request) -> None:
        with self.lock:
            uid, body = request.parts[-1], request.body
            self.objects[uid] = body if request.method == "PUT" else self.objects[uid] | body
            self.history[uid].append(int(self.objects[uid]["visual_number"]))


def badly(kept: Kept) -> Any:
    """Every few requests another failure; what is answered with 1000 was taken in, and some that was not too."""
    numbers = iter(range(1_000_000))
    failing = [
        Reply(drop=True), Reply(500), Reply(429, headers={"Retry-After": "0"}), Reply(hang=0.6),
        Reply(200, OK | {"status_code": 3000}), Reply(503, headers={"Retry-After": "0"}),
    ]  # fmt: skip

    def answer(request: Request) -> Reply:
        number = next(numbers)
        if number % 40 != 39:
            kept.take(request)
            return Reply()
        if number % 80 == 79:
            kept.take(request)
        return failing[number // 40 % len(failing)]

    return answer


def test_everything_arrives_in_order_whatever_the_partner_does(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    kept = Kept()
    server.answer = badly(kept)
    Token.objects.bulk_create(Token(emsp=emsp, uid=f"{n:08X}", type="RFID", visual_number="0") for n in range(OBJECTS))
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            runner.run(5, 0.2, database_url())

    sender = threading.Thread(target=run)
    sender.start()
    try:
        for number in range(1, 6):
            Token.objects.filter(emsp=emsp).update(visual_number=f"{number}")
            time.sleep(0.2)
        until(lambda: not Delivery.objects.exclude(state="delivered").exists(), 30)
    finally:
        stop.set()
        sender.join()
    assert {uid: shape["visual_number"] for uid, shape in kept.objects.items()} == dict.fromkeys(kept.objects, "5")
    assert len(kept.objects) == OBJECTS
    assert all(numbers == sorted(numbers) for numbers in kept.history.values())


def test_who_hangs_delays_nobody_else(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    server.answer = lambda request: Reply(hang=5)
    for number in range(5):
        pushed(emsp, role="CPO", only=["tokens"], party_id=f"HG{number}")
    with partner_server() as quick:
        pushed(emsp, role="CPO", only=["tokens"], to=quick)
        running = threading.Thread(target=runner.run, args=(2.0, 0.5, database_url()))
        running.start()
        time.sleep(0.3)
        for number in range(3):
            began = time.monotonic()
            factories.token(emsp, uid=f"0{number}")
            until(lambda number=number: len(quick.received) > number, 5)  # type: ignore[misc]
            assert time.monotonic() - began < 3  # the others hang for 5
        running.join()
    assert len(server.received) >= 5


def test_a_partner_hears_at_once_what_was_taken_away(pushed: Push, server: PartnerServer) -> None:
    """From the cause to the partner's webhook: a card is blocked while it is in use."""
    token = factories.token()
    station = factories.station()
    pushed(station.location.cpo, only=["chargestationnotifications"])
    in_use(station=station, token=token, presented=token.uid, token_key=f"t{token.pk}")
    running = threading.Thread(target=runner.run, args=(3.0, 2.0, database_url()))
    running.start()
    time.sleep(0.3)
    with transaction.atomic():
        Token.objects.filter(pk=token.pk).update(valid=False)
    watching.look(timezone.now())
    until(lambda: bool(server.received), 10)
    assert server.received[0].body["type"] == "authorization_deauthorized"
    running.join()


def test_what_is_rolled_back_is_never_pushed(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    with transaction.atomic():
        factories.token(emsp)
        transaction.set_rollback(True)
    assert runner.run(1.0, 0.1, database_url()) == 0
    factories.token(emsp)
    assert runner.run(1.0, 0.1, database_url()) == 1
    assert len(server.received) == 1


def test_what_nobody_comes_to_is_caught_up(pushed: Push, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat's look: it leaves alone what a run is about to come to."""
    settings.DATABASE_URL = database_url()
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    factories.token(emsp)
    assert tasks.look_after() == 0
    monkeypatch.setattr(runner, "OVERDUE", timedelta(0))
    assert tasks.look_after() == 1
    factories.token(emsp)
    assert tasks.push.apply(kwargs={}).result == 1
    assert tasks.forget() == 0
    assert tasks.expire_tokens() == 0


def test_one_process_pushes(pushed: Push) -> None:
    with follower.connect(database_url()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [runner.FIRST])
        assert runner.run(0.5, 0.1, database_url()) == 0


def test_a_change_wakes_a_worker(pushed: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes it; and again when a wake-up was lost."""
    woken: list[float] = []
    monkeypatch.setattr(watch, "wake", lambda: woken.append(time.monotonic()))
    monkeypatch.setattr(watch, "TICK", 10.0)
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    stopped = threading.Event()
    watching_ = threading.Thread(target=watch.watch, args=(stopped, database_url()))
    watching_.start()
    try:
        time.sleep(0.5)
        assert not woken
        factories.token(emsp)
        until(lambda: len(woken) > 1, 5)
    finally:
        stopped.set()
        sql("NOTIFY chargeward_push")
        watching_.join(5)
    assert not watching_.is_alive()
