"""What is done to the world. Each returns when it is over: what died is up again, or is somebody else's to start."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portal.stack import valkey
from tests.drills.world import World
from tests.stack import driver


@dataclass(frozen=True)
class Fault:
    """breaks: connections may end without an answer, for a process that answers may die of it."""

    name: str
    strike: Callable[[World, float], None]
    breaks: bool = False


def _kill(pid: int) -> None:
    assert pid, "there is nobody to kill"
    os.kill(pid, signal.SIGKILL)


def kill_follower(world: World, hold: float) -> None:
    for node in world.nodes:
        _kill(node.follower())


def kill_follower_in_a_copy(world: World, hold: float) -> None:
    """As it makes a full copy, which it is told to."""
    before = {node.name: set(node.copies()) for node in world.nodes}
    with world.connect() as connection:
        connection.execute("NOTIFY chargeward, 'anew'")
    waiting = list(world.nodes)
    until = time.monotonic() + 5
    while waiting:
        assert time.monotonic() < until, "no copy was begun"
        for node in waiting[:]:
            new = set(node.copies()) - before[node.name]
            if any((path / "data.mdb").exists() for path in new):
                _kill(node.follower())
                # It was not done: nothing but a whole copy ever comes into use.
                assert node.copy().resolve().parent in before[node.name]
                waiting.remove(node)
        time.sleep(0.002)


def pause_follower(world: World, hold: float) -> None:
    """It lives, holds its lock, and does nothing."""
    with world.paused([node.follower() for node in world.nodes]):
        time.sleep(hold)


def kill_worker(world: World, hold: float) -> None:
    """The web process that started the follower, which ends with it."""
    node = world.nodes[0]
    _kill(driver.parent(node.follower()))


def kill_celery(world: World, hold: float) -> None:
    for name in ("worker", "beat"):
        os.killpg(world.parts[name].pid, signal.SIGKILL)
        world.restart(name)


def flush(world: World, hold: float) -> None:
    with valkey.client(world.valkey.url) as client:
        client.flushall()


def kill_valkey(world: World, hold: float) -> None:
    child = world.valkey.child
    assert child is not None
    _kill(child.pid)
    child.wait_stopped()
    time.sleep(hold)
    world.valkey.start()


def pause_valkey(world: World, hold: float) -> None:
    assert world.valkey.child is not None
    with world.paused([world.valkey.child.pid]):
        time.sleep(hold)


def kill_postgres(world: World, hold: float) -> None:
    child = world.postgres.child
    assert child is not None
    _kill(child.pid)
    child.wait_stopped()
    time.sleep(hold)
    world.postgres.start()


def pause_postgres(world: World, hold: float) -> None:
    with world.paused(world.server_processes()):
        time.sleep(hold)


def delete_data(world: World, hold: float) -> None:
    _data(world).unlink()


def truncate_to(share: float) -> Callable[[World, float], None]:
    """To a share of what it has, or below 0 to one page."""

    def strike(world: World, hold: float) -> None:
        data = _data(world)
        os.truncate(data, os.sysconf("SC_PAGE_SIZE") if share < 0 else int(data.stat().st_size * share))

    return strike


def scribble(world: World, hold: float) -> None:
    """Its first pages, which tell where everything is, are overwritten."""
    with _data(world).open("r+b") as file:
        file.write(os.urandom(2 * os.sysconf("SC_PAGE_SIZE")))


def zero(world: World, hold: float) -> None:
    """All but its first pages: it opens, and there is nothing in it that can be read."""
    with _data(world).open("r+b") as file:
        start, end = 2 * os.sysconf("SC_PAGE_SIZE"), os.fstat(file.fileno()).st_size
        file.seek(start)
        file.write(bytes(end - start))


def delete_cache(world: World, hold: float) -> None:
    """All of the folder, the lock of its follower included."""
    shutil.rmtree(world.nodes[0].cache, ignore_errors=True)  # the follower writes there meanwhile


def delete_cache_and_kill_worker(world: World, hold: float) -> None:
    """Two followers for a moment, and a spool that nobody writes to any more."""
    node = world.nodes[0]
    parent = driver.parent(node.follower())
    delete_cache(world, hold)
    _kill(next(pid for pid in node.workers() if pid != parent))


def _data(world: World) -> Path:
    return world.nodes[0].copy().resolve()


PROCESSES = [
    Fault("follower killed", kill_follower),
    Fault("follower killed in a full copy", kill_follower_in_a_copy),
    Fault("follower paused", pause_follower),
    Fault("web worker killed", kill_worker, breaks=True),
    Fault("PostgreSQL killed", kill_postgres),
    Fault("PostgreSQL paused", pause_postgres),
]
BROKER = [
    Fault("Celery worker and beat killed", kill_celery),
    Fault("FLUSHALL", flush),
    Fault("Valkey killed", kill_valkey),
    Fault("Valkey paused", pause_valkey),
]
# Whoever reads a page of a file just as it is cut off is ended by the system.
FILES = [
    Fault("copy deleted", delete_data),
    Fault("copy cut to nothing", truncate_to(0), breaks=True),
    Fault("copy cut to one page", truncate_to(-1), breaks=True),
    Fault("copy cut to half", truncate_to(0.5), breaks=True),
    Fault("copy scribbled on", scribble, breaks=True),
    Fault("copy full of zeros", zero, breaks=True),
    Fault("cache folder deleted", delete_cache),
    Fault("cache folder deleted, web worker killed", delete_cache_and_kill_worker, breaks=True),
]


def _all_of(*faults: Fault) -> Callable[[World, float], None]:
    def strike(world: World, hold: float) -> None:
        for fault in faults:
            fault.strike(world, hold / 2)

    return strike


# For runs that have no time: what has nothing to do with answers, one after the other.
BROKER_AT_ONCE = Fault("Celery killed, Valkey flushed, killed, paused", _all_of(*BROKER))
