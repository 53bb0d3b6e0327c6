"""Sends to all endpoints that have something due, side by side: one that hangs keeps a thread, and nobody else.

One process of all does it, so that the others have time for imports; and a second one, where the first does not come
to what is due, or is frozen.
"""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from authorization.cache import follower
from subscriptions.push import turns

logger = logging.getLogger(__name__)
CHANNEL = "chargeward_push"  # PostgreSQL's notification that there is something to push
THREADS = 32
TICK = 0.2  # seconds between looks, where no notification comes
IDLE = 2.0  # seconds without anything to do, after which it ends
LONGEST = 30.0  # seconds; then another run goes on
FIRST, SECOND = 0x63777072, 0x63777073  # locks of the database, for as long as the connection lives
OVERDUE = timedelta(seconds=3)


def run(longest: float = LONGEST, idle: float = IDLE, database_url: str = "", lock: int = FIRST) -> int:
    """Until nothing was due for a while, or for `longest` seconds; how many objects partners took."""
    with follower.connect(database_url or settings.DATABASE_URL) as listening:
        row = listening.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
        if row is None or not row[0]:
            return 0
        listening.execute(f"LISTEN {CHANNEL}")
        return _run(listening, longest, idle)


def catch_up() -> int:
    """As `run`, for what has been due for a while and nobody has come to."""
    return run(idle=0, lock=SECOND) if _due(timezone.now() - OVERDUE) else 0


def _run(listening: psycopg.Connection[Any], longest: float, idle: float) -> int:
    busy: dict[int, Future[int]] = {}
    done = 0
    end, last = time.monotonic() + longest, time.monotonic()
    with ThreadPoolExecutor(THREADS, "push") as threads:
        while True:
            for pk in [pk for pk, turn in busy.items() if turn.done()]:
                done += _result(busy.pop(pk))
            if time.monotonic() < end:
                for pk in _due(timezone.now()):
                    if pk not in busy and len(busy) < THREADS:
                        busy[pk] = threads.submit(copy_context().run, turns.take, pk)
            if busy:
                last = time.monotonic()
            elif time.monotonic() >= min(end, last + idle):
                return done
            for _notice in listening.notifies(timeout=0.05 if busy else TICK, stop_after=1):
                pass


def _due(now: datetime) -> list[int]:
    try:
        return turns.due(now)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _result(turn: Future[int]) -> int:
    try:
        return turn.result()
    except Exception:
        logger.exception("A partner was not pushed to")
        return 0
