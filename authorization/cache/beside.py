"""Work that one of all nodes does, beside the follower of the copy: whoever holds a lock of the database."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, connections

from authorization.cache import follower
from authorization.complaint import Complaint

RETRY = 0.5  # seconds
Connection = psycopg.Connection[tuple[Any, ...]]


def connected(
    work: Callable[[Connection, threading.Event], None],
    stopped: threading.Event,
    database_url: str,
    complain: Complaint,
    problem: str,
    expected: tuple[type[Exception], ...] = (),
) -> None:
    """Does the work on a connection of its own until told to stop, and again on another one after any error.

    problem: what an error means, to complain with. expected: errors besides the database's to tell without a trace.
    """
    while not stopped.is_set():
        try:
            with follower.connect(database_url or settings.DATABASE_URL) as connection:
                work(connection, stopped)
        except Exception as error:
            known = isinstance(error, (psycopg.Error, DatabaseError, OSError, *expected))
            complain(f"{problem}: {error}", trace=not known)
        finally:
            connections.close_all()
        stopped.wait(RETRY)


def locked(connection: Connection, lock: int) -> bool:
    """Whether the lock is ours, for as long as the connection lives."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
    return row is not None and bool(row[0])
