"""Commands that run to their end before the portal starts: migrate, collectstatic, seed_demo."""

import hashlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from portal.stack.children import Child
from portal.stack.console import StackError
from portal.stack.datadir import DataDir
from portal.stack.options import PROJECT


def finish(*children: Child) -> None:
    """Start the children together and wait until all have ended; on any exception (a Ctrl-C) they are ended."""
    try:
        for child in children:
            child.log.unlink(missing_ok=True)
            child.start()
        while any(child.exit_code() is None for child in children):
            time.sleep(0.02)
    finally:
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.wait_stopped()


def manage(data: DataDir, environ: Mapping[str, str], *arguments: str) -> Child:
    """`manage.py` with these arguments, its output in a log of its own."""
    return Child(
        name=f"manage.py {arguments[0]}",
        command=[sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        log=data.log / f"{arguments[0]}.log",
        environ=environ,
    )


def finish_all(*children: Child) -> None:
    """As finish(), and raise StackError for the first that failed."""
    finish(*children)
    for child in children:
        if child.exit_code() != 0:
            raise StackError(f"{child.name} failed: {child.last_words() or 'no message'} (see {child.log})")


class StaticFiles:
    """Collects and compresses static files where something changed since the last time; that takes seconds."""

    def __init__(self, data: DataDir) -> None:
        self.stamp = data.root / "static.stamp"
        self.collected = data.root / "static" / "staticfiles.json"
        self.fingerprint = self._fingerprint()

    @staticmethod
    def _fingerprint() -> str:
        """Of the packages (by the lock) and of the project's own files."""
        digest = hashlib.sha256((PROJECT / "requirements.lock").read_bytes())
        own = [path for folder in PROJECT.glob("**/static") if ".venv" not in folder.parts for path in _files(folder)]
        for path in sorted(own):
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def fresh(self) -> bool:
        try:
            return self.collected.exists() and self.stamp.read_text() == self.fingerprint
        except OSError:
            return False

    def note(self) -> None:
        self.stamp.write_text(self.fingerprint)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
