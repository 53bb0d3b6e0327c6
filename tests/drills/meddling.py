"""Between those who send tasks and those who do them: each task comes twice, late, and in another order."""

import heapq
import itertools
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from portal.stack import services, valkey
from tests.drills.changes import Csv
from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.load import Load
from tests.drills.pushing import Partner, subscribe, waiting
from tests.drills.report import measure
from tests.drills.world import OPTIONS, World, production
from tests.stack.driver import wait_for
from tests.subscriptions.partner_server import partner_server

QUEUE = "celery"
LATE = 3.0  # seconds, at most
IMPORTS = 4
OBJECTS, ROUNDS = 50, 8
# Nobody waits for these, and beat sends some of them once a day.
BY_THE_CLOCK = [
    "authorization.tasks.make_copies_anew", "authorization.tasks.forget_changes", "authorization.tasks.forget_spools",
    "authorization.tasks.forget_presented", "authorization.tasks.look_after_log", "imports.tasks.look_after",
    "imports.tasks.forget", "chargers.tasks.forget_messages", "subscriptions.tasks.look_after",
    "subscriptions.tasks.push", "subscriptions.tasks.expire_tokens", "subscriptions.tasks.forget",
    "people.tasks.finish", "people.tasks.age",
]  # fmt: skip


class Meddler(threading.Thread):
    """Takes what is sent to one database of Valkey, and hands it to the workers, who listen at another one."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(name="meddler", daemon=True)
        self._source, self._target = source, target
        self._due: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self.taken = self.given = 0

    def run(self) -> None:
        with valkey.client(self._source) as source, valkey.client(self._target) as target:
            while not (self._stopped.is_set() and not self._due):
                while (raw := source.rpop(QUEUE)) is not None:
                    self.taken += 1
                    for _ in range(2):
                        entry = time.monotonic() + random.uniform(0, LATE), next(self._numbers), _another(raw)
                        heapq.heappush(self._due, entry)
                while self._due and self._due[0][0] <= time.monotonic():
                    target.lpush(QUEUE, heapq.heappop(self._due)[2])
                    self.given += 1
                time.sleep(0.01)

    def end(self) -> None:
        """Once it has handed on all it has."""
        self._stopped.set()
        self.join(LATE * 3)


def _another(raw: bytes) -> bytes:
    """The same task, as a message of its own."""
    message = json.loads(raw)
    message["properties"]["delivery_tag"] = str(uuid.uuid4())
    return json.dumps(message).encode()


@contextmanager
def meddled(world: World) -> Iterator[Meddler]:
    """Two workers who get all tasks so, in the place of the one there is."""
    own = world.parts["worker"]
    own.ask_to_stop()
    own.wait_stopped()
    url = f"{world.valkey.url.rpartition('/')[0]}/1"
    environment = world.environment | {"REDIS_URL": url}
    workers = [production(services.worker(OPTIONS, world.data, environment), "worker") for _ in range(2)]
    meddler = Meddler(world.valkey.url, url)
    for worker in workers:
        worker.start()
    meddler.start()
    try:
        yield meddler
    finally:
        meddler.end()
        for worker in workers:
            worker.ask_to_stop()
        for worker in workers:
            worker.wait_stopped()
        own.start()


def tasks_twice_late_and_disordered(world: World, note: Callable[[dict[str, Any]], None]) -> None:
    card, lists, partner = world.cards[-1], [], Partner()
    way = world.csv(Csv.LARGE)
    # The list's other cards are there from now on: the partner need not hear of thousands.
    with card.changing(card.is_on()):
        way.set_valid(card.token, card.is_on())
    with (
        meddled(world) as meddler,
        partner_server() as server,
        world.connect() as connection,
        Load(world.nodes, world.cast["charger"], world.subjects, pause=0.02) as load,
        Churn(world) as churn,
    ):
        subscribe(world, server, "TWC")
        server.answer = partner.answer_all
        pushing = threading.Thread(target=_change_what_a_partner_sees, args=[world], daemon=True)
        pushing.start()
        for _ in range(IMPORTS):
            assert world.hand is not None
            world.hand.ask("send", BY_THE_CLOCK)
            on = not card.is_on()
            with card.changing(on):
                way.set_valid(card.token, on)
            lists.append(way.last)
        pushing.join(60)
        wait_for(lambda: partner.has(ROUNDS) == OBJECTS and not waiting(world), 60)
        time.sleep(LATE)
        connection.execute("DELETE FROM subscriptions_pushendpoint")
    figures, problems = measure(world, load, "tasks twice, late and out of order", now())
    note(figures | {"changes": churn.made, "failed": churn.failed.total(), "failed how": dict(churn.failed)})
    written = [_history_of(world, each["id"]) for each in lists]
    named = [each["totals"]["new"] + each["totals"]["changed"] for each in lists]
    # Of other cards it hears as often as they are changed.
    heard = [numbers for uid, numbers in partner.history.items() if uid.startswith("AA")]
    twice = sum(len(numbers) - len(set(numbers)) for numbers in heard)
    found = {
        "tasks": meddler.taken, "delivered": meddler.given, "lists": len(lists), "rows written": sum(written),
        "rows to write": sum(named), "objects for a partner": OBJECTS, "rounds": ROUNDS, "sent twice": twice,
    }  # fmt: skip
    note(found)
    print(figures, found, *problems[:20], sep="\n")
    assert not problems
    assert figures["503"] == figures["broken"] == figures["lost"] == figures["doubled"] == 0
    assert meddler.given == 2 * meddler.taken > 2 * len(BY_THE_CLOCK)
    assert written == named, "a list was applied once"
    assert twice == 0
    assert all(numbers == sorted(numbers) for numbers in heard)


def _change_what_a_partner_sees(world: World) -> None:
    with world.connect() as connection:
        for number in range(1, ROUNDS + 1):
            connection.execute(
                "UPDATE tokens_token SET visual_number = %s WHERE id IN"
                " (SELECT id FROM tokens_token WHERE uid LIKE 'AA%%' ORDER BY id LIMIT %s)",
                [f"{number}", OBJECTS],
            )
            time.sleep(0.5)


def _history_of(world: World, pk: int) -> int:
    """Changes of charge tokens that the history has by an import."""
    with world.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM tokens_tokenevent e JOIN pghistory_context c ON c.id = e.pgh_context_id"
            " WHERE (c.metadata->>'import_id')::int = %s",
            [pk],
        ).fetchone()
    assert row is not None
    return int(row[0])
