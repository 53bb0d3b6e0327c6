"""Killing the worker that brings a list of tokens: what is there is the old list or the new one, and it comes in."""

import http.client
import json
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.drills.changes import Csv, multipart
from tests.drills.world import HOST, World

PATIENCE = 300.0  # seconds, for one file
LINE = "05{:012X};{};{}\r\n"


def kill_while_importing(world: World, note: Callable[[dict[str, Any]], None], times: int, rows: int) -> None:
    """The same `rows` cards, as of another issuer each time. The worker dies somewhere between upload and end."""
    program = Program(world)
    emsp = program.ask("POST", "emsps/", b'{"country_code": "NL", "party_id": "IMP", "name": "Importer"}')["id"]
    took = program.bring(emsp, rows, "first", lambda: None)
    found, old = [], "first"
    with ThreadPoolExecutor(1) as pool:
        for number in range(times):
            new = f"issuer {number}"
            look = partial(_old_or_new, world, rows, old, new)
            coming = pool.submit(program.bring, emsp, rows, new, look)
            time.sleep(random.uniform(0, took))
            os.killpg(world.parts["worker"].pid, signal.SIGKILL)
            struck = _issuers(world, rows)
            # Here and not in a thread: the worker ends with the thread that started it.
            world.restart("worker")
            # With its restart it took longer: so some blows fall behind the end.
            took = coming.result()
            assert struck in ([old], [new]), struck
            assert _issuers(world, rows) == [new]
            found.append(struck == [new])
            old = new
    note({"imports": times, "rows": rows, "old": found.count(False), "new": found.count(True)})


def _old_or_new(world: World, rows: int, old: str, new: str) -> None:
    assert _issuers(world, rows) in ([old], [new])


def _issuers(world: World, rows: int) -> list[str]:
    """Of the cards of the file; fails unless all of them are there."""
    with world.connect() as connection:
        found = connection.execute(
            "SELECT issuer, count(*) FROM tokens_token WHERE starts_with(uid_normal, '05') GROUP BY issuer"
        ).fetchall()
    assert sum(row[1] for row in found) == rows, found
    return sorted(row[0] for row in found)


class Program:
    """An Admin's, which uploads, looks and finalises at one of the nodes."""

    def __init__(self, world: World) -> None:
        self.port, self.key = world.nodes[0].port, world.cast["admin"]

    def bring(self, emsp: int, rows: int, issuer: str, look: Callable[[], None]) -> float:
        """Seconds from the upload to the end."""
        started = time.monotonic()
        body = self._wait(self._upload(emsp, rows, issuer), "staging", look)
        assert body["status"] == "preview", body
        assert body["totals"]["errors"] == 0
        self.ask("POST", f"imports/{body['id']}/finalise/", b"{}")
        body = self._wait(body | {"status": "finalising"}, "finalising", look)
        assert body["status"] == "finalised", body
        return time.monotonic() - started

    def _wait(self, body: Any, while_: str, look: Callable[[], None]) -> Any:
        until = time.monotonic() + PATIENCE
        while body["status"] == while_:
            assert time.monotonic() < until, body
            time.sleep(0.3)
            look()
            body = self.ask("GET", f"imports/{body['id']}/")
        return body

    def _upload(self, emsp: int, rows: int, issuer: str) -> Any:
        lines = "".join(LINE.format(n, issuer, "x" * 30) for n in range(rows))
        form = multipart(Csv.FRAME, {"kind": "tokens", "emsp": emsp}, f"UID;Issuer;Visual ID\r\n{lines}")
        return self.ask("POST", "imports/", form, f"multipart/form-data; boundary={Csv.FRAME}")

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        headers = {"Authorization": f"Token {self.key}", "Content-Type": kind}
        connection.request(method, f"/api/v1/{path}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, (answer.status, text[:500])
        return json.loads(text)
