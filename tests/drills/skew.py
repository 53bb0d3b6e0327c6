"""A node whose clock is minutes off: nothing is sent to it any more. What it answers when it is asked all the same."""

import http.client
import json
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.imports import Program
from tests.drills.load import PATH, Load
from tests.drills.proxy import LOOK_EVERY, door
from tests.drills.report import measure
from tests.drills.world import HOST, Node, World
from tests.stack.driver import wait_for

COMPILER = shutil.which("cc")
OFF = (300, -300)  # seconds
HALF = 150  # seconds: what is to happen then has happened on one clock, and has yet to on the other
HOLD = 4.0  # seconds
Set = Callable[[int], None]


@contextmanager
def skewed_node(world: World) -> Iterator[tuple[Node, Set]]:
    """A third node, and how many seconds its wall clock is to be off from now on."""
    assert COMPILER is not None
    with tempfile.TemporaryDirectory(prefix="chargeward-clock-") as folder:
        library, offset = Path(folder) / "clock.so", Path(folder) / "offset"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)

        def set_off(seconds: int) -> None:
            with offset.open("r+b" if offset.exists() else "wb") as file:
                file.write(struct.pack("q", seconds))

        set_off(0)
        node = Node(world.root / "skewed", world.environment | {"LD_PRELOAD": str(library), "DRILL_CLOCK": str(offset)})
        node.web.start()
        try:
            wait_for(lambda: node.ready() and node.copy().exists(), 60)
            yield node, set_off
        finally:
            node.web.ask_to_stop()
            node.web.wait_stopped()
            node.close()


def clock_off(world: World, note: Callable[[dict[str, Any]], None]) -> None:
    with skewed_node(world) as (node, set_off):
        _behind_a_proxy(world, note, node, set_off)
        for seconds in OFF:
            set_off(seconds)
            _asked_all_the_same(world, note, node, f"clock {seconds:+} s")
        found = {name: _by_the_clock(world, node, set_off, ask) for name, ask in _questions(world)}
        set_off(0)
        wait_for(node.ready, 10)
    for name, (right, ahead, behind) in found.items():
        note({"by the clock": name, "right": right, "5 min ahead": ahead, "5 min behind": behind})
    print(found)
    right = {
        "a card that expires in 150 s": "ALLOWED",
        "a card that expired 150 s ago": "TOKEN_EXPIRED",
        "a blacklist that begins in 150 s": "ALLOWED",
        "a blacklist that began 150 s ago": "BLACKLISTED",
        "a key that expires in 150 s": "200",
        "a blocked card": "TOKEN_BLOCKED",
        "where the answer comes from": "cache",
        "decided_at of the answer and of the log": "0 s off",
    }
    assert found == {name: (answer,) * 3 for name, answer in right.items()} | {
        "/readyz": ("ready", "not ready", "not ready")
    }


def _behind_a_proxy(world: World, note: Callable[[dict[str, Any]], None], node: Node, set_off: Set) -> None:
    """Under load: from when its clock is off it is not asked any more, and nobody notices."""
    waits = []
    with (
        door("small", [world.nodes[0], node], world.root / "proxy-skewed") as way,
        Load([way], world.cast["charger"], world.subjects, askers=4) as load,  # type: ignore[list-item]
        Churn(world),
    ):
        for seconds in OFF:
            time.sleep(1.0)
            began = now()
            set_off(seconds)
            wait_for(lambda: not node.ready(), 5)
            waits.append(now() - began)
            time.sleep(4 * LOOK_EVERY)
            before = _written(node)
            time.sleep(HOLD)
            assert _written(node) == before, "it was asked"
            set_off(0)
            wait_for(node.ready, 5)
    figures, problems = measure(world, load, "clock 5 min off, behind a proxy", now())
    note(figures | {"changes": 0, "failed": 0})
    print(figures, waits, *problems[:20], sep="\n")
    assert not problems
    assert figures["503"] == figures["broken"] == figures["lost"] == figures["doubled"] == 0
    assert max(waits) < 1


def _written(node: Node) -> int:
    """Decisions, in bytes of its spool."""
    return sum(path.stat().st_size for path in (node.data.root / "spool").glob("**/*.spool"))


def _asked_all_the_same(world: World, note: Callable[[dict[str, Any]], None], node: Node, name: str) -> None:
    """It answers rightly, in time and from the copy."""
    with Load([world.nodes[0], node], world.cast["charger"], world.subjects) as load, Churn(world) as churn:
        time.sleep(HOLD)
    figures, problems = measure(world, load, name, now())
    note(figures | {"changes": churn.made, "failed": churn.failed.total(), "failed how": dict(churn.failed)})
    print(figures, *problems[:20], sep="\n")
    assert not problems
    assert figures["503"] == figures["broken"] == figures["lost"] == figures["doubled"] == 0


def _by_the_clock(world: World, node: Node, set_off: Set, ask: Callable[[Node], str]) -> tuple[str, ...]:
    """What a node that is right says, and the other one, ahead and behind."""
    found = [ask(world.nodes[0])]
    for seconds in OFF:
        set_off(seconds)
        found.append(ask(node))
    return tuple(found)


def _questions(world: World) -> Iterator[tuple[str, Callable[[Node], str]]]:
    """Each is asked before the next one is prepared."""
    card, blocked = world.cards[-1], world.cards[-2]
    with world.connect() as connection:
        for seconds, name in ((HALF, "a card that expires in 150 s"), (-HALF, "a card that expired 150 s ago")):
            connection.execute(
                "UPDATE tokens_token SET valid = true, expires_at = now() + %s * interval '1 s' WHERE id = %s",
                [seconds, card.token],
            )
            time.sleep(1)
            yield name, lambda node: _ask(world, node, card.body)[1]["reason"]
        connection.execute(
            "UPDATE tokens_token SET valid = %s, expires_at = NULL WHERE id = %s", [card.is_on(), card.token]
        )
        for seconds, name in ((HALF, "a blacklist that begins in 150 s"), (-HALF, "a blacklist that began 150 s ago")):
            connection.execute(
                """
                UPDATE authorization_chargeexception SET enabled = true, valid_until = NULL,
                  valid_from = (now() + %s * interval '1 s') AT TIME ZONE (
                    SELECT l.time_zone FROM locations_location l JOIN locations_evse e ON e.location_id = l.id
                    WHERE e.evse_id = %s)
                WHERE id = %s
                """,
                [seconds, world.cast["evse"], world.cast["rule"]],
            )
            time.sleep(1)
            yield name, lambda node: _ask(world, node, world.toggled.body)[1]["reason"]
        connection.execute(
            "UPDATE authorization_chargeexception SET enabled = %s, valid_from = NULL WHERE id = %s",
            [not world.toggled.is_on(), world.cast["rule"]],
        )
        key = _expiring_key(world)
        connection.execute(
            "UPDATE authorization_apikey SET expires_at = now() + %s * interval '1 s' WHERE id = %s", [HALF, key["id"]]
        )
        time.sleep(1)
        yield "a key that expires in 150 s", lambda node: str(_ask(world, node, card.body, key["key"])[0])
        connection.execute("UPDATE tokens_token SET valid = false WHERE id = %s", [blocked.token])
        time.sleep(1)
        yield "a blocked card", lambda node: _ask(world, node, blocked.body)[1]["reason"]
        connection.execute("UPDATE tokens_token SET valid = %s WHERE id = %s", [blocked.is_on(), blocked.token])
    yield "where the answer comes from", lambda node: _logged(world, node)[1]
    yield "decided_at of the answer and of the log", lambda node: _logged(world, node)[0]
    yield "/readyz", lambda node: "ready" if node.ready() else "not ready"


def _expiring_key(world: World) -> Any:
    with world.connect() as connection:
        row = connection.execute("SELECT cpo_id FROM authorization_apikey WHERE cpo_id IS NOT NULL LIMIT 1").fetchone()
    assert row is not None
    return Program(world).ask("POST", "api-keys/", json.dumps({"cpo": row[0], "name": "expires"}).encode())


def _logged(world: World, node: Node) -> tuple[str, str]:
    """How far the time of a decision is off, and its source."""
    began = now()
    _, body = _ask(world, node, world.cards[0].body)
    found: list[Any] = []

    def is_there() -> bool:
        with world.connect() as connection:
            found[:] = connection.execute(
                "SELECT extract(epoch FROM decided_at), source FROM authorization_decision WHERE request_id = %s",
                [body["id"]],
            ).fetchall()
        return bool(found)

    wait_for(is_there, 10)
    off, said = float(found[0][0]) - began, datetime.fromisoformat(body["decided_at"]).timestamp() - began
    assert abs(off - said) < 2
    return f"{round(off / 10) * 10} s off", found[0][1]


def _ask(world: World, node: Node, body: dict[str, Any], key: str = "") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(HOST, node.port, timeout=15)
    headers = {"Authorization": f"Token {key or world.cast['charger']}", "Content-Type": "application/json"}
    connection.request("POST", PATH, json.dumps(body), headers)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found
