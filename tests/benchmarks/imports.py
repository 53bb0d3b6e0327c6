"""A million tokens by file: from the upload to the answer of authorize, with the peak memory of what did it; and the
same rows by django-import-export, row by row and in bulk, as ratios on fewer rows.

The stack is a whole one of its own, as `make run` has it. BENCH_ROWS says how many rows, BENCH_FEW of how many for the
others (0: leave them out).
"""

import csv
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tablib
from django.db import transaction
from import_export.resources import ModelResource
from import_export.widgets import ForeignKeyWidget

from imports import services, work
from imports.models import Import
from portal.stack.options import PROJECT
from tests import factories
from tests.benchmarks.locations import fresh_database
from tests.stack import driver
from tokens.models import EMSP, Token

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
FEW = int(os.environ.get("BENCH_FEW", "3000"))
PATIENCE = 3600.0
Print = Callable[[str], object]


def content(rows: int) -> Iterator[bytes]:
    """A fleet manager's export."""
    yield b"Chip ID;Contract ID;Visual ID;Expires at;Active?\r\n"
    for start in range(0, rows, 10_000):
        lines = (f"04{n:012X};NL-BNC-C{n:08d};{n};31-12-2031;yes\r\n" for n in range(start, min(start + 10_000, rows)))
        yield "".join(lines).encode()


def run(print: Print = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: seconds, megabytes, and ratios of the others' time to ours."""
    figures: dict[str, float] = {}

    def note(name: str, value: float, about: str = "") -> None:
        figures[name] = value
        print(f"{name:<34} {value:>12,.2f}  {about}")

    if FEW:
        beside_import_export(note)
    with tempfile.TemporaryDirectory(prefix="chargeward-bench-") as scratch:
        whole_way(Path(scratch) / "data", note)
    return figures


def beside_import_export(note: Any) -> None:
    """The same rows, each in a database of its own, in this process."""
    spent = {}
    for name, way in (("ours", _ours), ("bulk", _bulk), ("row_by_row", _row_by_row)):
        with fresh_database():
            emsp = factories.emsp(country_code="NL", party_id="BNC")
            started = time.perf_counter()
            way(emsp)
            spent[name] = time.perf_counter() - started
            assert Token.objects.count() == FEW
    for name, seconds in spent.items():
        note(f"few_{name}_s", seconds, f"{FEW:,} rows, {FEW / seconds:,.0f} a second")
    for name in ("bulk", "row_by_row"):
        note(f"times_import_export_{name}", spent[name] / spent["ours"])


def _ours(emsp: EMSP) -> None:
    data = b"".join(content(FEW))
    new = Import(kind="tokens", emsp=emsp, owner=factories.admin(), file_name="few.csv", size=len(data))
    services.begin(new, [data])
    work.work_on(new.pk)
    new.refresh_from_db()
    assert new.status == "preview", new.message
    services.finalise(new)
    work.work_on(new.pk)


class _Resource(ModelResource):  # type: ignore[misc]
    """What import-export's manual would have one write."""

    class Meta:
        model = Token
        import_id_fields = ("uid",)
        fields = ("uid", "auth_id", "visual_number", "emsp")
        skip_unchanged = True
        widgets: dict[str, Any] = {}


class _Bulk(_Resource):
    class Meta(_Resource.Meta):
        use_bulk = True
        batch_size = 1000


def _theirs(resource: Any, emsp: EMSP) -> None:
    assert isinstance(resource.fields["emsp"].widget, ForeignKeyWidget)
    dataset = tablib.Dataset(headers=["uid", "auth_id", "visual_number", "emsp"])
    for line in csv.reader(io.StringIO(b"".join(content(FEW)).decode()), delimiter=";"):
        if line[0] != "Chip ID":
            dataset.append([*line[:3], emsp.pk])
    with transaction.atomic():
        result = resource.import_data(dataset, raise_errors=True)
    assert not result.has_errors()


def _row_by_row(emsp: EMSP) -> None:
    _theirs(_Resource(), emsp)


def _bulk(emsp: EMSP) -> None:
    _theirs(_Bulk(), emsp)


def whole_way(data: Path, note: Any) -> None:
    """Upload, preview, finalise, served; with the memory of web workers and Celery's."""
    portal = driver.Portal(data)
    portal.start()
    try:
        client = Client(portal)
        before = client.memory()
        started = time.perf_counter()
        body = client.upload(ROWS)
        note("uploaded_s", time.perf_counter() - started, f"{ROWS:,} rows")
        body = client.wait(body, "staging")
        note("previewed_s", time.perf_counter() - started)
        assert body["totals"]["new"] == ROWS, body
        finalising = time.perf_counter()
        body = client.ask("POST", f"imports/{body['id']}/finalise/", {})
        note("finalise_answered_s", time.perf_counter() - finalising)
        body = client.wait(body, "finalising")
        note("finalised_s", time.perf_counter() - finalising, "from Finalise to the end of the transaction")
        client.wait_served(f"04{ROWS - 1:012X}")
        note(
            "upload_to_served_s", time.perf_counter() - started, f"{ROWS / (time.perf_counter() - started):,.0f} rows/s"
        )
        for name, peak in client.memory().items():
            note(f"peak_mb_{name}", peak, f"{before[name]:,.0f} before; goal: 300 at most")
    finally:
        portal.signal(signal.SIGTERM)


class Client:
    """An Admin's program, and a charger's."""

    def __init__(self, portal: driver.Portal) -> None:
        self.portal = portal
        command = [sys.executable, "manage.py", "create_api_key", "--user", "admin"]
        made = subprocess.run(
            command, cwd=PROJECT, env=driver.environ(portal.data), capture_output=True, text=True, check=True
        )
        self.key = made.stdout.strip().splitlines()[-1]
        self.emsp = self.ask("POST", "emsps/", {"country_code": "NL", "party_id": "BNC", "name": "Bench"})["id"]
        places = self.ask("GET", "evses/?page_size=200")["results"]
        self.evse = next(each["evse_id"] for each in places if each["evse_id"])

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=600)
        headers = {"Authorization": f"Token {self.key}", "Content-Type": kind}
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        if isinstance(data, Path):
            headers["Content-Length"] = str(data.stat().st_size)
            data = data.open("rb")
        connection.request(method, f"/api/v1/{path}", data, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, (answer.status, text[:500])
        return json.loads(text)

    def upload(self, rows: int) -> Any:
        frame, file = uuid.uuid4().hex, self.portal.data.parent / "upload"
        with file.open("wb") as out:
            for name, value in (("kind", "tokens"), ("emsp", self.emsp)):
                out.write(f'--{frame}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
            out.write(f'--{frame}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode())
            out.writelines(content(rows))
            out.write(f"\r\n--{frame}--\r\n".encode())
        return self.ask("POST", "imports/", file, f"multipart/form-data; boundary={frame}")

    def wait(self, body: Any, while_: str) -> Any:
        until = time.monotonic() + PATIENCE
        while body["status"] == while_:
            assert time.monotonic() < until, body
            time.sleep(0.5)
            body = self.ask("GET", f"imports/{body['id']}/")
        assert body["status"] == {"staging": "preview", "finalising": "finalised"}[while_], body
        return body

    def wait_served(self, uid: str) -> None:
        until = time.monotonic() + PATIENCE
        asked = {"id_token": uid, "evse_id": self.evse}
        while self.ask("POST", "authorize", asked)["reason"] == "UNKNOWN_TOKEN":
            assert time.monotonic() < until
            time.sleep(0.05)

    def memory(self) -> dict[str, float]:
        """Peak resident megabytes: of the largest web process, and of the largest of Celery's worker."""
        return {name: max(_peak(pid) for pid in self._of(name)) for name in ("granian", "celery")}

    def _of(self, word: str) -> list[int]:
        return [
            pid for pid in driver.pids() if driver.belongs(pid, str(self.portal.data)) and word in driver.command(pid)
        ]


def _peak(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
