"""Has a worker push as soon as there is something to push, beside the follower of a node. One of all nodes does it.

It only wakes: should it, the broker or the worker be away, beat's look finds what is due.
"""

import logging
import threading
import time

from django.db import connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from authorization.cache import beside
from authorization.complaint import Complaint
from subscriptions.push import turns
from subscriptions.push.runner import CHANNEL

logger = logging.getLogger(__name__)
TICK = 1.0  # seconds between looks, where no notification comes
EASE = 0.25  # seconds between two wake-ups
EXPIRES = 10  # seconds after which a wake-up that nobody took is none
LOCK = 0x63777075
COMPLAIN_EVERY = 30.0


def watch(stopped: threading.Event, database_url: str = "") -> None:
    """Until told to stop, whatever happens to the database or the broker."""
    complain = Complaint(logger, COMPLAIN_EVERY)
    beside.connected(_watch, stopped, database_url, complain, "Pushing is not woken", (OperationalError,))


def _watch(connection: beside.Connection, stopped: threading.Event) -> None:
    connection.execute(f"LISTEN {CHANNEL}")
    ours, woken = False, 0.0
    while not stopped.is_set():
        ours = ours or beside.locked(connection, LOCK)
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
