"""Changes by the thousand to a partner that dies, hangs, answers 500 and 429 in turns, through the real worker."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.drills.conftest import LONG
from tests.drills.world import HOST, World
from tests.stack import driver
from tests.stack.driver import wait_for
from tests.subscriptions.partner_server import OK, PartnerServer, Reply, Request, partner_server

OBJECTS, ROUNDS = (500, 20) if LONG else (50, 3)
EVERY = 150 if LONG else 40  # requests between two failures
PATIENCE = 240.0 if LONG else 45.0
FAILURES = [
    Reply(drop=True), Reply(500), Reply(429, headers={"Retry-After": "1"}), Reply(200, OK | {"status_code": 3000}),
    *([Reply(hang=7.0)] if LONG else []),
]  # fmt: skip


class Partner:
    """What it took in, object by object, with whether that came in order."""

    def __init__(self) -> None:
        self.shapes: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[int]] = defaultdict(list)
        self.failed = self.count = 0
        self.lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        with self.lock:
            self.count += 1
            fails = self.count % EVERY == 0
            # Some of what is answered badly was taken in all the same.
            if not fails or self.count % (2 * EVERY) == 0:
                self._take(request)
            if not fails:
                return Reply()
            self.failed += 1
            return FAILURES[self.failed % len(FAILURES)]

    def answer_all(self, request: Request) -> Reply:
        with self.lock:
            self.count += 1
            self._take(request)
        return Reply()

    def _take(self, request: Request) -> None:
        uid, body = request.parts[-1], request.body
        self.shapes[uid] = body if request.method == "PUT" else self.shapes[uid] | body
        self.history[uid].append(int(self.shapes[uid].get("visual_number", 0)))

    def has(self, number: int) -> int:
        with self.lock:
            return sum(shape.get("visual_number") == f"{number}" for shape in self.shapes.values())


def subscribe(world: World, server: PartnerServer, party: str = "DRL") -> None:
    with world.connect() as connection:
        row = connection.execute("SELECT emsp_id FROM tokens_token WHERE uid LIKE 'AA%' LIMIT 1").fetchone()
    assert row is not None
    body = {
        "name": "Drill", "country_code": "FR", "party_id": party, "role": "CPO", "emsps": [row[0]],
        "modules": ["tokens"], "push_endpoints": {"tokens": f"{server.url}/tokens"}, "push_token": "drill",
    }  # fmt: skip
    headers = {"Authorization": f"Token {world.cast['admin']}", "Content-Type": "application/json"}
    url = f"http://{HOST}:{world.nodes[0].port}/api/v1/subscriptions/"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=10) as answer:
        assert answer.status == 201


def push_through(world: World, note: Callable[[dict[str, Any]], None]) -> None:
    partner = Partner()
    with partner_server() as server, world.connect() as connection:
        subscribe(world, server)
        server.answer = partner.answer
        began = time.monotonic()
        for number in range(1, ROUNDS + 1):
            connection.execute(
                "UPDATE tokens_token SET visual_number = %s WHERE id IN"
                " (SELECT id FROM tokens_token WHERE uid LIKE 'AA%%' ORDER BY id LIMIT %s)",
                [f"{number}", OBJECTS],
            )
            if LONG and number == ROUNDS // 2:
                os.killpg(world.parts["worker"].pid, signal.SIGKILL)
                world.restart("worker")
            time.sleep(1.0 if LONG else 0.2)
        before = memory(world)
        wait_for(lambda: partner.has(ROUNDS) == OBJECTS, PATIENCE)
        figures = {
            "pushed": "through the worker", "changes": OBJECTS * ROUNDS, "requests": partner.count,
            "failures": partner.failed, "seconds": round(time.monotonic() - began, 1),
            "memory": f"{before} → {memory(world)} MB, {memory(world, 'VmHWM')} MB at most",
        }  # fmt: skip
        server.answer = lambda request: Reply()
        wait_for(lambda: not waiting(world), 30)
        figures["change to partner"] = f"{latency(world, server):.2f} s"
        connection.execute("DELETE FROM subscriptions_pushendpoint")
    note(figures)
    print(figures)
    assert all(numbers == sorted(numbers) for numbers in partner.history.values())


def waiting(world: World) -> bool:
    with world.connect() as connection:
        row = connection.execute("SELECT count(*) FROM subscriptions_delivery WHERE state = 'waiting'").fetchone()
    return row is not None and bool(row[0])


def latency(world: World, server: PartnerServer) -> float:
    """Seconds from the commit of one change to the partner's having it; the worst of five."""
    found = []
    for number in range(5):
        count = len(server.received)
        with world.connect() as connection:
            connection.execute(
                "UPDATE tokens_token SET visual_number = %s WHERE id = (SELECT max(id) FROM tokens_token"
                " WHERE uid LIKE 'AA%%')",
                [f"late {number}"],
            )
        began = time.monotonic()
        wait_for(lambda count=count: len(server.received) > count, 10)  # type: ignore[misc]
        found.append(time.monotonic() - began)
        time.sleep(0.3)
    return max(found)


def memory(world: World, which: str = "VmRSS") -> int:
    """Megabytes of the largest process of the Celery worker; VmHWM: that it ever had."""
    first = world.parts["worker"].pid
    pids = [first, *(pid for pid in driver.pids() if driver.parent(pid) == first)]
    return max((_rss(pid, which) for pid in pids), default=0)


def _rss(pid: int, which: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith(which)), f"{which}: 0 kB")
    return int(line.split()[1]) // 1024
