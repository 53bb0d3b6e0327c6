"""Child processes: each in its own session with its own log file, and gone when the supervisor is gone."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from portal.stack import linux
from portal.stack.identity import Identity

MARKER = "CHARGEWARD_STACK"
LOG_LIMIT = 20 * 2**20


@dataclass
class Child:
    """A program to run, and its process while it runs.

    Signals: `stop_signal` asks it to end, `hard_signal` insists after `grace` seconds, SIGKILL follows.
    """

    name: str
    command: Sequence[str]
    cwd: Path
    log: Path
    environ: Mapping[str, str]
    identity: Identity = field(default_factory=Identity)
    stop_signal: signal.Signals = signal.SIGTERM
    hard_signal: signal.Signals = signal.SIGKILL
    death_signal: signal.Signals = signal.SIGTERM
    grace: float = 2.5
    stdin: bytes = b""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Raises OSError where the program cannot be run."""
        keep_small(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=dict(self.environ),
                stdin=subprocess.PIPE if self.stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_prelude(self.identity, self.death_signal),
                **self.identity.popen(),
            )
        if self.process.stdin is not None:
            with suppress(BrokenPipeError), self.process.stdin as pipe:
                pipe.write(self.stdin)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def exit_code(self) -> int | None:
        """Its exit code once it has ended (negative: the signal), None while it runs."""
        return self.process.poll() if self.process else None

    def ask_to_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def wait_stopped(self) -> None:
        """Wait until it has ended, with more force after `grace` seconds; then end what is left of its group."""
        if self.process is None:
            return
        for seconds, force in ((self.grace, self.hard_signal), (max(self.grace, 2.5), signal.SIGKILL)):
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                self.process.send_signal(force)
        self.process.wait()
        self.sweep()

    def sweep(self) -> None:
        """End what a process that has ended left in its group: a web server that crashed leaves its workers."""
        for force in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, force)
                deadline = time.monotonic() + 1
                while time.monotonic() < deadline:
                    os.killpg(self.pid, 0)
                    time.sleep(0.02)

    def last_words(self) -> str:
        """The last line of its log that says something, for an error message."""
        return last_line(self.log)


def _prelude(identity: Identity, death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def prelude() -> None:
        identity.enter()
        linux.die_with_parent(parent, death_signal)

    return prelude


def keep_small(log: Path) -> None:
    """Put a log that grew over 20 MB aside as `….1`, replacing the one before."""
    with suppress(OSError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(log.name + ".1"))


def last_line(log: Path) -> str:
    """The last line of a log that names a problem, else its last line; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    lines = [line for line in lines if line]
    # Django's system checks say what to do in the line after.
    for line, following in pairwise(lines):
        if line.startswith("?: (") and following.startswith("HINT: "):
            return f"{line[3:]} {following.removeprefix('HINT: ')}"
    problems = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror", "# "))]
    return (problems or lines or [""])[-1][:400]


def end_orphans(marker: str) -> int:
    """End every process that a killed supervisor of the same data directory left. Returns how many there were."""
    entry = f"{MARKER}={marker}".encode()
    own = os.getpid()
    count = 0
    for force, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        deadline = time.monotonic() + seconds
        signalled: set[int] = set()
        while time.monotonic() < deadline:
            left = [pid for pid in linux.processes() if pid != own and linux.has_marker(pid, entry)]
            left = [pid for pid in left if not linux.is_zombie(pid)]
            if not left:
                return count
            for pid in set(left) - signalled:
                with suppress(OSError):
                    os.kill(pid, force)
                signalled.add(pid)
            count = max(count, len(signalled))
            time.sleep(0.05)
    return count
