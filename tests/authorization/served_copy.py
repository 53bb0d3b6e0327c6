"""A compiled copy kept as a follower keeps it, but of what the test's own transaction sees, and read right here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from authorization.cache import documents, follower, snapshot
from authorization.cache.snapshot import META, RULES, Opened, Reader, Writer
from authorization.cache.store import CacheStore
from authorization.services import charging
from authorization.spool import DatabaseLog, Log
from authorization.store import DatabaseStore, Store
from tests.refusals import at_commit, sql

STALE_AFTER = 60.0  # seconds; a copy of a test beats only where the test says so


class SharedReader(Reader):
    """A Reader of the environment that a Writer of this process has open: LMDB allows one opening in a process."""

    def __init__(self, writer: Writer, stale_after: float = STALE_AFTER) -> None:
        path = writer.environment.path
        super().__init__(path.parent, settings.DATABASE_ADDRESS, stale_after)
        self._opened = Opened(path.name, writer.environment)

    def _current(self) -> Opened:
        assert self._opened is not None
        return self._opened


class ServedCopy:
    """A copy with its writer, and a store that answers from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0
        self.make_anew()

    def make_anew(self) -> None:
        end_change()
        meta = follower._meta(raw(), settings.DATABASE_ADDRESS, time.monotonic(), None)
        self.writer = Writer(snapshot.make(self.folder, documents.everything(raw()), meta))
        self.reader = SharedReader(self.writer)
        self.store = CacheStore(self.reader, DatabaseStore())
        self.made += 1

    def catch_up(self) -> bool:
        """Brings it up to date with this transaction; whether by the documents that the notices name, not all anew."""
        end_change()
        keys = follower._changed_keys(self.writer.meta, raw())
        if keys is None:
            self.close()
            self.make_anew()
            return False
        meta = follower._meta(raw(), settings.DATABASE_ADDRESS, time.monotonic(), self.writer.meta)
        # A cursor that sends its parameters apart from the statement, as the follower's does.
        self.writer.apply(list(documents.changed(psycopg.Cursor(raw()), keys)), meta)
        return True

    def documents(self) -> dict[bytes, bytes]:
        """What it holds, but for what it says of itself."""
        return documents_of(self.writer)

    def close(self) -> None:
        self.writer.environment.lmdb.close()


@contextmanager
def served_copy(folder: Path) -> Iterator[ServedCopy]:
    copy = ServedCopy(folder)
    try:
        yield copy
    finally:
        copy.close()


def documents_of(writer: Writer) -> dict[bytes, bytes]:
    with writer.environment.lmdb.begin() as txn:
        return {
            bytes(key): bytes(value) for key, value in txn.cursor() if bytes(key) != META and bytes(key[:1]) != RULES
        }


def compiled() -> dict[bytes, bytes]:
    """Every document, as a full compile makes it now."""
    return dict(documents.everything(raw()))


def raw() -> psycopg.Connection[Any]:
    """psycopg's own connection beneath the test's transaction."""
    sql("SELECT 1")  # it has begun then, and what psycopg calls a transaction is a part of it
    assert isinstance(connection.connection, psycopg.Connection)
    return connection.connection


def end_change() -> None:
    """Gives what was written its revision, as a commit would; what is written next is another change."""
    at_commit()
    for mark in ("changed_in", "external_from", "owned_since"):
        sql("SELECT set_config(%s, '', true)", f"chargeward.{mark}")


@contextmanager
def answering(store: Store, log: Log | None = None) -> Iterator[None]:
    """services.authorize() answers from this store, as in a web process."""
    before = charging.store, charging.log
    charging.store, charging.log = store, log or DatabaseLog()
    try:
        yield
    finally:
        charging.store, charging.log = before
