"""Drives the stack from outside, as a person at a shell does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from portal.stack import ports
from portal.stack.options import PROJECT

FOREIGN = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "HOST", "PORT", "MAKELEVEL", "MAKEFLAGS")
READY = "Chargeward is ready"


def environ(data: Path, **values: str) -> dict[str, str]:
    """Ours, without what the stack that runs these tests has set."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return kept | {"DATA_DIR": str(data)} | values


def stack(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`python -m portal.stack …`, until it ends by itself."""
    command = [sys.executable, "-m", "portal.stack", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def refused(environment: Mapping[str, str]) -> str:
    """The one line with which `run` refuses to start."""
    done = stack(["run"], environment)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("chargeward: ")
    return lines[0]


class Portal:
    """`python -m portal.stack run` on one data directory. values: further variables."""

    def __init__(self, data: Path, **values: str) -> None:
        self.data = data
        self.values = values
        self.port = ports.free()
        self.output = data.parent / "output.txt"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start it; what it printed until it was ready."""
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.stack", "run"],
                cwd=PROJECT,
                env=environ(self.data, PORT=str(self.port), **self.values),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        wait_for(lambda: "Ctrl-C stops everything" in self.output.read_text() or self.process.poll() is not None, 240)
        text = self.output.read_text()
        assert READY in text, text
        return text

    def signal(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def children(self, word: str) -> list[int]:
        """The supervisor's own children whose command line holds the word."""
        return [pid for pid in pids() if parent(pid) == self.process.pid and word in command(pid)]

    def left(self) -> list[str]:
        """What of it still runs: everything that has its data directory in its command line or environment."""
        return [f"{pid} {command(pid)}" for pid in pids() if belongs(pid, str(self.data))]

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()


def wait_for(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def pids() -> list[int]:
    """Every process of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def command(pid: int) -> str:
    """Its command line; empty for one that is gone."""
    return _read(pid, "cmdline").replace("\0", " ")


def parent(pid: int) -> int:
    """Its parent; 0 for one that is gone."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def belongs(pid: int, data: str) -> bool:
    """Whether it runs, and has this data directory in its command line or environment."""
    if pid == os.getpid() or _read(pid, "stat").rpartition(")")[2].split()[:1] in ([], ["Z"]):
        return False
    return data in command(pid) or f"DATA_DIR={data}\0" in _read(pid, "environ")


def uid_of(pid: int) -> int:
    """The user of a process as the machine sees it."""
    return Path(f"/proc/{pid}").stat().st_uid
