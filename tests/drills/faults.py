"""What is done to the world. Each returns when it is over: what died is up again, or is somebody else's to start.

What belongs to a node is done to the given one; `hold` is how many seconds something is paused or down.
"""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from authorization.cache import guard
from portal.stack import valkey
from tests.drills.world import Node, World
from tests.stack import driver

Strike = Callable[[World, Node, float], None]


@dataclass(frozen=True)
class Fault:
    """breaks: connections may end without an answer, for a process that answers may die of it."""

    name: str
    strike: Strike
    breaks: bool = False


def _kill(pid: int) -> None:
    assert pid, "there is nobody to kill"
    os.kill(pid, signal.SIGKILL)


def kill_follower(world: World, node: Node, hold: float) -> None:
    _kill(node.follower())


def kill_follower_in_a_copy(world: World, node: Node, hold: float) -> None:
    """As it makes a full copy, which it is told to."""
    before, current = set(node.copies()), node.copy().resolve()
    with world.connect() as connection:
        connection.execute("NOTIFY chargeward, 'anew'")
    until = time.monotonic() + 5
    while not any((path / "data.mdb").exists() for path in set(node.copies()) - before):
        assert time.monotonic() < until, "no copy was begun"
        time.sleep(0.002)
    _kill(node.follower())
    assert node.copy().resolve() == current, "only a whole copy comes into use"


def pause_follower(world: World, node: Node, hold: float) -> None:
    """It lives, holds its lock, and does nothing."""
    with world.paused([node.follower()]):
        time.sleep(hold)


def kill_worker(world: World, node: Node, hold: float) -> None:
    """The web process that started the follower, which ends with it."""
    _kill(driver.parent(node.follower()))


def kill_celery(world: World, node: Node, hold: float) -> None:
    for name in ("worker", "beat"):
        os.killpg(world.parts[name].pid, signal.SIGKILL)
        world.restart(name)


def flush(world: World, node: Node, hold: float) -> None:
    with valkey.client(world.valkey.url) as client:
        client.flushall()


def kill_valkey(world: World, node: Node, hold: float) -> None:
    child = world.valkey.child
    assert child is not None
    _kill(child.pid)
    child.wait_stopped()
    time.sleep(hold)
    world.valkey.start()


def pause_valkey(world: World, node: Node, hold: float) -> None:
    assert world.valkey.child is not None
    with world.paused([world.valkey.child.pid]):
        time.sleep(hold)


def kill_postgres(world: World, node: Node, hold: float) -> None:
    child = world.postgres.child
    assert child is not None
    _kill(child.pid)
    child.wait_stopped()
    time.sleep(hold)
    world.postgres.start()


def pause_postgres(world: World, node: Node, hold: float) -> None:
    with world.paused(world.server_processes()):
        time.sleep(hold)


def fail_over(world: World, node: Node, hold: float) -> None:
    """Another server with the same data, at the same address, where the first one is killed."""
    world.replace_postgres()


def with_valkey(**settings: str) -> Strike:
    """For a while with other settings."""

    def strike(world: World, node: Node, hold: float) -> None:
        with valkey.client(world.valkey.url) as client:
            before = {name: client.config_get(name)[name] for name in map(_dashed, settings)}
            try:
                for name, value in settings.items():
                    client.config_set(_dashed(name), value)
                time.sleep(hold)
            finally:
                for name, value in before.items():
                    client.config_set(name, value)

    return strike


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def fill_disk(world: World, node: Node, hold: float) -> None:
    """The follower's files cannot grow any more."""
    pid = node.follower()
    assert pid, "there is nobody to stop from writing"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    time.sleep(hold)
    # Another one may have taken its place, with limits of its own.
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def compile_twice(world: World, node: Node, hold: float) -> None:
    """Everything is made anew, again and again, by order of tasks that came twice, late and out of their order."""
    with world.connect() as connection:
        for _ in range(5):
            connection.execute("NOTIFY chargeward, 'anew'")
            connection.execute("NOTIFY chargeward")
            time.sleep(hold / 5)


def delete_data(world: World, node: Node, hold: float) -> None:
    _data(node).unlink()


def truncate_to(share: float) -> Strike:
    """To a share of what it has, or below 0 to one page."""

    def strike(world: World, node: Node, hold: float) -> None:
        data = _data(node)
        os.truncate(data, os.sysconf("SC_PAGE_SIZE") if share < 0 else int(data.stat().st_size * share))

    return strike


def scribble(world: World, node: Node, hold: float) -> None:
    """Its first pages, which tell where everything is, are overwritten."""
    with _data(node).open("r+b") as file:
        file.write(os.urandom(2 * os.sysconf("SC_PAGE_SIZE")))


def zero(world: World, node: Node, hold: float) -> None:
    """All but its first pages: it opens, and there is nothing in it that can be read."""
    with _data(node).open("r+b") as file:
        start, end = 2 * os.sysconf("SC_PAGE_SIZE"), os.fstat(file.fileno()).st_size
        file.seek(start)
        file.write(bytes(end - start))


def delete_cache(world: World, node: Node, hold: float) -> None:
    """All of the folder, the lock of its follower included."""
    shutil.rmtree(node.cache, ignore_errors=True)  # the follower writes there meanwhile


def two_followers(world: World, node: Node, hold: float) -> None:
    """Who stands by finds a lock that nobody holds, and begins; the other sees that a moment later."""
    for _ in range(5):
        (node.cache / guard.LOCK).unlink(missing_ok=True)
        time.sleep(hold / 5)


def delete_cache_and_kill_worker(world: World, node: Node, hold: float) -> None:
    """Two followers for a moment, and a spool that nobody writes to any more."""
    parent = driver.parent(node.follower())
    delete_cache(world, node, hold)
    _kill(next(pid for pid in node.workers() if pid != parent))


def _data(node: Node) -> Path:
    return node.copy().resolve()


FOLLOWER = [
    Fault("follower killed", kill_follower),
    Fault("follower killed in a full copy", kill_follower_in_a_copy),
    Fault("web worker killed", kill_worker, breaks=True),
    Fault("follower paused", pause_follower),
]
POSTGRES = [
    Fault("PostgreSQL killed", kill_postgres),
    Fault("PostgreSQL paused", pause_postgres),
    Fault("PostgreSQL replaced by another with its data", fail_over),
]
BROKER = [
    Fault("Celery worker and beat killed", kill_celery),
    Fault("Valkey killed", kill_valkey),
    Fault("Valkey paused", pause_valkey),
]
VALKEY = [
    Fault("FLUSHALL", flush),
    Fault("Valkey read-only", with_valkey(min_replicas_to_write="1")),
    Fault("Valkey full", with_valkey(maxmemory="1", maxmemory_policy="noeviction")),
    Fault("Valkey evicts", with_valkey(maxmemory="1mb", maxmemory_policy="allkeys-random")),
]
# Whoever reads a page of a file just as it is cut off is ended by the system.
FILES = [
    Fault("copy deleted", delete_data),
    Fault("copy cut to nothing", truncate_to(0), breaks=True),
    Fault("copy cut to one page", truncate_to(-1), breaks=True),
    Fault("copy cut to half", truncate_to(0.5), breaks=True),
    Fault("copy scribbled on", scribble, breaks=True),
    Fault("copy full of zeros", zero, breaks=True),
    Fault("disk full for the copy", fill_disk),
    Fault("everything compiled again and again", compile_twice),
    Fault("cache folder deleted", delete_cache),
    Fault("cache folder deleted, web worker killed", delete_cache_and_kill_worker, breaks=True),
]


TWO_FOLLOWERS = Fault("follower's lock deleted, again and again", two_followers)


def pair(one: Fault, two: Fault) -> Fault:
    """One at each node, at once; one that takes time comes second."""

    def strike(world: World, node: Node, hold: float) -> None:
        first, second = world.nodes
        one.strike(world, first, hold)
        two.strike(world, second, hold)

    return Fault(f"{one.name} + {two.name}", strike, one.breaks or two.breaks)


def pairs(faults: Sequence[Fault]) -> list[Fault]:
    """Each of them once, two at a time."""
    return [pair(*two) for two in zip(faults[::2], faults[1::2], strict=True)]


def one_after_the_other(name: str, faults: Sequence[Fault]) -> Fault:
    def strike(world: World, node: Node, hold: float) -> None:
        for fault in faults:
            fault.strike(world, node, hold / len(faults))

    return Fault(name, strike, any(fault.breaks for fault in faults))
