"""The parts of the world, and what happens to each and to every two of them: killed, stopped, restarted."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import combinations, permutations

from portal.stack.children import Child
from tests.drills.clock import now
from tests.drills.faults import Fault
from tests.drills.world import Node, World
from tests.stack import driver

ENDS_WITHIN = 20.0  # seconds, before it is made to


@dataclass(frozen=True)
class Part:
    """pids: all of its processes. kill, end and start return when it is dead, has ended, and was started."""

    name: str
    pids: Callable[[World, Node], list[int]]
    kill: Callable[[World, Node], None]
    ask_to_end: Callable[[World, Node], None]
    await_end: Callable[[World, Node], None]
    start: Callable[[World, Node], None]
    answers: bool = False  # connections of chargers end with it

    @contextmanager
    def stopped(self, world: World, node: Node) -> Iterator[None]:
        begin = now()
        try:
            with world.paused(self.pids(world, node)):
                yield
        finally:
            if self.answers:
                world.stalls.append((node.name, begin, now()))


def _part(name: str, child: Callable[[World, Node], Child], start: Callable[[World, Node], None], **more: bool) -> Part:
    """One that somebody supervises: it is started again when it has ended."""

    def pids(world: World, node: Node) -> list[int]:
        return _group(child(world, node).pid)

    def kill(world: World, node: Node) -> None:
        os.killpg(child(world, node).pid, signal.SIGKILL)
        child(world, node).wait_stopped()

    def await_end(world: World, node: Node) -> None:
        of = child(world, node)
        assert of.process is not None
        with suppress(subprocess.TimeoutExpired):
            of.process.wait(ENDS_WITHIN)
        of.wait_stopped()

    return Part(name, pids, kill, lambda world, node: child(world, node).ask_to_stop(), await_end, start, **more)


def _group(leader: int) -> list[int]:
    found = []
    for pid in driver.pids():
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == leader:
                found.append(pid)
    return found


def _of_celery(name: str, key: str) -> Part:
    return _part(name, lambda world, node: world.parts[key], lambda world, node: world.parts[key].start())


def _postgres(world: World, node: Node) -> Child:
    assert world.postgres.child is not None
    return world.postgres.child


def _valkey(world: World, node: Node) -> Child:
    assert world.valkey.child is not None
    return world.valkey.child


def _kill_postgres(world: World, node: Node) -> None:
    """The first of its processes: the others see that it is gone, and end."""
    os.kill(_postgres(world, node).pid, signal.SIGKILL)
    _postgres(world, node).wait_stopped()


def _kill_follower(world: World, node: Node) -> None:
    """Another one stands by, and begins."""
    os.kill(_following(node), signal.SIGKILL)


def _following(node: Node) -> int:
    driver.wait_for(lambda: node.follower() != 0, 10)
    return node.follower()


def _nothing(world: World, node: Node) -> None:
    pass


_server = _part("PostgreSQL", _postgres, lambda world, node: world.postgres.start())
PARTS = [
    _part("web node", lambda world, node: node.web, lambda world, node: node.web.start(), answers=True),
    Part(
        "follower", lambda world, node: [_following(node)], _kill_follower,
        lambda world, node: os.kill(_following(node), signal.SIGTERM), _nothing, _nothing,
    ),
    _of_celery("Celery worker", "worker"),
    _of_celery("beat", "beat"),
    _part("Valkey", _valkey, lambda world, node: world.valkey.start()),
    Part(
        "PostgreSQL", lambda world, node: world.server_processes(), _kill_postgres, _server.ask_to_end,
        _server.await_end, _server.start,
    ),
]  # fmt: skip


def killed(*parts: Part) -> Fault:
    """At once; they are down for a while. The second is the other node's, where nodes have it."""

    def strike(world: World, node: Node, hold: float) -> None:
        places = list(zip(parts, (node, world.other(node)), strict=False))
        for part, at in places:
            part.kill(world, at)
        time.sleep(hold)
        for part, at in places:
            part.start(world, at)

    return Fault(f"{_names(parts)} killed", strike, any(part.answers for part in parts))


def restarted(*parts: Part) -> Fault:
    """Asked to end, at once, and started when all of them have."""

    def strike(world: World, node: Node, hold: float) -> None:
        places = list(zip(parts, (node, world.other(node)), strict=False))
        for part, at in places:
            part.ask_to_end(world, at)
        for part, at in places:
            part.await_end(world, at)
        for part, at in places:
            part.start(world, at)

    return Fault(f"{_names(parts)} restarted", strike, any(part.answers for part in parts))


def stopped(part: Part) -> Fault:
    def strike(world: World, node: Node, hold: float) -> None:
        with part.stopped(world, node):
            time.sleep(hold)

    return Fault(f"{part.name} stopped", strike, part.answers)


def killed_while_stopped(one: Part, other: Part) -> Fault:
    """One is killed and started again, all while the other does nothing."""

    def strike(world: World, node: Node, hold: float) -> None:
        with other.stopped(world, world.other(node)):
            one.kill(world, node)
            one.start(world, node)
            time.sleep(hold)

    return Fault(f"{one.name} killed while {other.name} is stopped", strike, one.answers or other.answers)


def _names(parts: tuple[Part, ...]) -> str:
    return " and ".join(part.name for part in parts)


SINGLE = [made(part) for part in PARTS for made in (killed, restarted)]
STOPPED = [stopped(part) for part in PARTS]
PAIRS = [
    *(made(*two) for two in combinations(PARTS, 2) for made in (killed, restarted)),
    *(killed_while_stopped(*two) for two in permutations(PARTS, 2)),
]
