"""Servers that are not ours: whether DATABASE_URL and REDIS_URL lead anywhere, before anything is built on them."""

from urllib.parse import urlsplit

import psycopg
import redis

from portal.stack import valkey
from portal.stack.console import StackError

OLDEST_POSTGRES = 15


def _shown(url: str) -> str:
    """host:port/name of a URL, never its password."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the given address"
    return f"{parts.hostname or 'a local socket'}{port}{parts.path}"


def check_database(url: str) -> None:
    """Log in once. Raises StackError: no URL, no server there, a wrong password, one that is too old."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise StackError(
            "DATABASE_URL must look like postgres://USER:PASSWORD@HOST:5432/NAME. "
            "Unset it to use the bundled PostgreSQL."
        )
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version // 10000
    except (psycopg.Error, ValueError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:400]
        raise StackError(f"DATABASE_URL leads to no usable database at {_shown(url)}: {reason}") from None
    if version < OLDEST_POSTGRES:
        raise StackError(
            f"the server at {_shown(url)} is PostgreSQL {version}; {OLDEST_POSTGRES} or newer is needed. "
            "Unset DATABASE_URL to use the bundled one."
        )


def check_redis(url: str) -> None:
    """Ask once. Raises StackError for a URL that is none, a server that is not there or wants another password."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise StackError("REDIS_URL must look like redis://:PASSWORD@HOST:6379/0. Unset it to use the bundled Valkey.")
    try:
        with valkey.client(url, 5) as connection:
            connection.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise StackError(f"REDIS_URL leads to no usable server at {_shown(url)}: {error}") from None
