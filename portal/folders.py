"""Where a node keeps what is its own."""

import hashlib
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
