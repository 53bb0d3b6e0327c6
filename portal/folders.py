"""Where a node keeps what is its own."""

import contextlib
import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit


def address_of(database_url: str) -> str:
    """Host, port and name of a database, without whoever logs in."""
    try:
        parts = urlsplit(database_url)
        return f"{parts.hostname}:{parts.port}{parts.path}"
    except ValueError:  # no URL; the checks say so
        return database_url


def folder_for(root: Path, database_url: str) -> Path:
    """The folder of one database under `root`. Not its port: the bundled server's is another one after each start."""
    host, _, rest = address_of(database_url).partition(":")
    name = host + rest[rest.find("/") :]
    return root / hashlib.sha256(name.encode()).hexdigest()[:16]


def count_in(folder: Path) -> None:
    """Metrics of this process go to files of this folder, to be told by any worker of the node; call it first of all.

    Files of processes that are gone are removed: counters may start again, as Prometheus knows.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(folder))
    for path in folder.glob("*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not _runs(int(pid)):
            with contextlib.suppress(OSError):
                path.unlink()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
