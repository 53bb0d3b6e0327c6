"""Watches over what is in use, in the process of a node that follows the revisions. One of all nodes does it."""

import logging
import threading

import psycopg
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from authorization.cache import follower
from authorization.complaint import Complaint
from authorization.services import NoRules
from chargers.services import commands, watching

logger = logging.getLogger(__name__)
TICK = 0.25  # seconds between looks, where no notification comes
RETRY = 0.5
LOCK = 0x63776861  # of the database, for as long as the connection lives
COMPLAIN_EVERY = 30.0


def watch(stopped: threading.Event, database_url: str = "") -> None:
    """Until told to stop, whatever happens to the database."""
    complain = Complaint(logger, COMPLAIN_EVERY)
    while not stopped.is_set():
        try:
            with follower.connect(database_url or settings.DATABASE_URL) as connection:
                _watch(connection, stopped)
        except (psycopg.Error, DatabaseError, NoRules, OSError) as error:
            complain(f"What is in use is not watched: {error}")
        except Exception:
            logger.exception("What is in use is not watched")
        finally:
            connections.close_all()
        stopped.wait(RETRY)


def _watch(connection: psycopg.Connection[tuple[object, ...]], stopped: threading.Event) -> None:
    connection.execute(f"LISTEN {follower.CHANNEL}")
    ours = False
    while not stopped.is_set():
        ours = ours or _locked(connection)
        if ours:
            now = timezone.now()
            watching.look(now)
            commands.time_out(now)
            connections.close_all()
        for _notice in connection.notifies(timeout=TICK, stop_after=1):
            pass


def _locked(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return row is not None and bool(row[0])
