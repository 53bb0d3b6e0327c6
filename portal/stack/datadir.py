"""DATA_DIR: the secrets made for it, the lock on it, and the note that tells manage.py where the servers are.

Layout: postgres/ valkey/ log/ static/ secrets.json servers.json lock draining. Files with secrets have mode 0600.
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from pathlib import Path

from portal.stack.console import StackError
from portal.stack.programs import DRAINING

FIRST_START_MB = 250  # initdb takes 40 MB, the write-ahead log up to 96, demo data and static files the rest
NEXT_START_MB = 40
STOPPING = "stopping"


class DataDir:
    """One data directory, held by one supervisor at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.postgres = root / "postgres"
        self.valkey = root / "valkey"
        self.servers = root / "servers.json"
        self.demo = root / "demo.json"
        self._lock: int | None = None

    def open(self) -> None:
        """Make the directory, take its lock and remove what a killed supervisor left. Raises StackError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.log.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"cannot make {error.filename}: {error.strerror}. Set DATA_DIR to a directory that you may write to."
            ) from None
        for path in (self.root, self.log):
            if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                raise StackError(f"cannot write to {path}. Make it yours, or set DATA_DIR to a directory that is.")
        self._take_lock()
        self._check_space()
        self.servers.unlink(missing_ok=True)
        self.root.joinpath(DRAINING).unlink(missing_ok=True)

    def _check_space(self) -> None:
        needed = NEXT_START_MB if self.postgres.exists() else FIRST_START_MB
        free = shutil.disk_usage(self.root).free // 2**20
        if free < needed:
            raise StackError(
                f"only {free} MB are free at {self.root}, {needed} are needed. Free some, or set DATA_DIR elsewhere."
            )

    def _take_lock(self) -> None:
        try:
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            raise StackError(
                f"{self.root / 'lock'} belongs to another user. Run as that user, or set another DATA_DIR."
            ) from None
        # Half a second for one that is just being killed, longer for one that says that it is stopping.
        patience, waited = 0.5, 0.0
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(lock, 100, 0).decode(errors="replace").strip()
            if waited >= (15 if holder.endswith(STOPPING) else patience):
                os.close(lock)
                raise StackError(
                    f"the portal already runs on {self.root} (process {holder or 'unknown'}). "
                    "Stop that one, or set another DATA_DIR (and PORT)."
                )
            time.sleep(0.05)
            waited += 0.05
        self._lock = lock
        self._note(str(os.getpid()))

    def _note(self, text: str) -> None:
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, text.encode(), 0)

    def stopping(self) -> None:
        """Tell a supervisor that waits for the lock that it will soon be free."""
        self._note(f"{os.getpid()} {STOPPING}")

    def close(self) -> None:
        """A clean stop: no servers to be found any more."""
        if self._lock is not None:
            self.servers.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def secrets(self) -> dict[str, str]:
        """The passwords and keys of this directory, made once and kept: {name: text}."""
        path = self.root / "secrets.json"
        try:
            found: dict[str, str] = dict(json.loads(path.read_text()))
        except FileNotFoundError:
            found = {}
        except (OSError, ValueError, TypeError):
            raise StackError(f"{path} cannot be read. Restore it, or move {self.root} away to start anew.") from None
        names = ("secret_key", "postgres_password", "database_password", "valkey_password")
        if any(name not in found for name in names):
            found = {name: secrets.token_urlsafe(48 if name == "secret_key" else 24) for name in names} | found
            write_private(path, json.dumps(found, indent=1))
        return found

    def publish(self, **values: str | int) -> None:
        """Write servers.json, from which manage.py learns where the servers are."""
        write_private(self.servers, json.dumps(values, indent=1))


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
