"""The log's table holds each week's rows in a partition of its own, so that old ones go as a whole and at once.

A row of a week that has no partition goes to the default one, and from there to its own as soon as that is made: so
nothing is lost while nobody makes partitions.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction

TABLE = "authorization_decision"
DEFAULT = f"{TABLE}_default"
WEEK = timedelta(days=7)
AHEAD = 4  # weeks for which there are partitions before their time
BATCH = 10_000


def provide(connection: Any, since: datetime, until: datetime) -> list[str]:
    """Makes what is missing of the partitions of the weeks (UTC, from Monday) from `since` to `until`; their names."""
    made = []
    with connection.cursor() as cursor:
        there = {name for name, _, _ in _partitions(cursor)}
        for begin in _weeks(since, until):
            if _name(begin) not in there:
                _make(connection, cursor, begin)
                made.append(_name(begin))
    return made


def forget(connection: Any, before: datetime) -> int:
    """Drops weeks that ended before an instant, and deletes the older rows of the week it lies in; how many rows."""
    forgotten = 0
    with connection.cursor() as cursor:
        for name, _, end in _partitions(cursor):
            if end <= before.astimezone(UTC).date():
                cursor.execute(f"SELECT count(*) FROM {name}")  # noqa: S608 - a name that _name made
                forgotten += cursor.fetchone()[0]
                cursor.execute(f"DROP TABLE {name}")
        while deleted := _delete_some(cursor, before):
            forgotten += deleted
    return forgotten


def _delete_some(cursor: Any, before: datetime) -> int:
    # A partition's rows have addresses of their own, so a few of them are found and deleted by id and time.
    cursor.execute(
        f"DELETE FROM {TABLE} WHERE decided_at < %s AND (id, decided_at) IN"  # noqa: S608
        f" (SELECT id, decided_at FROM {TABLE} WHERE decided_at < %s ORDER BY decided_at LIMIT {BATCH})",
        [before, before],
    )
    return int(cursor.rowcount)


def _weeks(since: datetime, until: datetime) -> Iterator[date]:
    day = since.astimezone(UTC).date()
    begin = day - timedelta(days=day.weekday())
    while begin <= until.astimezone(UTC).date():
        yield begin
        begin += WEEK


def _name(begin: date) -> str:
    return f"{TABLE}_{begin:%Y%m%d}"


def _partitions(cursor: Any) -> list[tuple[str, date, date]]:
    """Name, first day and the day after the last of each week's partition, the oldest first."""
    cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [TABLE])
    days = [(name, name.rpartition("_")[2]) for (name,) in cursor.fetchall()]
    begins = sorted((date.fromisoformat(day), name) for name, day in days if day.isdecimal())
    return [(name, begin, begin + WEEK) for begin, name in begins]


def _make(connection: Any, cursor: Any, begin: date) -> None:
    name, bounds = _name(begin), [_midnight(begin), _midnight(begin + WEEK)]
    with transaction.atomic(using=connection.alias):
        cursor.execute(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING DEFAULTS)")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {DEFAULT} WHERE decided_at >= %s AND decided_at < %s RETURNING *)"  # noqa: S608
            f" INSERT INTO {name} SELECT * FROM moved",
            bounds,
        )
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)", bounds)


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"
