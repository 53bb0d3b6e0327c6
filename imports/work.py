"""What a worker does with an import: reads its file, holds it against the database, applies it.

Whoever works holds the claim, a lock of the database that goes with the worker's connection. Reading a file is one
transaction and finalising is one, so a worker that is killed leaves what was before, and the next one that takes the
claim does it again.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice

import pghistory
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils import timezone
from prometheus_client import Histogram

from authorization.models import Change
from imports import kinds, places, staging
from imports.files import Refused, opened
from imports.models import Import, Kind, Status
from imports.progress import Gone, Progress
from imports.reading import rows
from imports.recognise import Dialect, Unnamed, date_style, recognise, sample_cells
from imports.resources import Problem, Rows, resource_of
from imports.staging import BATCH, Batch, Tables
from locations.access import Scope, managed_by, scope_of

logger = logging.getLogger(__name__)

FIRST_ROWS = 20
seconds = Histogram(
    "chargeward_import_seconds",
    "Time to read a file, or to finalise it.",
    ["kind", "step"],
    buckets=(0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0),
)
for _kind in Kind:
    for _step in (Status.STAGING, Status.FINALISING):
        seconds.labels(_kind.value, _step.value)
TOTALS = ("rows", "new", "changed", "unchanged", "external", "removed", "errors")
SETTLED = (
    "status", "message", "totals", "first_rows", "recognised", "list_after", "change", "finalised_at", "phase",
)  # fmt: skip
CLEAN_ALONE = "A list is cleared only by a file without an error and with a valid row. Correct it, or do not clear."
AGAIN = "Something has changed since this preview was made: look at it again."


def valid(of: Import) -> int:
    return sum(int(of.totals.get(name, 0)) for name in ("new", "changed", "unchanged"))


@contextmanager
def claimed(pk: int) -> Iterator[bool]:
    """Whether this transaction is the one that works on the import. Ends with the transaction, or with its process."""
    with transaction.atomic():
        yield bool(staging.ask("SELECT pg_try_advisory_xact_lock(hashtext('imports.claim'), %s::int)", [pk])[0][0])


def work_on(pk: int) -> None:
    """Goes on with an import where it stands, if nobody else does."""
    for again in (True, True, False):
        try:
            with claimed(pk) as mine:
                of = (
                    Import.objects.select_related("emsp", "location__cpo", "group__owner_emsp", "cpo")
                    .filter(pk=pk)
                    .first()
                )
                if mine and of is not None and of.busy:
                    _attempt(of)
            break
        except Gone:
            return  # cancelled meanwhile: what was done is undone
        except (IntegrityError, OperationalError) as error:
            # Somebody else wrote the same rows at the same time: look again.
            logger.info("Import %s: %s", pk, error)
            if not again:
                fail(pk, "Others kept changing the same rows. Nothing was changed: finalise it again.")
        except DatabaseError:
            logger.exception("Import %s", pk)
            fail(pk, "The database refused this file. Nothing was changed.")
            return
    # Numbered as it commits, which may be the caller's to do.
    transaction.on_commit(partial(_note_revision, pk))


def _attempt(of: Import) -> None:
    with seconds.labels(of.kind, of.status).time(), Progress(of) as progress, transaction.atomic():
        if of.status == Status.STAGING:
            _read(of, progress)
        else:
            _finalise(of, progress)


def fail(pk: int, message: str) -> None:
    under_way = Import.objects.filter(pk=pk, status__in=[Status.STAGING, Status.FINALISING])
    under_way.update(status=Status.FAILED, message=message, touched_at=timezone.now())


def _read(of: Import, progress: Progress) -> None:
    """From the file to a preview, or to a refusal."""
    try:
        with transaction.atomic():
            _stage(of, progress)
            _hold_against_the_database(of, progress, scope_of(of.owner))
            of.status = Status.PREVIEW
            if of.totals["rows"] == 0:
                raise Refused("This file has a header and no rows.")
            if of.clear and (of.totals["errors"] or not valid(of)):
                of.status, of.message = Status.REFUSED, CLEAN_ALONE
    except (Refused, UnicodeError) as error:
        of.status, of.message, of.totals, of.first_rows = Status.REFUSED, str(error), {}, []
    _settle(of, Status.STAGING)


def _settle(of: Import, before: str) -> None:
    """Writes down where the import stands, unless it was cancelled meanwhile."""
    values = {name: getattr(of, name) for name in SETTLED} | {"touched_at": timezone.now()}
    if not Import.objects.filter(pk=of.pk, status=before).update(**values):
        raise Gone


def _stage(of: Import, progress: Progress) -> None:
    if of.kind == Kind.LOCATIONS:
        return
    tables, resource = Tables.of(of), resource_of(of)
    progress.enter("reading")
    try:
        dialect = _recognise(of, resource)
    except Unnamed as error:
        of.recognised = error.dialect.shown()
        raise
    of.recognised = dialect.shown()
    staging.make(tables, resource)
    for done in staging.fill(tables, _taken(of, resource, dialect, progress)):
        progress.tick(done)
    staging.analyze(tables)


def _recognise(of: Import, resource: type[Rows]) -> Dialect:
    wanted = resource.wanted()
    dialect = recognise(opened(of), of.encoding, wanted, of.said)
    if of.said.get("date_style"):
        return dialect
    dates = [index for index, column in enumerate(dialect.columns) if column in wanted.dates]
    if not dates:
        return dialect
    shown = dialect.shown() | {"date_style": date_style(sample_cells(rows(opened(of), dialect)), dates)}
    return Dialect.kept(shown)


def _taken(of: Import, resource: type[Rows], dialect: Dialect, progress: Progress) -> Iterator[Batch]:
    """The rows of the file, cleaned, so many at once."""
    frame = resource()
    for name in resource.dates:
        frame.fields[name].widget.style = dialect.date_style
    width, found = len(dialect.columns), rows(opened(of, progress.seen), dialect)
    if dialect.header:
        next(found, None)
    while batch := list(islice(found, BATCH)):
        taken = frame.take(dialect.columns, [row.cells for row in batch])
        for nth, (_, cells, problem) in enumerate(batch):
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                problem = f"This row has {len(cells)} cells, and the first row {width}."
            if problem:
                taken.refuse(nth, [Problem("", dialect.separator.join(cells), problem)])
        yield [row.number for row in batch], taken


def _hold_against_the_database(of: Import, progress: Progress, scope: Scope) -> None:
    """What each row would change, by what the database holds now."""
    progress.enter("checking")
    if of.kind == Kind.LOCATIONS:
        places.look(of, progress.seen)
        return
    tables, kind = Tables.of(of), kinds.kind_of(of)
    staging.run(f"DROP TABLE IF EXISTS {tables.checked}")
    staging.run(f"DELETE FROM {tables.problems} WHERE NOT of_the_file")
    found = kind.check(of, tables, scope)
    errors = staging.ask(f"SELECT count(DISTINCT row) FROM {tables.problems}")[0][0]
    of.totals = dict.fromkeys(TOTALS, 0) | {name: found[name] for name in TOTALS if name in found}
    of.totals |= {"rows": staging.count(tables), "errors": errors}
    of.first_rows = kind.first_rows(of, tables, FIRST_ROWS)


def _finalise(of: Import, progress: Progress) -> None:
    """Applies it, or goes back to the preview where rows have become wrong since."""
    scope = scope_of(of.owner)
    if not managed_by(scope, type(of.target)._default_manager.filter(pk=of.target.pk)).exists():
        of.status, of.message = Status.FAILED, "This is not for you to import any more. Nothing was changed."
        _settle(of, Status.FINALISING)
        return
    with pghistory.context(source="import", import_id=of.pk, file=of.file_name, user=of.owner_id):
        if of.kind == Kind.LOCATIONS:
            _finalise_places(of, progress)
            return
        if not staging.whole(Tables.of(of), of.totals["rows"]):
            _stage(of, progress)
        progress.enter("waiting")
        kind = kinds.kind_of(of)
        kind.lock(of)
        shown = dict(of.totals)
        _hold_against_the_database(of, progress, scope)
        if of.totals["errors"] > (shown["errors"] if of.skip_errors and not of.clear else 0) or (
            of.clear and not valid(of)
        ):
            of.status, of.message = Status.PREVIEW, AGAIN
            _settle(of, Status.FINALISING)
            return
        progress.enter("applying")
        kind.apply(of, Tables.of(of), progress.tick)
    _finalised(of)


def _finalise_places(of: Import, progress: Progress) -> None:
    progress.enter("applying")
    shown = of.totals.get("errors", 0)
    with transaction.atomic():
        changed = places.bring_in(of, progress.seen)
        wrong = of.totals["errors"] > (shown if of.skip_errors else 0)
        # What changes nothing leaves no trace: not even a revision.
        transaction.set_rollback(wrong or not changed)
    if wrong:
        of.status, of.message = Status.PREVIEW, AGAIN
        _settle(of, Status.FINALISING)
    else:
        _finalised(of)


def _finalised(of: Import) -> None:
    of.status, of.finalised_at, of.phase = Status.FINALISED, timezone.now(), "done"
    of.change = _this_change()
    _settle(of, Status.FINALISING)


def _this_change() -> int | None:
    """The Change that this transaction is, where it is one: the number it will have follows at its commit."""
    sql = """
        SELECT current_setting('chargeward.change', true)
        WHERE current_setting('chargeward.changed_in', true) = pg_current_xact_id_if_assigned()::text
    """
    found = staging.ask(sql)
    return int(found[0][0]) if found and found[0][0] else None


def _note_revision(pk: int) -> None:
    """The revision in force once it is finalised: its own, or where nothing changed the one that was."""
    done = Import.objects.filter(pk=pk, status=Status.FINALISED, revision=None).first()
    if done is None:
        return
    own = Change.objects.filter(pk=done.change).values_list("revision", flat=True).first() if done.change else None
    if own is None:
        own = staging.ask("SELECT coalesce(max(value), 0) FROM authorization_revision")[0][0]
    Import.objects.filter(pk=pk).update(revision=own)
