"""authorize as one web worker serves it, on 1,000,000 tokens, 100,000 locations and 10,000 exceptions.

Ratios come from rounds that take turns on the same worker, by the worker's CPU time for a request and by requests a
second. The demo world fills the database first (BENCH_SIZE=large, for minutes; medium or small for a quick look).
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from authorization.cache import follower
from authorization.services import create_key
from locations.models import EVSE
from portal.stack import ports
from portal.stack.options import PROJECT
from tokens.models import Token

SIZE = os.environ.get("BENCH_SIZE", "large")
ROUNDS, REQUESTS, CLIENTS = 9, 1_500, 4
CHANGES = 150
Print = Callable[[str], object]


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: `…_us` worker's CPU time for a request, `…_ratio` the other's time by authorize's."""
    figures: dict[str, float] = {}

    def note(name: str, value: float, about: str = "") -> None:
        figures[name] = value
        print(f"{name:<34} {value:>12,.2f}  {about}")

    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="chargeward-bench-") as scratch:
        with served(Path(scratch) / "empty", workers=1) as server:
            without = server.memory(server.ask(b"GET", "/healthz"), REQUESTS)
        print(f"filling the database with the {SIZE} demo world …")
        call_command("seed_demo", size=SIZE, verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")  # or the first pass pays for what the filling left to do
        compiled(Path(scratch) / "compile", note)
        with served(Path(scratch) / "full", workers=1) as server:
            questions = Questions()
            compare(server, questions, note)
            batches(server, questions, note)
            note("memory_mb_with_data", server.memory(questions.requests("/api/v1/authorize", REQUESTS), 0))
            note("memory_mb_more_than_without", figures["memory_mb_with_data"] - without, "goal: 150 at most")
            freshness(server, questions, note)
    return figures


def compiled(folder: Path, note: Any) -> None:
    """A full copy, in this process."""
    folder.mkdir()
    started = time.perf_counter()
    path = follower.make(folder, settings.DATABASE_URL, "bench")
    note("full_compile_s", time.perf_counter() - started, "goal: 15 at most")
    note("copy_mb", (path / "data.mdb").stat().st_size / 2**20)


def compare(server: "Server", questions: "Questions", note: Any) -> None:
    targets = {
        "authorize": "/api/v1/authorize",
        "view": "/view/api/v1/authorize",
        "limit": "/bench/limit",
        "drf": "/bench/drf",
        "bare": "/bench/bare",
        "orm": "/bench/orm",
    }
    asked = {name: questions.requests(path, REQUESTS if name != "orm" else 60) for name, path in targets.items()}
    for requests in asked.values():
        server.load(requests)
    spent: dict[str, list[float]] = {name: [] for name in targets}
    rates: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, requests in asked.items():
            cpu, rate = server.load(requests)
            spent[name].append(cpu)
            rates[name].append(rate)
    for name in targets:
        note(f"{name}_us", median(spent[name]) * 1e6, f"{median(rates[name]):,.0f} requests a second")
    goals = {
        ("authorize", "limit"): "goal: 0.5",
        ("authorize", "drf"): "goal: 0.9",
        ("authorize", "bare"): "goal: 0.6",
        ("view", "drf"): "goal: 0.9",
        ("view", "bare"): "",
    }
    for (name, other), goal in goals.items():
        both = zip(spent[other], spent[name], strict=True)
        note(f"{name}_to_{other}_ratio", median(other / ours for other, ours in both), goal)
        both = zip(rates[name], rates[other], strict=True)
        note(f"{name}_to_{other}_rate_ratio", median(ours / other for ours, other in both), goal)
    both = zip(spent["orm"], spent["authorize"], strict=True)
    note("times_the_orm", median(other / ours for other, ours in both), "goal: 20, the ORM's worker alone")
    both = zip(rates["authorize"], rates["orm"], strict=True)
    note("times_the_orm_by_rate", median(ours / other for ours, other in both), "goal: 20")


def batches(server: "Server", questions: "Questions", note: Any) -> None:
    paths = {"batch": "/api/v1/authorize/batch", "view_batch": "/view/api/v1/authorize/batch"}
    requests = {name: questions.batches(path, 20) for name, path in paths.items()}
    for each in requests.values():
        server.load(each)
    rounds = [{name: server.load(each) for name, each in requests.items()} for _ in range(5)]
    for name in requests:
        cpu, rate = zip(*(each[name] for each in rounds), strict=True)
        note(f"{name}_decisions_per_cpu_s", 1_000 / median(cpu), "goal: 50,000, at least 25,000")
        note(f"{name}_decisions_per_s", 1_000 * median(rate), "goal: 50,000, at least 25,000")


def freshness(server: "Server", questions: "Questions", note: Any) -> None:
    """From a commit to the first answer that shows it, one change at a time, asking all the while."""
    card, evse = questions.free_card(server)
    times = []
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        for number in range(CHANGES):
            connection.execute("UPDATE tokens_token SET valid = %s WHERE uid_normal = %s", [number % 2 == 1, card])
            started = time.perf_counter()
            while (server.reason(questions.one(card, evse)) == "TOKEN_BLOCKED") == (number % 2 == 1):
                pass
            times.append(time.perf_counter() - started)
    note("change_to_answer_p50_ms", median(times) * 1e3)
    note("change_to_answer_p99_ms", quantiles(times, n=100)[98] * 1e3, "goal: 1,000 at most")
    note("change_to_answer_worst_ms", max(times) * 1e3, "goal: 2,000 at most")


class Questions:
    """Cards and EVSEs of the world, drawn at random, as bytes of HTTP with an Admin's key."""

    def __init__(self) -> None:
        admin = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("bench")
        self.key = create_key(user=admin)[1]
        self.dice = random.Random(1)
        uids = Token.objects.filter(type="RFID").values_list("uid_normal", flat=True)
        self.cards = [uid for uid in uids[: 2_000_000 : max(1, uids.count() // 50_000)] if uid]
        evses = EVSE.objects.exclude(evse_id=None).values_list("evse_id", flat=True)
        self.evses = list(evses[: 2_000_000 : max(1, evses.count() // 50_000)])

    def _body(self) -> dict[str, Any]:
        return {"id_token": self.dice.choice(self.cards), "evse_id": self.dice.choice(self.evses)}

    def requests(self, path: str, count: int) -> list[bytes]:
        return [self._http(path, self._body()) for _ in range(count)]

    def batches(self, path: str, count: int) -> list[bytes]:
        bodies = [{"requests": [self._body() for _ in range(1_000)]} for _ in range(count)]
        return [self._http(path, body) for body in bodies]

    def one(self, card: str, evse: str) -> bytes:
        return self._http("/api/v1/authorize", {"id_token": card, "evse_id": evse})

    def free_card(self, server: "Server") -> tuple[str, str]:
        """A card and a place where it is accepted."""
        while True:
            body = self._body()
            if server.reason(self.one(body["id_token"], body["evse_id"])) == "ALLOWED":
                return body["id_token"], body["evse_id"]

    def _http(self, path: str, body: Any) -> bytes:
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return f"{head}Authorization: Token {self.key}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


class Server:
    """One granian worker on a port."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.process = process

    def ask(self, method: bytes, path: str) -> list[bytes]:
        return [b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % (method, path.encode())]

    def load(self, requests: list[bytes]) -> tuple[float, float]:
        """Sends them over CLIENTS connections: the worker's CPU seconds for a request, and requests a second."""
        parts = [requests[number::CLIENTS] for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            before, started = self._cpu(), time.perf_counter()
            for answers in pool.map(self._talk, parts):
                assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers), answers[0][:300]
            return (self._cpu() - before) / len(requests), len(requests) / (time.perf_counter() - started)

    def _talk(self, requests: list[bytes]) -> list[bytes]:
        answers = []
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in requests:
                connection.sendall(request)
                answers.append(_answer(connection))
        return answers

    def reason(self, request: bytes) -> str:
        return str(json.loads(self._talk([request])[0].partition(b"\r\n\r\n")[2])["reason"])

    def memory(self, requests: list[bytes], again: int) -> float:
        """MB that the worker holds after these requests, shared pages of the copy included."""
        self.load(requests * (again // len(requests) or 1))
        return max(_status(pid, "VmRSS:") for pid in self._workers()) / 1024

    def _workers(self) -> list[int]:
        listed = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        return [int(pid) for pid in listed.stdout.split()]

    def _cpu(self) -> float:
        """Seconds on the CPU, to the nanosecond, of all threads of the workers."""
        files = [path for pid in self._workers() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(path.read_text().split()[0]) for path in files) / 1e9


def _answer(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        more = connection.recv(1 << 20)
        data, body = data + more, body + more
    return data


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


@contextmanager
def served(data: Path, workers: int) -> Iterator[Server]:
    """The rivals' application on a data directory of its own, from when it answers from its copy."""
    data.mkdir()
    port = ports.free()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", str(workers)]
    command += [
        "--blocking-threads",
        "1",
        "--no-ws",
        "--log-level",
        "warning",
        "tests.benchmarks.served.rivals:application",
    ]
    environ = os.environ | {"DATA_DIR": str(data), "CACHE_STALE_AFTER_MS": "5000"}
    process = subprocess.Popen(command, cwd=PROJECT, env=environ, start_new_session=True)
    try:
        server = Server(port, process)
        _wait_for_copy(server)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait_for_copy(server: Server) -> None:
    until = time.monotonic() + 180
    while True:
        try:
            if b'"cache"' in server._talk(server.ask(b"GET", "/readyz"))[0]:
                return
        except (OSError, ValueError):
            pass
        if time.monotonic() > until:
            raise TimeoutError("the server does not answer from its copy")
        time.sleep(0.1)
