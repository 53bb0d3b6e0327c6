"""What the environment asks for, read and checked before anything is started."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.stack.console import StackError

PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: where to listen, how many web workers, where data lives, which servers are not ours."""

    host: str
    port: int
    web_workers: int
    data_dir: Path
    database_url: str
    redis_url: str
    secret_key: str
    pool_size: int = 8
    worker_processes: int = 2


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    # isdigit() is also true of digits int() refuses, such as "²".
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise StackError(f"{name} is {text!r}; set it to a whole number from {least} to {most}, e.g. {name}={default}.")
    return int(text)


def data_dir(environ: Mapping[str, str]) -> Path:
    """DATA_DIR as an absolute path; `var/` of the project where it is not set."""
    text = environ.get("DATA_DIR", "")
    return Path(text).expanduser().absolute() if text.strip() else PROJECT / "var"


def read(environ: Mapping[str, str] | None = None) -> Options:
    """The options in `environ`. Raises StackError for a value that cannot be meant."""
    environ = os.environ if environ is None else environ
    return Options(
        host=environ.get("HOST", "").strip() or "127.0.0.1",
        port=_number(environ, "PORT", 8000, 1, 65535),
        web_workers=_number(environ, "WEB_WORKERS", 2, 1, 64),
        data_dir=data_dir(environ),
        database_url=environ.get("DATABASE_URL", "").strip(),
        redis_url=environ.get("REDIS_URL", "").strip(),
        secret_key=environ.get("SECRET_KEY", ""),
        pool_size=_number(environ, "DATABASE_POOL_SIZE", 8, 1, 1000),
        worker_processes=_number(environ, "WORKER_PROCESSES", 2, 1, 64),
    )
