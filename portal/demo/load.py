"""A world's rows into the database: each table by COPY into a staging table, then what is not there yet by one INSERT.

Nothing that exists is changed, so loading the same world twice adds nothing.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection

from portal.demo import sql
from portal.demo.rows import World

Progress = Callable[[str], None]


def load(world: World, progress: Progress) -> int:
    """How many rows are new. To be called in a transaction."""
    total = 0
    with connection.cursor() as cursor:
        for name, table in sql.TABLES.items():
            staged = _stage(cursor, table.columns, getattr(world, name))
            added = 0
            for statement in table.inserts:
                cursor.execute(statement)
                added += max(cursor.rowcount, 0)
            total += added
            progress(f"{name}: {added:,} new of {staged:,}")
    return total


def _stage(cursor: Any, columns: str, rows: Any) -> int:
    cursor.execute("DROP TABLE IF EXISTS staged")
    cursor.execute(f"CREATE TEMPORARY TABLE staged (nth bigint GENERATED ALWAYS AS IDENTITY, {columns}) ON COMMIT DROP")
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    count = 0
    with cursor.copy(f"COPY staged ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    cursor.execute("ANALYZE staged")
    return count
