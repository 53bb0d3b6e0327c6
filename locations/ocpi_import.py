"""Brings OCPI location objects into the database: creates, changes what differs, and leaves the rest untouched.

The objects are staged by COPY in a temporary table, checked against each other and against what is there, and applied
by a few statements, all in one transaction. What the objects do not mention stays: fields, EVSEs (but those of status
REMOVED) and locations. An object may close a location (`publish` false) but never opens one that exists: to publish is
somebody's decision.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import orjson
import pghistory
from django.db import IntegrityError, connection, transaction

from locations import ocpi_sql as sql
from locations.models import CPO
from locations.ocpi import LocationRow, Reading, read_location
from locations.ocpi_files import BadFile, NotJson, objects
from locations.ocpi_values import Problem

CHUNK = 5_000  # objects held in memory at once
MOST_COMPARED = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A location, an EVSE or a connector that is not taken. nth: of the object in the file, from 1; where: for people;
    part: what it stands in is taken without it."""

    nth: int
    where: str
    location_id: str | None
    field: str
    text: str
    part: bool = False

    def __str__(self) -> str:
        place = f", location {self.location_id}" if self.location_id is not None else ""
        return f"{self.where}{place}: {self.text}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A location of the file as it was, and as it is then. before: None where there was none."""

    nth: int
    before: dict[str, Any] | None
    after: dict[str, Any]


Report = Callable[[Refusal], None]
Compare = Callable[[Compared], None]


@dataclass(slots=True)
class Totals:
    """Locations that were created, changed, left as they are, and not taken; the same of EVSEs; connectors left out of
    EVSEs that were taken; seconds it took."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    evses_new: int = 0
    evses_changed: int = 0
    evses_removed: int = 0
    evses_refused: int = 0
    connectors_left_out: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        left_out = f"{self.connectors_left_out} connectors left out; " if self.connectors_left_out else ""
        return (
            f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged, {self.failed} failed; "
            f"EVSEs: {self.evses_new} new, {self.evses_changed} changed, {self.evses_removed} removed, "
            f"{self.evses_refused} refused; {left_out}{self.seconds:.1f} s"
        )


def import_locations(
    cpo: CPO, stream: BinaryIO, report: Report, *, dry_run: bool = False, compare: Compare | None = None
) -> Totals:
    """What is not taken is a Refusal to `report`; the others load. Raises BadFile, and then nothing loads.

    compare: told of the first locations what they were and what they have become.
    """
    started, totals = time.perf_counter(), Totals()
    try:
        with transaction.atomic(), pghistory.context(source="import_locations"), connection.cursor() as cursor:
            cursor.execute(sql.STAGE)
            _stage(cursor, stream, report, totals)
            # One import at a time: two that bring the same EVSE would each find it free.
            cursor.execute(sql.LOCK)
            _refuse_doubles(cursor, report, totals)
            before = _first(cursor, cpo) if compare else {}
            _apply_locations(cursor, cpo, totals)
            if _collect_evses(cursor, cpo):
                _refuse_taken(cursor, report, totals)
                _apply_evses(cursor, totals)
            for nth, after in (_first(cursor, cpo) if compare else {}).items():
                if compare and after:
                    compare(Compared(nth, before.get(nth), after))
            transaction.set_rollback(dry_run)
    except IntegrityError as error:
        reason = str(error).splitlines()[0]
        raise BadFile(
            f"was not imported, somebody changed the same places meanwhile: run it again ({reason})"
        ) from None
    totals.seconds = time.perf_counter() - started
    return totals


def _stage(cursor: Any, stream: BinaryIO, report: Report, totals: Totals) -> None:
    found = enumerate(objects(stream), 1)
    any_found = False
    while chunk := list(islice(found, CHUNK)):
        any_found = True
        good: list[tuple[int, str, LocationRow]] = []
        for number, (where, obj) in chunk:
            row = _checked(number, where, obj, report, totals)
            if row is not None:
                good.append((number, where, row))
        _copy(cursor, good)
    if not any_found:
        raise BadFile("holds no locations")
    cursor.execute(sql.ANALYZE)


def _checked(nth: int, where: str, obj: object, report: Report, totals: Totals) -> LocationRow | None:
    if isinstance(obj, NotJson):
        totals.failed += 1
        report(Refusal(nth, where, None, "", obj.text))
        return None
    reading = read_location(obj)
    if reading.row is None:
        totals.failed += 1
        report(_refusal(nth, where, reading, reading.problems))
    for problem in reading.refused if reading.row else ():
        totals.evses_refused += 1
        report(_refusal(nth, where, reading, [problem]))
    for problem in reading.left_out if reading.row else ():
        totals.connectors_left_out += 1
        text = f"{problem.field} {problem.text}: left out"
        report(Refusal(nth, where, reading.location_id, problem.field, text, part=True))
    return reading.row


def _refusal(nth: int, where: str, reading: Reading, problems: list[Problem]) -> Refusal:
    text = "; ".join(f"{problem.field} {problem.text}" for problem in problems)
    return Refusal(nth, where, reading.location_id, problems[0].field, text)


def _copy(cursor: Any, rows: list[tuple[int, str, LocationRow]]) -> None:
    with cursor.copy(sql.COPY_LOCATIONS) as copy:
        for number, where, r in rows:
            # fmt: off
            copy.write_row((number, where, r.location_id, r.name, r.address, r.city, r.postal_code, r.country,
                            r.latitude, r.longitude, r.time_zone, r.publish))
            # fmt: on
    with cursor.copy(sql.COPY_EVSES) as copy:
        for number, _, row in rows:
            for index, evse in enumerate(row.evses):
                connectors = None if evse.connectors is None else orjson.dumps(evse.connectors).decode()
                copy.write_row((number, index, evse.uid, evse.evse_id, evse.removed, connectors))


def _refuse_doubles(cursor: Any, report: Report, totals: Totals) -> None:
    """A location that stands twice in the file: which of the two is right is not ours to say; the first counts."""
    for nth, where, location_id, first in _rows(cursor, sql.DELETE_DOUBLES):
        totals.failed += 1
        report(Refusal(nth, where, location_id, "id", f"id stands twice in this file, first at {first}"))


def _first(cursor: Any, cpo: CPO) -> dict[int, dict[str, Any] | None]:
    """The first locations of the file, by their number there, as they stand now."""
    cursor.execute(sql.FIRST, {"cpo": cpo.pk, "most": MOST_COMPARED})
    found: dict[int, dict[str, Any] | None] = {}
    for nth, location_id, is_there, *values in cursor.fetchall():
        shown = {"location_id": location_id} | dict(zip(sql.SHOWN, values, strict=True))
        found[nth] = shown if is_there else None
    return found


def _apply_locations(cursor: Any, cpo: CPO, totals: Totals) -> None:
    parameters = {"cpo": cpo.pk, "time_zone": cpo.time_zone}
    cursor.execute(sql.COUNT_LOCATIONS, parameters)
    staged, new, changed = cursor.fetchone()
    if changed:
        cursor.execute(sql.UPDATE_LOCATIONS, parameters)
        totals.changed = cursor.rowcount
    if new:
        cursor.execute(sql.INSERT_LOCATIONS, parameters)
        totals.new = cursor.rowcount
    totals.unchanged = staged - totals.changed - totals.new


def _collect_evses(cursor: Any, cpo: CPO) -> bool:
    cursor.execute("SELECT EXISTS (SELECT FROM staged_evse)")
    if not cursor.fetchone()[0]:
        return False
    cursor.execute(sql.COLLECT_EVSES, {"cpo": cpo.pk})
    cursor.execute(sql.INDEX_EVSES)
    return True


def _refuse_taken(cursor: Any, report: Report, totals: Totals) -> None:
    for nth, where, location_id, uid, evse_id, first in _rows(cursor, sql.DELETE_DOUBLE_EVSES):
        totals.evses_refused += 1
        text = f"EVSE {uid}: evse_id {evse_id} stands twice, first at {first}"
        report(Refusal(nth, where, location_id, "evses.evse_id", text))
    # Refusing one leaves its present id with it, and that may be what another one waits for.
    while refused := list(_rows(cursor, sql.DELETE_TAKEN_EVSES)):
        for nth, where, location_id, uid, evse_id in refused:
            totals.evses_refused += 1
            report(Refusal(nth, where, location_id, "evses.evse_id", f"EVSE {uid}: evse_id {evse_id} is taken"))


def _apply_evses(cursor: Any, totals: Totals) -> None:
    cursor.execute(sql.COUNT_EVSES)
    removed, new = cursor.fetchone()
    if removed:
        cursor.execute(sql.DELETE_REMOVED_EVSES)
        totals.evses_removed = cursor.rowcount
    cursor.execute(sql.RELEASE_EVSE_IDS)
    cursor.execute(sql.UPDATE_EVSES)
    totals.evses_changed = cursor.rowcount
    if new:
        cursor.execute(sql.INSERT_EVSES)
        totals.evses_new = cursor.rowcount


def _rows(cursor: Any, statement: str) -> Iterator[tuple[Any, ...]]:
    """What a DELETE … RETURNING … took away, in the order of the file."""
    cursor.execute(statement)
    yield from (row[1:] for row in sorted(cursor.fetchall(), key=lambda row: row[0]))
