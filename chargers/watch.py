"""Watches over what is in use, in the process of a node that follows the revisions. One of all nodes does it."""

import logging
import threading

from django.db import connections

from authorization import clock
from authorization.cache import beside, follower
from authorization.complaint import Complaint
from authorization.services import NoRules
from chargers.services import commands, watching

logger = logging.getLogger(__name__)
TICK = 0.25  # seconds between looks, where no notification comes
LOCK = 0x63776861
COMPLAIN_EVERY = 30.0


def watch(stopped: threading.Event, database_url: str = "") -> None:
    """Until told to stop, whatever happens to the database."""
    complain = Complaint(logger, COMPLAIN_EVERY)
    beside.connected(_watch, stopped, database_url, complain, "What is in use is not watched", (NoRules,))


def _watch(connection: beside.Connection, stopped: threading.Event) -> None:
    connection.execute(f"LISTEN {follower.CHANNEL}")
    ours = False
    while not stopped.is_set():
        ours = ours or beside.locked(connection, LOCK)
        if ours:
            now = clock.now()
            watching.look(now)
            commands.time_out(now)
            connections.close_all()
        for _notice in connection.notifies(timeout=TICK, stop_after=1):
            pass
