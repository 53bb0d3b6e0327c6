"""Keeps a node's copy fresh, straight from the database: woken by a notification, or looking by itself.

One process of the node does it, the one that holds the lock of the folder. What it finds changed is read again in one
repeatable-read transaction and put into the copy in one go, so the copy is always some revision, whole. A copy that is
missing, damaged, too far behind or of another database is made anew beside the one in use.
"""

import contextlib
import logging
import shutil
import socket
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import psycopg
from psycopg import Connection, sql

from authorization import clock, metrics, spool
from authorization.cache import documents, snapshot
from authorization.cache.snapshot import CURRENT, Meta, NotReady, Overtaken, Writer
from authorization.complaint import Complaint

logger = logging.getLogger(__name__)
CHANNEL, ANEW = "chargeward", "anew"
SWEEP = 0.25  # seconds between looks, where no notification comes
SHIP_EVERY = 0.2  # seconds
RETRY = 0.3  # seconds before asking a database again that did not answer
MOST_KEYS = 200_000  # documents that are read one by one; beyond, all of them
COMPLAIN_EVERY = 30.0  # seconds
REPORT_EVERY = 1.0  # seconds between words of a node that has nothing new to say
CHECK_READERS = 5.0  # seconds between looks for readers that died
# Below the database's deadlock_timeout, 1 s: where a follower and a migration wait for each other, it is the follower
# that gives way and asks again; the migration would be broken off.
GIVE_WAY = "500ms"


class State(NamedTuple):
    """Of the database: its revision, that revision's stamp, and its clock as clock.compared() gives it."""

    revision: int
    stamp: str
    clock: float | None


class Follower:
    """The copy in a folder, as it follows the database of a URL."""

    def __init__(self, folder: Path, database_url: str, database: str) -> None:
        """database: its address, as readers know it."""
        self.folder = folder
        self.url = database_url
        self.database = database
        self.writer: Writer | None = None
        self._making: threading.Thread | None = None
        self._made: Path | None = None
        self._readers_checked = 0.0
        self._reported = 0.0, -1  # when, and which revision
        self._name = f"{socket.gethostname()}:{folder}"[-255:]
        self._complain = Complaint(logger, COMPLAIN_EVERY)

    def run(self, stopped: threading.Event) -> None:
        """Follows until told to stop, whatever happens to the database."""
        self._take_over()
        while not stopped.is_set():
            try:
                with connect(self.url) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    connection.execute("SET statement_timeout = '10s'")
                    while not stopped.is_set():
                        self.look(connection)
                        self._wait(connection)
            except (psycopg.Error, OSError) as error:
                self._complain(f"The database does not answer: {error}")
                stopped.wait(RETRY)

    def _take_over(self) -> None:
        """The copy that the process before us left, if it is whole."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep = None
        with contextlib.suppress(OSError, NotReady):
            keep = (self.folder / CURRENT).resolve(strict=True)
            self.writer = Writer(keep)
        snapshot.tidy(self.folder, keep)

    def _wait(self, connection: Connection[Any]) -> None:
        for notice in connection.notifies(timeout=SWEEP, stop_after=1):
            if notice.payload == ANEW:
                self._make_anew()

    def look(self, connection: Connection[Any]) -> None:
        """One look at the database: what changed since the last one is in the copy afterwards."""
        at = time.monotonic()
        if self.writer is not None:
            # First: whoever takes a revision for in force without a node that has been silent must not do so once its
            # copy is good for another moment again.
            self._report(connection, self.writer.meta.revision, at)
        now = _now(connection)
        if now is None:
            return  # not migrated yet
        self.writer = self._kept_up(self.writer, connection, now, at)
        self._take_what_was_made(connection)
        if self.writer is None:
            self._make_anew()
            return
        self._report(connection, self.writer.meta.revision, at)
        if at - self._readers_checked > CHECK_READERS:
            self._readers_checked = at
            self.writer.environment.lmdb.reader_check()

    def _report(self, connection: Connection[Any], revision: int, at: float) -> None:
        """Tells the others which revision this node has, for whoever waits until all of them have it."""
        reported_at, reported = self._reported
        if reported != revision or at - reported_at >= REPORT_EVERY:
            connection.execute(
                "INSERT INTO authorization_node (name, revision, seen_at) VALUES (%s, %s, now())"
                " ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, seen_at = excluded.seen_at",
                [self._name, revision],
            )
            self._reported = at, revision

    def _kept_up(self, writer: Writer | None, connection: Connection[Any], now: State, at: float) -> Writer | None:
        """The writer, its copy brought up to date; None where that cannot be done."""
        if writer is None:
            return None
        try:
            writer.check()
            if (writer.meta.revision, writer.meta.stamp) == now[:2]:
                writer.beat(at, self.database, now.clock)
            elif not self._apply(writer, connection):
                return None
        except Overtaken:
            logger.warning("Another process follows into the same copy")  # the next look goes on from what it wrote
        except (NotReady, lmdb.Error) as problem:
            logger.warning("The copy is made anew: %s", problem)
            return None
        return writer

    def _apply(self, writer: Writer, connection: Connection[Any]) -> bool:
        """Puts what changed since the writer's revision into its copy; False where that is not known, or too much."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # Statistics may be of a time when the tables were empty.
            connection.execute("SET LOCAL enable_seqscan = off")
            at = time.monotonic()
            keys = _changed_keys(writer.meta, connection)
            if keys is None:
                return False
            meta = _meta(connection, self.database, at, writer.meta)
            with connection.cursor() as cursor:
                changes = list(documents.changed(cursor, keys))
        writer.apply(changes, meta)
        metrics.copy_seconds.labels("changes").observe(time.monotonic() - at)
        return True

    def _make_anew(self) -> None:
        if self._making is None or not self._making.is_alive():
            self._making = threading.Thread(target=self._make, name="make a copy", daemon=True)
            self._making.start()

    def _make(self) -> None:
        started = time.monotonic()
        try:
            path = make(self.folder, self.url, self.database)
        except Exception:
            logger.exception("The copy could not be made")
            time.sleep(RETRY)
            return
        taken = time.monotonic() - started
        metrics.copy_seconds.labels("anew").observe(taken)
        logger.info("A copy was made in %.1f s", taken)
        self._made = path

    def _take_what_was_made(self, connection: Connection[Any]) -> None:
        """A copy made anew comes into use when it has caught up, so that nobody is answered from an older one."""
        made, self._made = self._made, None
        if made is None:
            return
        candidate = None
        with contextlib.suppress(NotReady):
            candidate = Writer(made)
        at = time.monotonic()
        if candidate is not None:
            self._report(connection, candidate.meta.revision, at)
        now = _now(connection)
        candidate = self._kept_up(candidate, connection, now, at) if now else None
        if candidate is None or (self.writer and candidate.meta.revision < self.writer.meta.revision):
            return  # overtaken by too much: the next one
        snapshot.use(self.folder, candidate.environment.path)
        self.writer = candidate
        snapshot.tidy(self.folder, candidate.environment.path)


def connect(url: str) -> Connection[Any]:
    """A connection that notices when the other end is gone, and waits for no lock for long."""
    connection = psycopg.connect(
        url, autocommit=True, connect_timeout=3, application_name="chargeward follower",
        keepalives_idle=5, keepalives_interval=2, keepalives_count=3, tcp_user_timeout=10_000,
    )  # fmt: skip
    try:
        connection.execute(sql.SQL("SET lock_timeout = {}").format(GIVE_WAY))
    except BaseException:
        connection.close()
        raise
    return connection


def make(folder: Path, url: str, database: str) -> Path:
    """A copy of everything as of now, in a new environment that is not in use yet."""
    with closing(connect(url)) as connection, closing(connect(url)) as ahead:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        seen = connection.execute("SELECT pg_export_snapshot()").fetchone()
        ahead.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ahead.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(*seen or ()))
        for each in (connection, ahead):
            each.execute("SET work_mem = '128MB'")  # one pass is all there is: it sorts in memory
        meta = _meta(connection, database, time.monotonic(), None)
        before = set(folder.glob("copy-*"))
        try:
            return snapshot.make(folder, documents.everything(connection, ahead), meta)
        except BaseException:
            for path in set(folder.glob("copy-*")) - before:
                shutil.rmtree(path, ignore_errors=True)
            raise


def _meta(connection: Connection[Any], database: str, at: float, before: Meta | None) -> Meta:
    now = _now(connection)
    if now is None:
        raise psycopg.OperationalError("There is no revision: run the migrations.")
    rules, floor = (before.rules, before.rules_floor) if before else (now.revision, now.revision)
    known = before.clock if before and now.clock is None else now.clock
    return Meta(database, now.revision, now.stamp, at, rules, floor, known)


def _now(connection: Connection[Any]) -> State | None:
    """What the database is at; None before its migrations."""
    asked_at = time.monotonic()
    row = connection.execute(
        "SELECT value, stamp::text, extract(epoch FROM clock_timestamp())::float8 FROM authorization_revision"
    ).fetchone()
    return None if row is None else State(row[0], row[1], clock.compared(row[2], asked_at))


def _changed_keys(meta: Meta, connection: Connection[Any]) -> dict[str, set[str]] | None:
    """Keys of the documents that changed after the meta's revision; None where not every change is known any more."""
    known = connection.execute(
        "SELECT 1 FROM authorization_change WHERE revision = %s AND stamp = %s", [meta.revision, meta.stamp]
    ).fetchone()
    if known is None:
        return None
    parts = connection.execute(
        """
        SELECT k.kind, k.keys FROM authorization_change c JOIN authorization_changedkeys k ON k.change_id = c.id
        WHERE c.revision > %s
        """,
        [meta.revision],
    )
    return documents.touched(parts, MOST_KEYS)


def ship(folder: Path, database_url: str, stopped: threading.Event) -> None:
    """Ships the node's decision log until told to stop, and once more then."""
    complain = Complaint(logger, COMPLAIN_EVERY)
    while True:
        last = stopped.is_set()
        try:
            with connect(database_url) as connection:
                _ship_until(folder, connection, stopped)
        except (psycopg.Error, OSError) as error:
            complain(f"The decision log waits: {error}")
        if last or stopped.wait(RETRY):
            return


def _ship_until(folder: Path, connection: Connection[Any], stopped: threading.Event) -> None:
    connection.execute("SET statement_timeout = '60s'")
    while True:
        last = stopped.is_set()
        spool.ship(folder, connection)
        if last:
            return
        stopped.wait(SHIP_EVERY)
