"""OCPI locations into a CPO: locations.ocpi_import does it; here it is looked at first, and then done.

A look is the same work, undone: so the preview can promise nothing that the import does not do.
"""

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from imports import staging
from imports.files import Refused, opened
from imports.models import Import
from imports.staging import Tables
from locations import ocpi_sql
from locations.ocpi_files import BadFile
from locations.ocpi_import import Compare, Compared, Refusal, Totals, import_locations

# A JSON document is read as a whole and takes many times its size; one object a line is read line by line.
SHOWN = ("location_id", *ocpi_sql.SHOWN)  # of a location in the preview
MOST_AT_ONCE = 32 * 1024 * 1024


class Bounded(io.BufferedReader):
    """A stream of which nothing too large is read in one piece."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(MOST_AT_ONCE + 1 if size is None or size < 0 else size)
        return _bounded(data)

    def readline(self, size: int | None = -1) -> bytes:
        return _bounded(super().readline(MOST_AT_ONCE + 1))

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_AT_ONCE:
        raise BadFile(f"holds more than {MOST_AT_ONCE // 2**20} MiB in one piece: write one location object a line")
    return data


def look(of: Import, seen: Callable[[int], None]) -> None:
    """Fills in totals, first rows and errors. Raises Refused."""
    first: list[Compared] = []
    with transaction.atomic():
        refusals, totals = _bring_in(of, seen, first.append)
        transaction.set_rollback(True)
    of.first_rows = [_shown(each) for each in first]
    _note(of, refusals, totals)


def bring_in(of: Import, seen: Callable[[int], None]) -> bool:
    """Does it; whether anything changed. Raises Refused."""
    refusals, totals = _bring_in(of, seen)
    of.totals = _totals(refusals, totals)
    return bool(totals.new or totals.changed or totals.evses_new or totals.evses_changed or totals.evses_removed)


def _bring_in(of: Import, seen: Callable[[int], None], compare: Compare | None = None) -> tuple[list[Refusal], Totals]:
    refusals: list[Refusal] = []
    cpo: Any = of.cpo
    try:
        stream = Bounded(opened(of, seen).detach(), 256 * 1024)
        totals = import_locations(cpo, stream, refusals.append, compare=compare)
    except BadFile as error:
        raise Refused(f"This file {error}.") from None
    return refusals, totals


def _shown(what: Compared) -> dict[str, object]:
    before, after = (
        {name: _plain(value) for name, value in (side or {}).items()} for side in (what.before, what.after)
    )
    outcome = "new" if not before else "changed" if before != after else "unchanged"
    return {"row": what.nth, "outcome": outcome, "before": before or None, "after": after}


def _plain(value: Any) -> Any:
    """As JSON has it; a coordinate without the zeros that its column adds."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _totals(refusals: list[Refusal], found: Totals) -> dict[str, int]:
    return {
        "rows": found.new + found.changed + found.unchanged + found.failed,
        "new": found.new,
        "changed": found.changed,
        "unchanged": found.unchanged,
        "external": 0,
        "removed": 0,
        "errors": len({refusal.nth for refusal in refusals if not refusal.part}),
        "evses_new": found.evses_new,
        "evses_changed": found.evses_changed,
        "evses_removed": found.evses_removed,
        "connectors_left_out": found.connectors_left_out,
    }


def _note(of: Import, refusals: list[Refusal], totals: Totals) -> None:
    of.totals = _totals(refusals, totals)
    tables = Tables.of(of)
    staging.drop(tables)
    staging.make_problems(tables)
    columns = 'row, "column", value, message, of_the_file'
    with connection.cursor() as cursor, cursor.copy(f"COPY {tables.problems} ({columns}) FROM STDIN") as copy:
        for each in refusals:
            where = f"{each.where}: {each.text}"
            copy.write_row((each.nth, each.field, (each.location_id or "")[:200], where, True))
