"""Decides anew whether what is in use may go on: after each change of the rules, and when time alone changes an answer.

An authorization says at which revision it was last decided and when that may change, so nothing is missed between two
looks, however long ago the last one was.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from authorization import selectors
from authorization.questions import BadQuestion, Question, parse
from authorization.services import charging
from authorization.services.charging import Foreseen
from authorization.services.keys import Caller
from authorization.spool import DatabaseLog
from authorization.store import Store
from chargers.models import AuthorizationInUse, Ended
from chargers.services import uses

BATCH = 1000
WATCHER = Caller(0, "in use", portal=True)


def look(now: datetime, store: Store | None = None) -> int:
    """Ends every authorization in use that a restriction took away; how many. Raises NoRules, the database's errors."""
    revision = selectors.revision()
    due = AuthorizationInUse.objects.filter(~Q(revision=revision) | Q(next_change_at__lte=now), ended_at=None)
    rows = due.select_related("station", "evse").order_by("pk")
    ended, last = 0, 0
    while some := list(rows.filter(pk__gt=last)[:BATCH]):
        last = some[-1].pk
        ended += _look_at(some, now, store)
    return ended


def _look_at(rows: list[AuthorizationInUse], now: datetime, store: Store | None) -> int:
    """One batch, decided at one revision by a number of queries that does not grow with it."""
    found = charging.foresee([_question(row) for row in rows], WATCHER, now, store)
    taken: dict[int, Foreseen] = {}
    held: list[tuple[AuthorizationInUse, Foreseen]] = []
    for row, foreseen in zip(rows, found, strict=True):
        if isinstance(foreseen, BadQuestion):
            continue
        if row.held and not foreseen.answer.verdict.accepted:
            taken[row.pk] = foreseen
        else:
            held.append((row, foreseen))
    with transaction.atomic():
        _note(held)
        if not taken:
            return 0
        reasons = {pk: foreseen.answer.verdict.reason.value for pk, foreseen in taken.items()}
        ended = uses.end(taken, Ended.RESTRICTION, now, reasons=reasons)
        _log(taken[row.pk] for row in ended)
    return len(ended)


def _question(row: AuthorizationInUse) -> Question:
    """What it would ask today. An EVSE is named by itself: it may stand at another station by now."""
    body = {"id": row.message_id, "token_type": row.token_type, "id_token": row.presented or None}
    if row.evse is not None and row.evse.evse_id:
        return parse(body | {"evse_id": row.evse.evse_id})
    return parse(body | {"station": row.station.identity if row.station is not None else None})


def _note(held: list[tuple[AuthorizationInUse, Foreseen]]) -> None:
    """Until when the decision holds, in one statement."""
    if not held:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE chargers_authorizationinuse u
            SET revision = seen.revision, next_change_at = seen.until, held = seen.held
            FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::boolean[])
                AS seen (id, revision, until, held)
            WHERE u.id = seen.id AND u.ended_at IS NULL
            """,
            [
                [row.pk for row, _ in held],
                [foreseen.answer.revision for _, foreseen in held],
                [foreseen.until for _, foreseen in held],
                [foreseen.answer.verdict.accepted for _, foreseen in held],
            ],
        )


def _log(taken: Iterable[Foreseen]) -> None:
    """What took it away is in the log: the decision of now, by nobody's request."""
    DatabaseLog().write([charging.log_row(foreseen.answer, WATCHER) for foreseen in taken])
