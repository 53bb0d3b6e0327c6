"""The decision log off the hot path: rows go to a file of the process, and from there to the database, each once.

A row is in the file before its answer is given. The file belongs to the system then, so it survives the death of the
process; how much of it is in the log is written in the same transaction as the rows (Spool). The file, which nobody but
the portal's own user may read, holds ids in the clear for the moment until it is shipped: hashing and sealing them is
left to whoever ships.
"""

import fcntl
import logging
import os
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import orjson
import psycopg
from psycopg import Connection, sql

from authorization.models import Decision, Spool
from authorization.sealed import pseudonym, seal

logger = logging.getLogger(__name__)
COLUMNS = (
    "request_id", "decided_at", "caller", "api_key_id", "token_type", "token_id", "token_pseudonym", "presented_sealed",
    "location_id", "place", "accepted", "reason", "rule_id", "revision", "source",
)  # fmt: skip
DECIDED_AT, API_KEY = COLUMNS.index("decided_at"), COLUMNS.index("api_key_id")
_PSEUDONYM, _SEALED = COLUMNS.index("token_pseudonym"), COLUMNS.index("presented_sealed")
Row = tuple[Any, ...]  # values of COLUMNS; the two of a token are ids in the clear until kept() sees to them
SUFFIX = ".spool"
FILE_LIMIT = 16 * 2**20  # bytes, then the next file
FILE_AGE = 600.0  # seconds, then the next file: what was shipped of a file is in it until the file goes
BATCH = 2 * 2**20  # bytes a transaction


def kept(row: Row) -> Row:
    """A row as the table has it: of the id presented a keyed hash, and of an unknown one a seal."""
    values = list(row)
    values[_PSEUDONYM] = pseudonym(values[_PSEUDONYM])
    values[_SEALED] = seal(values[_SEALED]) if values[_SEALED] else ""
    return tuple(values)


class Log(Protocol):
    def write(self, rows: Sequence[Row]) -> None:
        """Keeps the rows for good, or raises."""


class DatabaseLog:
    """Straight into the table."""

    def write(self, rows: Sequence[Row]) -> None:
        Decision.objects.bulk_create([Decision(**dict(zip(COLUMNS, kept(row), strict=True))) for row in rows])


class SpoolLog:
    """Into a file of this process; into the table where the disk takes no more."""

    def __init__(self, folder: Path, otherwise: Log) -> None:
        self._folder = folder
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._file = -1
        self._length = 0
        self._until = 0.0  # time.monotonic()

    def write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        data, kept = _lines(rows), 0
        try:
            with self._lock:
                kept = self._append(data, len(rows))
        except OSError as error:
            logger.error("The spool takes no more (%s): logging into the database", error)
        if kept < len(rows):
            self._otherwise.write(rows[kept:])

    def _append(self, data: bytes | bytearray, rows: int) -> int:
        """How many whole rows are in the file now: all, or fewer where the disk is full."""
        if self._file < 0 or self._length > FILE_LIMIT or time.monotonic() > self._until:
            self._open()
        written = os.write(self._file, data)
        self._length += written
        if written == len(data):
            return rows
        # What follows half a row would be lost with it. Whoever ships the file leaves the half row out.
        os.close(self._file)
        self._file = -1
        return data.count(b"\n", 0, written)

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = self._folder / uuid.uuid4().hex
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        # Whoever can lock the file knows that nobody writes to it any more, so it gets its name after the lock.
        fcntl.flock(file, fcntl.LOCK_EX)
        name.rename(name.with_suffix(SUFFIX))
        if self._file >= 0:
            os.close(self._file)
        self._file, self._length, self._until = file, 0, time.monotonic() + FILE_AGE


def _lines(rows: Sequence[Row]) -> bytearray:
    """A row a line. Each goes where the one before it was made: a thousand of them kept until they are joined are a
    thousand pieces of memory, which took eight times as long."""
    data = bytearray()
    for row in rows:
        data += orjson.dumps(row, None, orjson.OPT_APPEND_NEWLINE)
    return data


def ship(folder: Path, connection: Connection[Any]) -> int:
    """Moves what the files of a folder hold into the log, and removes files that are done; how many rows it moved."""
    shipped = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(FileNotFoundError), path.open("rb") as file:
            over = _is_over(file.fileno())
            while (rows := _ship_some(path.stem, file, connection)) is not None:
                shipped += rows
            if over:
                _remove(path, connection)
    return shipped


def backlog(folder: Path) -> int:
    """Bytes in spool files, shipped ones that are still written to included."""
    total = 0
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def unshipped(folder: Path) -> int:
    """Bytes that are not in the log yet. Raises DatabaseError."""
    shipped = dict(Spool.objects.values_list("name", "shipped"))
    left = 0
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            left += max(0, path.stat().st_size - shipped.get(path.stem, 0))
    return left


def _is_over(file: int) -> bool:
    """Whether the process that wrote the file is gone, or writes to another one."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ship_some(name: str, file: Any, connection: Connection[Any]) -> int | None:
    """One transaction's worth; None where there is no whole row left."""
    with connection.transaction():
        connection.execute("INSERT INTO authorization_spool (name, shipped, shipped_at) VALUES (%s, 0, now())"
                           " ON CONFLICT DO NOTHING", [name])  # fmt: skip
        found = connection.execute("SELECT shipped FROM authorization_spool WHERE name = %s FOR UPDATE", [name])
        start = (found.fetchone() or (0,))[0]
        if os.fstat(file.fileno()).st_nlink == 0:
            # Another one shipped and removed it, and what was shipped of it is forgotten.
            raise psycopg.Rollback
        file.seek(start)
        data = file.read(BATCH)
        data = data[: data.rfind(b"\n") + 1]
        if not data:
            return None
        lines = data.splitlines()
        _insert(lines, connection)
        connection.execute("UPDATE authorization_spool SET shipped = %s, shipped_at = now() WHERE name = %s",
                           [start + len(data), name])  # fmt: skip
        return len(lines)
    return None


_COPY = sql.SQL("COPY {} ({}) FROM STDIN").format(
    sql.Identifier(Decision._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
)


def _insert(lines: list[bytes], connection: Connection[Any]) -> None:
    """All of them; a row that the table does not take is reported and left out, so that it holds up no other."""
    try:
        with connection.transaction(), connection.cursor() as cursor:
            rows = [_row(line) for line in lines]
            with cursor.copy(_COPY) as copy:
                for row in rows:
                    copy.write_row(row)
            _note_use(rows, cursor)
    except (ValueError, psycopg.DataError, psycopg.IntegrityError) as error:
        if len(lines) == 1:
            logger.error("A row of the decision log cannot be kept: %s: %r", error, lines[0])
            return
        _insert(lines[: len(lines) // 2], connection)
        _insert(lines[len(lines) // 2 :], connection)


def _row(line: bytes) -> Row:
    row = orjson.loads(line)
    if not isinstance(row, list) or len(row) != len(COLUMNS) or any(isinstance(value, list | dict) for value in row):
        raise ValueError("not a row of the log")
    if not isinstance(row[_PSEUDONYM], str) or not isinstance(row[_SEALED], str):
        raise ValueError("an id that is no text")
    return kept(tuple(row))


def _note_use(rows: Sequence[Row], cursor: psycopg.Cursor[Any]) -> None:
    """When each key was last used, to the minute."""
    last: dict[int, str] = {}
    for row in rows:
        key = row[API_KEY]
        if key is not None:
            last[key] = max(row[DECIDED_AT], last.get(key, ""))
    cursor.execute(
        """
        UPDATE authorization_apikey k SET last_used_at = used.at
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS used (id, at)
        WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at - interval '1 minute')
        """,
        [list(last), list(last.values())],
    )


def _remove(path: Path, connection: Connection[Any]) -> None:
    """The file first: without its row it would be shipped again. What is left of it is a row never answered for."""
    path.unlink(missing_ok=True)
    connection.execute("DELETE FROM authorization_spool WHERE name = %s", [path.stem])
