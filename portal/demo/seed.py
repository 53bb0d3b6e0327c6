"""Fills the database with a demo world: all of it or nothing, and nothing twice."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

import pghistory
import pgtrigger
from django.contrib.auth.models import User
from django.db import connection, transaction

from locations.models import CPO
from portal.demo import people
from portal.demo.crowd import MEASURES
from portal.demo.day import live_through
from portal.demo.load import Progress, load
from portal.demo.world import build
from tokens.models import EMSP


@dataclass(frozen=True, slots=True)
class Seeded:
    """rows, decisions: new ones. demo: the log-ins; demo_is_new: whether any of them is."""

    rows: int
    decisions: int
    demo: people.DemoFile
    demo_is_new: bool


def seed(size: str, number: int, now: datetime, progress: Progress, *, if_empty: bool = False) -> Seeded | None:
    """None where `if_empty` and the database is not: it has a CPO, an eMSP or a user."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Two nodes that start at once on one empty database fill it once.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('portal.demo'))")
        if if_empty and not is_empty():
            return None
        with pghistory.context(source="seed_demo"):
            savepoint = transaction.savepoint()
            with _history_of(size):
                rows = load(build(size, number, now), progress)
            if rows:
                transaction.savepoint_commit(savepoint)
            else:
                # Also the note that something may have changed.
                transaction.savepoint_rollback(savepoint)
            decisions = live_through(number, now)
            progress(f"decisions: {decisions:,} new")
            demo, is_new = people.settle(now)
        progress("checking and committing")
    return Seeded(rows, decisions, demo, is_new)


def is_empty() -> bool:
    return not (CPO.objects.exists() or EMSP.objects.exists() or User.objects.exists())


def _history_of(size: str) -> AbstractContextManager[object]:
    """A crowd has no history: that it came with the demo is all there is to know, and it would double the database."""
    if size not in MEASURES:
        return nullcontext()
    names = [
        *(f"locations.{model}" for model in ("CPO", "Location", "ChargeStation", "EVSE")),
        *(f"tokens.{model}" for model in ("EMSP", "Customer", "Driver", "Token")),
        *(f"authorization.{model}" for model in ("ExceptionGroup", "GroupMember", "ChargeException")),
        *(f"authorization.{model}" for model in ("ExceptionCpoGroup", "ExceptionEmspGroup", "AuthorizationListEntry")),
    ]
    return pgtrigger.ignore(*(f"{name}:insert_insert" for name in names))
