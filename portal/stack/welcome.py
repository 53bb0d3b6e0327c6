"""The last thing `make run` prints: the address, the log-ins, and a curl line that works."""

import http.client
import json
import os
import shlex
from pathlib import Path
from typing import Any

from portal.stack.options import Options

READY_PATH = "/readyz"
AUTHORIZE_PATH = "/api/v1/authorize"


def reachable(host: str) -> str:
    """The host to type for one that means "every address"."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)


def address(options: Options) -> str:
    host = reachable(options.host)
    return f"http://[{host}]:{options.port}" if ":" in host else f"http://{host}:{options.port}"


def ask(options: Options, method: str, path: str, body: str = "", key: str = "") -> tuple[int, str]:
    """Ask the portal as a proxy would: (status, body); status 0 where nobody answers."""
    # Production mode answers only to its own names and only over HTTPS.
    names = [name.strip().lstrip(".") for name in os.environ.get("ALLOWED_HOSTS", "").split(",")]
    headers = {"X-Forwarded-Proto": "https", "Content-Type": "application/json"}
    if names[0] not in ("", "*"):
        headers["Host"] = names[0]
    if key:
        headers["Authorization"] = f"Token {key}"
    connection = http.client.HTTPConnection(reachable(options.host), options.port, timeout=5)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def _demo(path: Path) -> dict[str, Any]:
    """What seed_demo left: {"users": {name: password}, "api_key": "…", "curl_body": {…}}; empty where there is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"users", "api_key", "curl_body"} <= found.keys() else {}


def curl(options: Options, key: str, body: dict[str, Any]) -> str:
    """One line for any POSIX shell."""
    parts = ["curl", "-s", f"{address(options)}{AUTHORIZE_PATH}", "-H", f"Authorization: Token {key}"]
    parts += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return " ".join(shlex.quote(part) for part in parts)


def block(options: Options, demo_file: Path, bundled: bool) -> str:
    """The text to print. A demo file beside somebody's own database is shown only if its key works there."""
    demo = _demo(demo_file)
    if demo and not bundled:
        status, _ = ask(options, "POST", AUTHORIZE_PATH, json.dumps(demo["curl_body"]), demo["api_key"])
        demo = demo if status == 200 else {}
    lines = ["", f"Chargeward is ready: {address(options)}/", ""]
    if demo:
        width = max(len(name) for name in demo["users"])
        lines += ["Log in as"]
        lines += [f"  {name:<{width}}  password {password}" for name, password in demo["users"].items()]
        lines += ["", "Ask as a charger whether a token may charge:", ""]
        lines += [curl(options, demo["api_key"], demo["curl_body"])]
    else:
        lines += ["The database holds data of its own, so there are no demo log-ins. To make an admin and a key:"]
        lines += ["  .venv/bin/python manage.py createsuperuser"]
        lines += ["  .venv/bin/python manage.py create_api_key --user NAME"]
    return "\n".join([*lines, "", f"Logs are in {demo_file.parent / 'log'}. Ctrl-C stops everything."])
