"""The integrator's guide names every reason, every error and the limits as the code has them."""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from django.conf import settings

from authorization import questions
from authorization.api import charging, parsers
from authorization.api.pagination import PageNumbers
from authorization.api.resources.tokens import MAX_BULK
from authorization.engine.reasons import ROWS
from authorization.services.keys import MAX_OVERLAP
from tests.docs.codes import codes
from tests.docs.pages import DOCS, blocks, section, table

GUIDE = DOCS / "guides" / "integrator.md"
# Of DRF itself.
DRF = {"permission_denied", "not_found", "method_not_allowed", "unsupported_media_type"}
# Of subscriptions: "ocpi_" and the partner's status code.
OCPI = {"ocpi_3001"}


def test_every_reason() -> None:
    shown = [(row[0], row[1].strip("`"), row[2]) for row in table(section(GUIDE, "Reasons"))]
    assert shown == [(str(row.number), row.reason.value, "accepted" if row.accepted else "rejected") for row in ROWS]


def test_every_error() -> None:
    shown = re.findall(r"`([a-z0-9_]+)`", " ".join(row[1] for row in table(section(GUIDE, "Errors"))))
    assert sorted(shown) == sorted(codes() | DRF | OCPI | {"errors"})


def test_every_limit(monkeypatch: Any) -> None:
    shown = {row[0]: row[1] for row in table(section(GUIDE, "Limits"))}
    assert list(shown.values()) == [
        f"{charging.MAX_BATCH:,}",
        f"{charging.MAX_REQUEST // 1024} KiB",
        f"{charging.MAX_BATCH_BODY // 1024**2} MiB",
        f"{parsers.MAX_BODY // 1024**2} MiB",
        f"{settings.IMPORT_MAX_BYTES // 1024**2} MB",
        f"{questions.MAX_ID} characters",
        f"{questions.MAX_VALUE} characters",
        f"{PageNumbers.max_page_size:,}",
        f"{MAX_BULK:,}",
        f"{MAX_OVERLAP.days} days",
        "100",
        "1,000",
    ]


class Flaky(BaseHTTPRequestHandler):
    """Hangs up on the first question, has no answer to the second, answers the third."""

    asked: list[str] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        if len(self.asked) == 1:
            self.close_connection = True
            return
        late = len(self.asked) == 2
        body = json.dumps({"status": "accepted", "reason": "ALLOWED", "message": "at last"}).encode()
        self.send_response(503 if late else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if late:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def test_the_python_client_asks_again() -> None:
    server = HTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (program,) = [block.text for block in blocks(GUIDE) if block.language == "python"]
    environment = os.environ | {"PORTAL": f"http://127.0.0.1:{server.server_port}", "KEY": "cw_x_y"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.stdout == "accepted ALLOWED at last\n", done.stderr
    assert len(Flaky.asked) == 3
