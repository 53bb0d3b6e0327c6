"""`python -m portal.stack test -- CMD …`: a command with servers of its own that leave nothing behind."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from portal.stack import linux, options
from portal.stack.console import StackError, Stopped, say
from portal.stack.datadir import DataDir
from portal.stack.servers import Servers

PREFIX = "chargeward-test-"


def run(command: Sequence[str]) -> int:
    """Run the command with DATABASE_URL, REDIS_URL, DATA_DIR and SECRET_KEY set; its exit code."""
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    root.chmod(0o711)  # ours, just made: PostgreSQL may run as another user, who must be able to enter
    data = DataDir(root)
    servers = Servers(data, os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", ""), throwaway=True)
    try:
        data.open()
        (root / "data").mkdir()
        servers.start(os.environ)
        environ = _environ(servers, root)
        return _run(command, environ)
    finally:
        servers.stop()
        data.close()
        shutil.rmtree(root, ignore_errors=True)


def _environ(servers: Servers, root: Path) -> dict[str, str]:
    environ = dict(os.environ)
    if servers.postgres is not None:
        environ = {name: value for name, value in environ.items() if not name.startswith("PG")}
    return environ | {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "DATA_DIR": str(root / "data"),
        "SECRET_KEY": os.environ.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }


def _run(command: Sequence[str], environ: dict[str, str]) -> int:
    parent = os.getpid()
    try:
        process = subprocess.Popen(
            command,
            env=environ,
            cwd=options.PROJECT,
            preexec_fn=lambda: linux.die_with_parent(parent),
        )
    except OSError as error:
        raise StackError(f"cannot run {command[0]}: {error.strerror}.") from None
    try:
        code = process.wait()
    except Stopped as stop:
        code = _end(process, stop)
    # As a shell says it: 128 + the signal.
    return code if code >= 0 else 128 - code


def _end(process: "subprocess.Popen[bytes]", stop: Stopped) -> int:
    """The command got a Ctrl-C of the terminal itself; it gets what was sent to us alone, and some time to end."""
    say("Stopping …")
    number = stop.args[0] if stop.args else signal.SIGTERM
    if number != signal.SIGINT or not os.isatty(0):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
    for force in (signal.SIGTERM, signal.SIGKILL):
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.send_signal(force)
    return process.wait()
