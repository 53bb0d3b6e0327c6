"""The tables of one import: its rows as they were read, what is wrong with them, what each would change.

They are unlogged: after a crash of the database server they are empty, and the file is read again. They are dropped as
a whole, which costs nothing, where a million rows would be deleted one by one.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db import connection

from imports.models import Import
from imports.resources import Problem, Rows

BATCH = 5_000  # rows held in memory at once
MOST_SHOWN = 200  # characters of a value that is wrong
# What else of a row is computed as it is written, by the columns that it is computed from.
GENERATED = {
    "uid": "uid_normal text GENERATED ALWAYS AS (chargeward_uid(type, uid)) STORED",
    "auth_id": "auth_normal text GENERATED ALWAYS AS (chargeward_auth_id(auth_id)) STORED",
}


@dataclass(frozen=True)
class Tables:
    """rows: one for each row of the file. problems: what is wrong, by row and column. checked: by row, what it would
    change; made anew whenever the rows are held against the database."""

    rows: str
    problems: str
    checked: str

    @classmethod
    def of(cls, what: Import) -> "Tables":
        return cls(*(f"imports_{part}_{int(what.pk)}" for part in ("rows", "problems", "checked")))


def run(sql: str, parameters: Any = None) -> int:
    """One statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def ask(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def make(tables: Tables, resource: type[Rows]) -> None:
    drop(tables)
    columns = resource.columns()
    parts = [f"{name} {column.sql}" for name, column in columns.items()]
    parts += [sql for name, sql in GENERATED.items() if name in columns]
    run(f"CREATE UNLOGGED TABLE {tables.rows} (row bigint, bad boolean, {', '.join(parts)})")
    make_problems(tables)


def make_problems(tables: Tables) -> None:
    run(
        f"CREATE UNLOGGED TABLE {tables.problems}"
        ' (row bigint, "column" text, value text, message text, of_the_file boolean)'
    )


def drop(tables: Tables) -> None:
    run(f"DROP TABLE IF EXISTS {tables.rows}, {tables.problems}, {tables.checked}")


def whole(tables: Tables, rows: int) -> bool:
    """Whether the rows are there, and all of them: a crash of the database empties unlogged tables."""
    return bool(ask("SELECT to_regclass(%s) IS NOT NULL", [tables.rows])[0][0]) and count(tables) == rows


def count(tables: Tables) -> int:
    return int(ask(f"SELECT count(*) FROM {tables.rows}")[0][0])


Taken = tuple[int, dict[str, Any], list[Problem]]


def fill(tables: Tables, resource: type[Rows], rows: Iterable[Taken]) -> Iterator[int]:
    """COPYs rows in, batch by batch; yields how many are there. Problems go beside them."""
    names = list(resource.columns())
    into_rows = f"COPY {tables.rows} (row, bad, {', '.join(names)}) FROM STDIN"
    into_problems = f'COPY {tables.problems} (row, "column", value, message, of_the_file) FROM STDIN'
    found, done = iter(rows), 0
    # The rows come out of the same connection, which a COPY has to itself: so by batches.
    while batch := list(islice(found, BATCH)):
        with connection.cursor() as cursor:
            with cursor.copy(into_rows) as copy:
                for number, said, problems in batch:
                    if problems:
                        copy.write_row((number, True, *[None] * len(names)))
                    else:
                        copy.write_row((number, False, *[said.get(name) for name in names]))
            wrong = [(number, problem) for number, _, problems in batch for problem in problems]
            if wrong:
                with cursor.copy(into_problems) as copy:
                    for number, (column, value, message) in wrong:
                        copy.write_row((number, column, _shown(value), message, True))
        done += len(batch)
        yield done


def _shown(value: str) -> str:
    text = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def analyze(tables: Tables) -> None:
    run(f"ANALYZE {tables.rows}, {tables.problems}")


PROBLEM_COLUMNS = ("row", "column", "value", "message")


def problems(tables: Tables, most: int | None = None) -> list[dict[str, Any]]:
    """What is wrong, in the order of the file."""
    if not ask("SELECT to_regclass(%s) IS NOT NULL", [tables.problems])[0][0]:
        return []
    rows = ask(f'SELECT row, "column", value, message FROM {tables.problems} ORDER BY row, "column" LIMIT %s', [most])
    return [dict(zip(PROBLEM_COLUMNS, row, strict=True)) for row in rows]


def outcomes(tables: Tables) -> dict[str, int]:
    """How many rows come to what: new, changed, unchanged, error."""
    return dict(ask(f"SELECT outcome, count(*) FROM {tables.checked} GROUP BY outcome"))


def plain_text(value: Any) -> Any:
    """As JSON has it."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
