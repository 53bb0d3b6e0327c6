"""The history forgets in time whom it was about: the rows stay, so that they can be counted, and the values go."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from imports.staging import ask
from people.erase import run
from people.models import Aged
from people.person import ERASED

BATCH = 10_000
# By table, what becomes of its columns.
_TEXT = "{0} = CASE WHEN coalesce({0}, '') <> '' THEN %(erased)s ELSE {0} END"
_TABLES = {
    "tokens_driverevent": ("name", "external_id"),
    "tokens_customerevent": ("name", "external_id"),
    "tokens_tokenevent": ("uid", "auth_id", "visual_number"),
    "authorization_groupmemberevent": ("auth_id", "auth_id_entered"),
    "authorization_authorizationlistentryevent": ("auth_id", "auth_id_entered"),
}


def age(now: datetime) -> int:
    """By each table's numbers, which grow with time, from where the last run came to; how many rows."""
    if settings.HISTORY_NAMES_KEPT_DAYS == 0:
        return 0
    before = now - timedelta(days=settings.HISTORY_NAMES_KEPT_DAYS)
    return sum(_age(table, columns, before) for table, columns in _TABLES.items())


def _age(table: str, columns: tuple[str, ...], before: datetime) -> int:
    aged, done = Aged.objects.get_or_create(table=table)[0], 0
    while upto := _next(table, aged.upto, before):
        changes = ", ".join(_TEXT.format(column) for column in columns)
        with transaction.atomic():
            done += run(
                f"UPDATE {table} SET {changes} WHERE pgh_id > %(above)s AND pgh_id <= %(upto)s",  # noqa: S608
                {"erased": ERASED, "above": aged.upto, "upto": upto},
            )
            aged.upto = upto
            aged.save(update_fields=["upto"])
    return done


def _next(table: str, above: int, before: datetime) -> int | None:
    """The last of the next rows, as far as they are old."""
    rows = f"SELECT pgh_id, pgh_created_at FROM {table} WHERE pgh_id > %s ORDER BY pgh_id LIMIT {BATCH}"  # noqa: S608
    found = ask(f"SELECT max(pgh_id) FROM ({rows}) AS r WHERE pgh_created_at < %s", [above, before])  # noqa: S608
    upto: int | None = found[0][0]
    return upto
