"""`python -m tests.drills.rush`: clients in a process of their own that only ask, as fast as they can or at a rate.

They ask about cards whose answer never changes, over connections that they keep. A line of JSON in: the questions; then
a rate to begin with, and any line to end; a line of JSON out: what came of it. A rate of 0 is as fast as they can. At a
rate, an answer's time counts from when its question was due, so that one that waits for its turn is not forgotten.
"""

import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from portal.stack.options import PROJECT
from tests.drills.clock import now
from tests.drills.load import PATH
from tests.drills.oracle import Subject
from tests.drills.world import HOST, World

CLIENTS = 4  # a node
Asked = tuple[bytes, bytes]  # the request, and what its answer has in it


@dataclass
class Told:
    """answers: how long each took, in seconds. wrong: another reason than the one that is right. unanswered: 503."""

    times: list[float] = field(default_factory=list)
    wrong: int = 0
    unanswered: int = 0
    failed: int = 0

    def figures(self) -> dict[str, float]:
        ordered = sorted(self.times) or [math.nan]
        return {
            "answers": len(self.times),
            "wrong": self.wrong,
            "503": self.unanswered,
            "other": self.failed,
            "p50": ordered[len(ordered) // 2],
            "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
            "longest": ordered[-1],
        }


def _ask(port: int, asked: list[Asked], every: float, stopped: threading.Event, told: Told) -> None:
    """One client. every: seconds between its questions."""
    due = time.monotonic()
    with socket.create_connection((HOST, port), timeout=15) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = 0
        while not stopped.is_set():
            begin = time.monotonic()
            if every:
                due += every
                time.sleep(max(0.0, due - begin))
                begin = due
            request, right = asked[number % len(asked)]
            number += 1
            connection.sendall(request)
            answer = _answer(connection)
            told.times.append(time.monotonic() - begin)
            if answer.startswith(b"HTTP/1.1 503"):
                told.unanswered += 1
            elif not answer.startswith(b"HTTP/1.1 200"):
                told.failed += 1
            elif right not in answer:
                told.wrong += 1


def _answer(connection: socket.socket) -> bytes:
    data = b""
    while True:
        more = connection.recv(65536)
        if not more:
            raise OSError("the connection ended")
        data += more
        head, _, body = data.partition(b"\r\n\r\n")
        if _ and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return data


def _run(asked: dict[int, list[Asked]], rate: float, end: Callable[[], Any]) -> dict[str, float]:
    """asked: by port. end: returns when it is time to."""
    stopped = threading.Event()
    told = [Told() for _ in range(CLIENTS * len(asked))]
    every = len(told) / rate if rate else 0.0
    began = time.monotonic()
    threads = []
    for number, each in enumerate(told):
        port = list(asked)[number % len(asked)]
        arguments = (port, asked[port], every, stopped, each)
        threads.append(threading.Thread(target=_ask, args=arguments, daemon=True))
        threads[-1].start()
        time.sleep(every / len(told))
    end()
    stopped.set()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    whole = Told([t for each in told for t in each.times])
    for each in told:
        whole.wrong += each.wrong
        whole.unanswered += each.unanswered
        whole.failed += each.failed
    return whole.figures() | {"rate": len(whole.times) / took}


def main() -> None:
    questions = json.loads(sys.stdin.readline())
    asked = {
        int(port): [(request.encode(), right.encode()) for request, right in each] for port, each in questions.items()
    }
    while line := sys.stdin.readline():
        print(json.dumps(_run(asked, float(line), sys.stdin.readline)), flush=True)


class Rush:
    """The process, told from here."""

    def __init__(self, world: World) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.drills.rush"], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self._tell({node.port: [_question(world, node.port, each) for each in world.steady] for node in world.nodes})

    def limit(self, seconds: float) -> float:
        """Answers a second of both nodes, with no pause between an answer and the next question."""
        self.begin(0.0)
        time.sleep(seconds)
        return self.end()["rate"]

    def begin(self, rate: float) -> None:
        """rate: questions a second, of all clients."""
        self._tell(rate)

    def end(self) -> dict[str, float]:
        self._tell("end")
        assert self._process.stdout is not None
        found: dict[str, float] = json.loads(self._process.stdout.readline())
        return found

    def _tell(self, what: Any) -> None:
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _question(world: World, port: int, subject: Subject) -> tuple[str, str]:
    """The request, and what its answer has in it."""
    body, (right,) = json.dumps(subject.body), subject.allowed(now(), now())
    head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Token {world.cast['charger']}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head + body, f'"reason":"{right}"'


@contextmanager
def rush(world: World) -> Iterator[Rush]:
    found = Rush(world)
    try:
        yield found
    finally:
        found.close()


if __name__ == "__main__":
    main()
