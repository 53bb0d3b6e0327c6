"""Sees to it that one follower works on this node, and that another one is ready to take over from it.

Every web process tries to start one. A lock lets one at a time stand by; it takes the follower's lock as soon as that
is free and leaves its own to the next. Starting anew would take seconds where the processor is busy, and without a
follower it is: every question goes to the database. For the same reason a node that starts has no standby at first.
"""

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

logger = logging.getLogger(__name__)
LOCK = "follower.lock"
STANDBY = "standby.lock"
LOOK_EVERY = 0.25  # seconds
BACK_OFF = 5.0  # seconds, at most, between tries where it dies as it starts
SETTLED = 10.0  # seconds that a process has been there before it starts a standby beside a follower at work


class Guard(threading.Thread):
    """Starts `manage.py follow` where none stands by. It ends with this process, for it reads from a pipe of ours."""

    def __init__(self, folder: Path, manage: Path) -> None:
        super().__init__(name="guard", daemon=True)
        self.folder = folder
        self.manage = manage
        self.child: subprocess.Popen[bytes] | None = None
        self._begun = time.monotonic()

    def run(self) -> None:
        pause = LOOK_EVERY
        while True:
            started = time.monotonic()
            try:
                if self._start():
                    self._wait()
                    lived = time.monotonic() - started
                    pause = LOOK_EVERY if lived > BACK_OFF else min(pause * 2, BACK_OFF)
            except OSError as error:
                logger.error("No follower can be started: %s", error)
                pause = min(pause * 2, BACK_OFF)
            time.sleep(pause)

    def _start(self) -> bool:
        """Whether the lock was free; it goes to the child, and is free again when that is gone."""
        lock = try_lock(self.folder, STANDBY)
        if lock is None:
            return False
        try:
            while time.monotonic() - self._begun < SETTLED and is_locked(self.folder):
                time.sleep(LOOK_EVERY)
            self.child = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, str(self.manage), "follow", "--standby", str(lock)],
                stdin=subprocess.PIPE,
                pass_fds=[lock],
            )
        finally:
            os.close(lock)
        return True

    def _wait(self) -> None:
        assert self.child is not None  # noqa: S101
        code = self.child.wait()
        if self.child.stdin is not None:
            self.child.stdin.close()
        logger.warning("The follower ended with %s", code)


def try_lock(folder: Path, name: str = LOCK) -> int | None:
    """The locked file, or None where somebody else holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_locked(folder: Path, name: str = LOCK) -> bool:
    """Whether somebody holds it."""
    lock = try_lock(folder, name)
    if lock is not None:
        os.close(lock)
    return lock is None


def still_ours(lock: int, folder: Path) -> bool:
    """Whether the locked file is the one that others find: who deletes the folder deletes the lock."""
    with contextlib.suppress(OSError):
        return os.fstat(lock).st_ino == (folder / LOCK).stat().st_ino
    return False
