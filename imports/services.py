"""From an upload to its end: stage, look, finalise, cancel, undo. What views, tasks and the admin call.

An import is worked on by whoever holds its claim, a lock of the database that goes with the worker's connection.
Reading a file is one transaction and finalising is one, so a worker that is killed leaves what was before, and the next
one that takes the claim does it again.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pghistory
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils import timezone

from authorization.models import Change
from imports import kinds, places, staging
from imports.files import Refused, keep, opened
from imports.kinds import lists
from imports.models import Import, Kind, Status
from imports.progress import Gone, Progress
from imports.reading import rows
from imports.recognise import Dialect, date_style, recognise, sample_cells
from imports.resources import Problem, Rows, resource_of
from imports.staging import Tables, Taken
from locations.access import Scope, managed_by, scope_of

logger = logging.getLogger(__name__)

# A file of so many bytes is read, and finalised, while its user waits: ten thousand rows in about a second.
SMALL = 512 * 1024
FIRST_ROWS = 20
MOMENT = timedelta(seconds=5)  # that a task which has just been sent gets
MOST_ATTEMPTS = 10
TOTALS = ("rows", "new", "changed", "unchanged", "external", "removed", "errors")
OPEN = (Status.STAGING, Status.PREVIEW, Status.REFUSED, Status.FAILED)
AFRESH: dict[str, Any] = {"message": "", "rows_done": 0, "attempts": 0}
UNDER_WAY_OR_DONE = (Status.FINALISING, Status.FINALISED)
READABLE = (Status.PREVIEW, Status.REFUSED)
CLEAN_ALONE = "A list is cleared only by a file without an error and with a valid row. Correct it, or do not clear."
AGAIN = "Something has changed since this preview was made: look at it again."


class WrongStatus(Exception):
    """What was asked is not possible now. The text says why."""


class RowsHaveErrors(WrongStatus):
    def __init__(self, count: int) -> None:
        super().__init__(f"{count} rows have errors. Correct them, or finalise without these rows (skip_errors).")


class CannotClear(WrongStatus):
    pass


class CannotUndo(WrongStatus):
    pass


def waits_long(of: Import) -> bool:
    """Whether nothing has been heard of it for a moment. Work that goes on says so every second, as far as it can."""
    return timezone.now() - of.touched_at > MOMENT


def begin(new: Import, pieces: Iterable[bytes]) -> Import:
    """Keeps the file and reads it: at once where it is small, else as a task. `new` is not saved yet."""
    with transaction.atomic():
        new.save()
        try:
            new.encoding = keep(new, pieces)
        except Refused as error:
            new.status, new.message = Status.REFUSED, str(error)
        new.save()
    if new.busy:
        _go_on(new)
    return new


def read_again(old: Import, said: dict[str, Any], clear: bool) -> None:
    """Reads the file as its user says. Raises WrongStatus."""
    _move(old, READABLE, Status.STAGING, said=said, clear=clear, phase="received", **AFRESH)
    _go_on(old)


def finalise(of: Import, *, skip_errors: bool = False) -> None:
    """Has the import applied: at once where it is small, else as a task. Raises WrongStatus.

    Asking again changes nothing, but that one whose worker died is gone on with.
    """
    if of.status in UNDER_WAY_OR_DONE:
        if of.busy and waits_long(of):
            look_after(of)
        return
    _refuse_clearing(of)
    if of.status in (Status.PREVIEW, Status.FAILED) and of.totals.get("errors") and not skip_errors:
        raise RowsHaveErrors(of.totals["errors"])
    was_read = (Status.PREVIEW, *([Status.FAILED] if of.totals else []))
    try:
        _move(of, was_read, Status.FINALISING, skip_errors=skip_errors, phase="waiting", **AFRESH)
    except WrongStatus:
        if of.status in UNDER_WAY_OR_DONE:
            return  # somebody was quicker
        raise
    _go_on(of)
    if of.status in (Status.PREVIEW, Status.FAILED):
        raise WrongStatus(of.message)


def _refuse_clearing(of: Import) -> None:
    if of.clear and of.status in (Status.PREVIEW, Status.FAILED) and (of.totals.get("errors") or not _valid(of)):
        raise CannotClear(CLEAN_ALONE)


def _valid(of: Import) -> int:
    return sum(int(of.totals.get(name, 0)) for name in ("new", "changed", "unchanged"))


def cancel(of: Import) -> None:
    """Ends an import that has changed nothing. Raises WrongStatus."""
    with transaction.atomic():
        _move(of, OPEN, Status.CANCELLED)
        forget_rows(of)


def _move(of: Import, before: Iterable[str], after: str, **fields: Any) -> None:
    """From one of these states to another, if nobody was quicker."""
    fields |= {"status": after, "touched_at": timezone.now()}
    moved = Import.objects.filter(pk=of.pk, status__in=list(before)).update(**fields)
    of.refresh_from_db()
    if not moved:
        raise WrongStatus(f"This import is {of.get_status_display()}.")


def _go_on(of: Import) -> None:
    if of.size <= SMALL:
        work_on(of.pk)
    else:
        dispatch(of.pk)
    of.refresh_from_db()


def dispatch(pk: int) -> None:
    """Has a worker go on with an import. Without a broker the sweep finds it later."""
    from imports.tasks import work

    def send() -> None:
        try:
            work.apply_async((pk,), retry=False)
        except Exception as error:  # kombu's, redis' and the socket's
            logger.warning("Import %s waits for the sweep: %s", pk, error)

    transaction.on_commit(send)


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
                _fail(pk, "Others kept changing the same rows. Nothing was changed: finalise it again.")
        except DatabaseError:
            logger.exception("Import %s", pk)
            _fail(pk, "The database refused this file. Nothing was changed.")
            return
    _note_revision(pk)


def _attempt(of: Import) -> None:
    with Progress(of) as progress, transaction.atomic():
        if of.status == Status.STAGING:
            _read(of, progress)
        else:
            _finalise(of, progress)


def _fail(pk: int, message: str) -> None:
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
            if of.clear and (of.totals["errors"] or not _valid(of)):
                of.status, of.message = Status.REFUSED, CLEAN_ALONE
    except (Refused, UnicodeError) as error:
        of.status, of.message, of.totals, of.first_rows = Status.REFUSED, str(error), {}, []
    _settle(of, Status.STAGING)


def _settle(of: Import, before: str) -> None:
    """Writes down where the import stands, unless it was cancelled meanwhile."""
    fields = (
        "status",
        "message",
        "totals",
        "first_rows",
        "recognised",
        "list_after",
        "change",
        "finalised_at",
        "phase",
    )
    values = {name: getattr(of, name) for name in fields} | {"touched_at": timezone.now()}
    if not Import.objects.filter(pk=of.pk, status=before).update(**values):
        raise Gone


def _stage(of: Import, progress: Progress) -> None:
    if of.kind == Kind.LOCATIONS:
        return
    tables, resource = Tables.of(of), resource_of(of)
    progress.enter("reading")
    dialect = _recognise(of, resource)
    of.recognised = dialect.shown()
    staging.make(tables, resource)
    for done in staging.fill(tables, resource, _taken(of, resource, dialect)):
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


def _taken(of: Import, resource: type[Rows], dialect: Dialect) -> Iterator[Taken]:
    """Each row of the file, cleaned."""
    frame = resource()
    for name in resource.dates:
        frame.fields[name].widget.style = dialect.date_style
    columns, width = dialect.columns, len(dialect.columns)
    header = dialect.header
    for number, cells, problem in rows(opened(of), dialect):
        if header:
            header = False
            continue
        if problem:
            yield number, {}, [Problem("", "", problem)]
        elif len(cells) > width and any(cell.strip() for cell in cells[width:]):
            text = f"This row has {len(cells)} cells, and the first row {width}."
            yield number, {}, [Problem("", dialect.separator.join(cells), text)]
        else:
            said, problems = frame.take({name: cell for name, cell in zip(columns, cells, strict=False) if name})
            yield number, said, problems


def _hold_against_the_database(of: Import, progress: Progress, scope: Scope) -> None:
    """What each row would change, by what the database holds now."""
    progress.enter("checking")
    if of.kind == Kind.LOCATIONS:
        places.look(of)
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
            of.clear and not _valid(of)
        ):
            of.status, of.message = Status.PREVIEW, AGAIN
            _settle(of, Status.FINALISING)
            return
        progress.enter("applying")
        kind.apply(of, Tables.of(of))
    _finalised(of)


def _finalise_places(of: Import, progress: Progress) -> None:
    progress.enter("applying")
    shown = of.totals.get("errors", 0)
    with transaction.atomic():
        changed = places.bring_in(of)
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


def undo(of: Import) -> None:
    """Takes back an authorization list's import, while nothing else has touched the list. Raises CannotUndo."""
    if of.kind != Kind.AUTHORIZATION_LIST or of.status != Status.FINALISED:
        raise CannotUndo("Only an import into an authorization list that was finalised can be undone.")
    with transaction.atomic(), pghistory.context(source="undo of import", import_id=of.pk, user=of.owner_id):
        lists.lock(of)
        of.refresh_from_db()
        if of.undone_at is not None:
            raise CannotUndo("This import was undone already.")
        try:
            lists.undo(of)
        except lists.Touched:
            raise CannotUndo("The list was changed since: it is not taken back over what others did.") from None
        of.undone_at = timezone.now()
        of.save(update_fields=["undone_at", "touched_at"])


def can_be_undone(of: Import) -> bool:
    return (
        of.kind == Kind.AUTHORIZATION_LIST
        and of.status == Status.FINALISED
        and of.undone_at is None
        and lists.state(of) == of.list_after
    )


def look_after(of: Import) -> bool:
    """Has a worker go on with an import on which nobody works; whether that was needed.

    Its task may be lost, or its worker dead. One that kills its worker again and again is given up.
    """
    with claimed(of.pk) as free:
        if not free or not Import.objects.filter(pk=of.pk, status__in=[Status.STAGING, Status.FINALISING]).exists():
            return False
    if of.attempts >= MOST_ATTEMPTS:
        _fail(of.pk, "This was begun several times and never came to its end. Nothing was changed.")
        return False
    dispatch(of.pk)
    return True


def remove(of: Import) -> None:
    """Deletes an import and all that is known of it. Raises WrongStatus while somebody works on it."""
    if of.busy:
        raise WrongStatus("This import is being worked on: cancel it, or wait.")
    with transaction.atomic():
        forget_rows(of)
        of.delete()


def forget_rows(of: Import) -> None:
    """Drops the rows and the file of an import; the import stays as history."""
    staging.drop(Tables.of(of))
    of.parts.all().delete()


def expire(of: Import) -> None:
    """Ends an old import: what nobody finalised is cancelled."""
    with transaction.atomic():
        Import.objects.filter(pk=of.pk, status__in=[Status.PREVIEW, Status.REFUSED, Status.FAILED]).update(
            status=Status.CANCELLED
        )
        forget_rows(of)


def errors_of(of: Import, most: int | None = None) -> list[dict[str, Any]]:
    """What is wrong, row by row."""
    return staging.problems(Tables.of(of), most)
