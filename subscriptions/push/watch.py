"""Has a worker push as soon as there is something to push, beside the follower of a node. One of all nodes does it.

It only wakes: should it, the broker or the worker be away, beat's look finds what is due.
"""

import logging
import threading
import time

import psycopg
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from authorization.cache import follower
from authorization.complaint import Complaint
from subscriptions.push import turns
from subscriptions.push.runner import CHANNEL

logger = logging.getLogger(__name__)
TICK = 1.0  # seconds between looks, where no notification comes
RETRY = 0.5
EASE = 0.25  # seconds between two wake-ups
EXPIRES = 10  # seconds after which a wake-up that nobody took is none
LOCK = 0x63777075  # of the database, for as long as the connection lives
COMPLAIN_EVERY = 30.0


def watch(stopped: threading.Event, database_url: str = "") -> None:
    """Until told to stop, whatever happens to the database or the broker."""
    complain = Complaint(logger, COMPLAIN_EVERY)
    while not stopped.is_set():
        try:
            with follower.connect(database_url or settings.DATABASE_URL) as connection:
                _watch(connection, stopped)
        except (psycopg.Error, DatabaseError, OSError) as error:
            complain(f"Pushing is not woken: {error}")
        except Exception as error:  # kombu's and redis'
            complain(f"Pushing is not woken: {error!r}")
        finally:
            connections.close_all()
        stopped.wait(RETRY)


def _watch(connection: psycopg.Connection[tuple[object, ...]], stopped: threading.Event) -> None:
    connection.execute(f"LISTEN {CHANNEL}")
    ours, woken = False, 0.0
    while not stopped.is_set():
        ours = ours or _locked(connection)
        if ours and time.monotonic() - woken >= EASE and turns.due(timezone.now()):
            wake()
            woken = time.monotonic()
        connections.close_all()
        # While a wake-up is under way, the next look is soon: what came just now may have been missed by it.
        for _notice in connection.notifies(timeout=EASE if time.monotonic() - woken < EASE else TICK, stop_after=1):
            pass


def wake() -> None:
    """Raises the broker's errors."""
    from subscriptions.tasks import push

    push.apply_async(retry=False, expires=EXPIRES)


def _locked(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return row is not None and bool(row[0])
