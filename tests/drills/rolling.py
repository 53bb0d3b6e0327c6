"""Everything is restarted, one after the other, as `systemctl restart` does it: nobody who asks notices."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from portal.stack import services
from portal.stack.children import Child
from portal.stack.options import PROJECT
from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.load import Load
from tests.drills.proxy import door
from tests.drills.report import measure
from tests.drills.world import OPTIONS, Node, World, production
from tests.stack.driver import wait_for

DRAIN = 1  # seconds; a proxy looks four times meanwhile, or once in deploy/haproxy.cfg
STOP = 40.0  # seconds, as TimeoutStopSec of the units is longer than granian needs


def roll(world: World, note: Callable[[dict[str, Any]], None], proxy: str, rounds: int, pause: float) -> None:
    """rounds: how often all is restarted; 0: one of the nodes, one of the workers, and beat."""
    drain = 2 * DRAIN if proxy == "haproxy" else DRAIN
    with (
        _second_worker(world) as workers,
        door(proxy, world.nodes, world.root / f"proxy-{proxy}") as way,
        Load([way], world.cast["charger"], world.subjects, askers=8, pause=pause) as load,  # type: ignore[list-item]
        Churn(world, world.ways_at(way.port, way.port)) as churn,
    ):
        wait_for(lambda: all(asker.answers for asker in load.askers), 10)
        for _ in range(max(1, rounds)):
            for node in world.nodes if rounds else world.nodes[:1]:
                restart_node(node, drain)
            for child in (*(workers if rounds else workers[:1]), world.parts["beat"]):
                _restart(child)
    figures, problems = measure(world, load, f"all restarted behind {proxy}", now())
    figures |= {"changes": churn.made, "failed": churn.failed.total(), "failed how": dict(churn.failed)}
    note(figures)
    print(figures, *problems[:20], sep="\n")
    assert not problems
    assert figures["503"] == figures["broken"] == figures["other"] == 0, figures["broke how"]
    # nginx asks again where it does not know whether it was answered; the log may then have both.
    assert figures["lost"] == 0
    assert figures["doubled"] == 0 or proxy == "nginx"
    assert churn.made
    assert not churn.failed


def restart_node(node: Node, drain: int) -> None:
    """What chargeward-web@.service does: ExecStop, SIGTERM, and the start."""
    before, began = node.web.pid, now()
    manage = [sys.executable, "manage.py", "drain", "--seconds", str(drain)]
    subprocess.run(manage, cwd=PROJECT, env=node.environment, check=True, timeout=60)
    assert not node.ready(), "whoever asks it should be told to go elsewhere"
    drained = now()
    _restart(node.web)
    stopped = now()
    assert node.web.pid != before
    wait_for(lambda: node.ready() and node.copy().exists(), 60)
    print(f"{node.name}: drained in {drained - began:.1f} s, stopped in {stopped - drained:.1f} s", end=", ")
    print(f"ready in {now() - stopped:.1f} s")


def _restart(child: Child) -> None:
    """Nothing is killed: it ends by itself in time."""
    assert child.process is not None
    child.ask_to_stop()
    child.process.wait(STOP)
    assert child.exit_code() == 0, child.last_words()
    child.start()


@contextmanager
def _second_worker(world: World):  # type: ignore[no-untyped-def]
    """Both Celery workers."""
    second = production(services.worker(OPTIONS, world.data, world.environment), "worker")
    second.start()
    try:
        yield [world.parts["worker"], second]
    finally:
        second.ask_to_stop()
        second.wait_stopped()
