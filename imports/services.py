"""From an upload to its end: stage, look, finalise, cancel, undo. What views, tasks and the admin call."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pghistory
from django.db import transaction
from django.utils import timezone

from imports import staging, work
from imports.files import Refused, keep
from imports.kinds import lists
from imports.models import Import, Kind, Status
from imports.staging import Tables

logger = logging.getLogger(__name__)

# A file of so many bytes is read, and finalised, while its user waits: ten thousand rows in about a second.
SMALL = 512 * 1024
MOMENT = timedelta(seconds=5)  # that a task which has just been sent gets
MOST_ATTEMPTS = 10
OPEN = (Status.STAGING, Status.PREVIEW, Status.REFUSED, Status.FAILED)
READABLE = (Status.PREVIEW, Status.REFUSED, Status.FAILED)
UNDER_WAY_OR_DONE = (Status.FINALISING, Status.FINALISED)
AFRESH: dict[str, Any] = {"message": "", "rows_done": 0, "percent": None, "attempts": 0}


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
    if of.clear and of.status in (Status.PREVIEW, Status.FAILED) and (of.totals.get("errors") or not work.valid(of)):
        raise CannotClear(work.CLEAN_ALONE)


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
        work.work_on(of.pk)
    else:
        dispatch(of.pk)
    of.refresh_from_db()


def dispatch(pk: int) -> None:
    """Has a worker go on with an import. Without a broker the sweep finds it later."""
    from imports.tasks import work as task

    def send() -> None:
        try:
            task.apply_async((pk,), retry=False)
        except Exception as error:  # kombu's, redis' and the socket's
            logger.warning("Import %s waits for the sweep: %s", pk, error)

    transaction.on_commit(send)


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
    with work.claimed(of.pk) as free:
        if not free or not Import.objects.filter(pk=of.pk, status__in=[Status.STAGING, Status.FINALISING]).exists():
            return False
    if of.attempts >= MOST_ATTEMPTS:
        work.fail(of.pk, "This was begun several times and never came to its end. Nothing was changed.")
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
        Import.objects.filter(pk=of.pk).update(first_rows=[])
        forget_rows(of)


def errors_of(of: Import, most: int | None = None) -> list[dict[str, Any]]:
    """What is wrong, row by row."""
    return staging.problems(Tables.of(of), most)
