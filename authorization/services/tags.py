"""Tags of the members of a group and of an authorization list: another one whenever a row came, went or changed."""

import hashlib

from django.db import connection

from authorization.models import AuthorizationListEntry, ExceptionGroup, GroupMember
from locations.models import Location

# Whatever the order of the rows. xmin is the transaction that wrote a row last, so an update counts as well. Number and
# highest id would not do: of two transactions the one with the lower ids may commit last.
_SUM = "SELECT count(*), coalesce(sum(hashint8extended(id, xmin::text::bigint)), 0) FROM {table} WHERE {column} = %s"
_MEMBERS = _SUM.format(table=GroupMember._meta.db_table, column="group_id")
_ENTRIES = _SUM.format(table=AuthorizationListEntry._meta.db_table, column="location_id")


def members_tag(group: ExceptionGroup) -> str:
    """Of who is in the group."""
    return _tag("members", group.pk, *_sum(_MEMBERS, group.pk))


def list_tag(location: Location) -> str:
    """Of who is on the location's list, and whether it is published."""
    return _tag("list", location.pk, location.published, *_sum(_ENTRIES, location.pk))


def _sum(query: str, pk: int) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, [pk])
        row: tuple[object, ...] = cursor.fetchone()
    return row


def _tag(*parts: object) -> str:
    digest = hashlib.sha256(":".join(str(part) for part in parts).encode()).hexdigest()
    return f'"{digest[:32]}"'
