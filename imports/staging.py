"""The tables of one import: its rows as they were read, what is wrong with them, what each would change.

They are unlogged: after a crash of the database server they are empty, and the file is read again. They are dropped as
a whole, which costs nothing, where a million rows would be deleted one by one.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from imports.models import Import
from imports.resources import Rows, Taken

BATCH = 5_000  # rows held in memory at once
PIECE = 50_000  # rows that one statement applies: so often it can be said how far an import is
MOST_SHOWN = 200  # characters of a value that is wrong


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
    parts += [f"{beside} text" for beside in resource.beside]
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


Batch = tuple[list[int], Taken]  # the rows' numbers, and what they say


def fill(tables: Tables, batches: Iterable[Batch]) -> Iterator[int]:
    """COPYs rows in, batch by batch; yields how many are there. Problems go beside them.

    By batches, for the file comes out of the same connection, which a COPY has to itself.
    """
    done = 0
    for numbers, (said, wrong) in batches:
        bad = [nth in wrong for nth in range(len(numbers))]
        _copy(tables.rows, ["row", "bad", *said], zip(numbers, bad, *said.values(), strict=True), "")
        if wrong:
            problems = ((numbers[nth], *problem) for nth, found in sorted(wrong.items()) for problem in found)
            lines = ((row, column, _shown(value), message, True) for row, column, value, message in problems)
            _copy(tables.problems, ["row", '"column"', "value", "message", "of_the_file"], lines, r"\N")
        done += len(numbers)
        yield done


def _copy(table: str, columns: list[str], lines: Iterable[Iterable[Any]], null: str) -> None:
    """The text format of COPY, as Python's csv writes it."""
    text = io.StringIO(newline="")
    # Of the characters that end a line it escapes those of its own line ends: both.
    csv.writer(text, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, escapechar="\\").writerows(lines)
    into = f"COPY {table} ({', '.join(columns)}) FROM STDIN (NULL '{null}')"
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        copy.write(text.getvalue())


Tick = Callable[[int], None]  # told how many rows are done


def apply(tables: Tables, sql: str, parameters: dict[str, Any], tick: Tick) -> None:
    """A statement over rows `k` with `%(above)s < k.row AND k.row <= %(to)s`, piece by piece."""
    last = ask(f"SELECT coalesce(max(row), 0) FROM {tables.checked}")[0][0]
    for above in range(0, last, PIECE):
        run(sql, parameters | {"above": above, "to": above + PIECE})
        tick(min(above + PIECE, last))


def _shown(value: str) -> str:
    text = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def analyze(tables: Tables) -> None:
    """What the file's rows are looked up by later, and what the planner has to know of them."""
    run(f"CREATE INDEX ON {tables.rows} (row)")
    run(f"ANALYZE {tables.rows}, {tables.problems}")


def index_checked(tables: Tables) -> None:
    run(f"CREATE INDEX ON {tables.checked} (row)")
    run(f"ANALYZE {tables.checked}")


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
