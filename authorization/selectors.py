"""From rows of PostgreSQL to what the engine needs: places, tokens and rules, for any number of questions at once.

The number of queries does not grow with the number of questions. All of them run in one repeatable-read transaction, so
that a batch is answered from one revision.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Now

from authorization.engine.types import Rule
from authorization.models import (
    Action,
    AuthorizationListEntry,
    ChargeException,
    Direction,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    GroupMember,
    Node,
    Revision,
)
from authorization.questions import Question
from locations.models import EVSE, ChargeStation, Location
from tokens.models import Token

SEEN_WITHIN = 1.5  # seconds: a node says each second that it verified its copy, and may have done so again since
Row = dict[str, Any]
Groups = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Rows by the id that names them: EVSEs, stations and locations."""

    evses: dict[str, Row]
    stations: dict[str, Row]
    stations_by_pk: dict[int, Row]
    locations: dict[str, list[Row]]
    locations_by_pk: dict[int, Row]
    groups: dict[int, Groups]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Rows by (type, normal uid) and by normal Auth ID; the groups of each, by pk; entries of private lists."""

    by_uid: dict[tuple[str, str], Row]
    by_auth_id: dict[str, list[Row]]
    groups: dict[int, Groups]
    listed: "ListEntries"


@dataclass(frozen=True, slots=True)
class ListEntries:
    """Authorization-list entries, as (location pk, customer pk), (location pk, token pk) and (location pk, Auth ID)."""

    customers: frozenset[tuple[int, int]]
    tokens: frozenset[tuple[int, int]]
    auth_ids: frozenset[tuple[int, str]]


def _rows(values: Iterable[Any]) -> list[Row]:
    return list(values)


def revision() -> int:
    """The number of the last change that this transaction sees."""
    return Revision.objects.values_list("value", flat=True).first() or 0


def revision_and_clock() -> tuple[int | None, float]:
    """As revision(), but None before there is one; and the database's clock in seconds since 1970."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT value FROM authorization_revision), extract(epoch FROM clock_timestamp())::float8"
        )
        (number, clock), *_ = cursor.fetchall()
    return number, clock


def nodes_behind(revision: int) -> bool:
    """Whether a node has a copy of an older revision that it may still answer from.

    One that has not been seen for longer has not verified its copy either, and no longer answers from it.
    """
    lately = Now() - timedelta(seconds=settings.CACHE_STALE_AFTER_MS / 1000 + SEEN_WITHIN)
    return Node.objects.filter(revision__lt=revision, seen_at__gt=lately).exists()


def places(questions: Sequence[Question], own_station: int | None) -> Places:
    """Every place that a question names, and the caller's own station; whether the caller reaches it is asked later."""
    evses = _evses({question.evse_id_normal for question in questions if question.evse_id_normal})
    stations = _stations(
        {question.station_normal for question in questions if question.station_normal},
        {evse["station_id"] for evse in evses if evse["station_id"]} | ({own_station} - {None}),
    )
    locations = _locations(
        {row["location_id"] for row in [*evses, *stations]},
        {question.location_id for question in questions if question.location_id},
    )
    by_location_id: dict[str, list[Row]] = defaultdict(list)
    for row in locations:
        by_location_id[row["location_id"]].append(row)
    return Places(
        evses={row["evse_id_normal"]: row for row in evses},
        stations={row["identity_normal"]: row for row in stations},
        stations_by_pk={row["id"]: row for row in stations},
        locations=by_location_id,
        locations_by_pk={row["id"]: row for row in locations},
        groups=_place_groups(locations),
    )


def _evses(evse_ids: set[str]) -> list[Row]:
    if not evse_ids:
        return []
    rows = EVSE.objects.filter(evse_id_normal__in=evse_ids)
    return _rows(rows.values("evse_id", "evse_id_normal", "station_id", "location_id"))


def _stations(identities: set[str], pks: set[int | None]) -> list[Row]:
    if not identities and not pks:
        return []
    rows = ChargeStation.objects.filter(Q(identity_normal__in=identities) | Q(pk__in=pks))
    return _rows(rows.values("id", "identity_normal", "location_id", "authorization_required"))


def _locations(pks: set[int], location_ids: set[str]) -> list[Row]:
    if not pks and not location_ids:
        return []
    rows = Location.objects.filter(Q(pk__in=pks) | Q(location_id__in=location_ids))
    private = Exists(AuthorizationListEntry.objects.filter(location=OuterRef("pk")))
    return _rows(
        rows.annotate(is_private=private).values(
            "id", "location_id", "cpo_id", "cpo__country_code", "cpo__party_id", "time_zone", "published", "is_private"
        )
    )


def _place_groups(locations: Iterable[Row]) -> dict[int, Groups]:
    """Sorted CPO-side groups of each location: those that have it as a member, its CPO, or any CPO above that."""
    locations = list(locations)
    if not locations:
        return {}
    above = cpos_above({row["cpo_id"] for row in locations})
    cpos = {cpo for line in above.values() for cpo in line}
    by_location: dict[int | None, set[int]] = defaultdict(set)
    by_cpo: dict[int | None, set[int]] = defaultdict(set)
    for group, location, cpo in GroupMember.objects.filter(
        Q(location__in=[row["id"] for row in locations]) | Q(cpo__in=cpos)
    ).values_list("group_id", "location_id", "cpo_id"):
        (by_location[location] if location else by_cpo[cpo]).add(group)
    return {
        row["id"]: tuple(sorted(by_location[row["id"]].union(*(by_cpo[cpo] for cpo in above[row["cpo_id"]]))))
        for row in locations
    }


def cpos_above(cpos: set[int]) -> dict[int, set[int]]:
    """Each CPO with itself and every CPO above it."""
    above: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE above AS (
                SELECT id AS start, id, parent_id FROM locations_cpo WHERE id = ANY(%s)
                UNION
                SELECT above.start, c.id, c.parent_id FROM locations_cpo c JOIN above ON c.id = above.parent_id
            )
            SELECT start, id FROM above
            """,
            [list(cpos)],
        )
        for start, cpo in cursor.fetchall():
            above[start].add(cpo)
    return above


TOKEN_COLUMNS = (
    "id", "type", "uid_normal", "auth_id_normal", "emsp_id", "customer_id", "driver_id", "valid", "expires_at",
    "external", "emsp__blocked", "customer__blocked", "driver__blocked",
)  # fmt: skip


def tokens(questions: Sequence[Question], private: set[int]) -> Tokens:
    """Every token that a question names. private: pks of the private locations at which they may be listed."""
    uids = {pair for question in questions for pair in question.uids}
    auth_ids = {question.auth_id for question in questions if question.auth_id}
    rows = _token_rows(uids, auth_ids)
    by_auth_id: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["auth_id_normal"] in auth_ids:
            by_auth_id[row["auth_id_normal"]].append(row)
    return Tokens(
        by_uid={(row["type"], row["uid_normal"]): row for row in rows if row["uid_normal"] is not None},
        by_auth_id=dict(by_auth_id),
        groups=_token_groups(rows),
        listed=_list_entries(rows, private),
    )


def _token_rows(uids: set[tuple[str, str]], auth_ids: set[str]) -> list[Row]:
    if not uids and not auth_ids:
        return []
    condition = Q(auth_id_normal__in=auth_ids)
    for type_ in {type_ for type_, _ in uids}:
        condition |= Q(type=type_, uid_normal__in={uid for uid_type, uid in uids if uid_type == type_})
    return _rows(Token.objects.filter(condition).order_by().values(*TOKEN_COLUMNS))


def _token_groups(rows: list[Row]) -> dict[int, Groups]:
    """Sorted eMSP-side groups of each token: by itself, its Auth ID, its driver, customer or eMSP."""
    if not rows:
        return {}
    columns = {"token_id": "id", "auth_id": "auth_id_normal", "driver_id": "driver_id", "customer_id": "customer_id"}
    columns["emsp_id"] = "emsp_id"
    condition = Q()
    for column, source in columns.items():
        condition |= Q(**{f"{column}__in": {row[source] for row in rows if row[source] is not None}})
    by_key: dict[tuple[str, Any], set[int]] = defaultdict(set)
    for member in GroupMember.objects.filter(condition).values("group_id", *columns):
        # An Auth ID is what the member names; its token is only the one to show.
        named = ["auth_id"] if member["auth_id"] is not None else [c for c in columns if member[c] is not None]
        for column in named:
            by_key[column, member[column]].add(member["group_id"])
    return {
        row["id"]: tuple(sorted(set().union(*(by_key[column, row[source]] for column, source in columns.items()))))
        for row in rows
    }


def _list_entries(rows: list[Row], private: set[int]) -> ListEntries:
    if not rows or not private:
        return ListEntries(frozenset(), frozenset(), frozenset())
    customers, auth_ids = ({row[key] for row in rows} - {None} for key in ("customer_id", "auth_id_normal"))
    entries = AuthorizationListEntry.objects.filter(
        Q(customer__in=customers) | Q(auth_id__in=auth_ids) | Q(token__in={row["id"] for row in rows}, auth_id=None),
        location__in=private,
    ).values_list("location_id", "customer_id", "token_id", "auth_id")
    found: list[tuple[int, int | None, int | None, str | None]] = list(entries)
    return ListEntries(
        customers=frozenset((location, customer) for location, customer, _, _ in found if customer is not None),
        tokens=frozenset(
            (location, token) for location, _, token, auth_id in found if token is not None and auth_id is None
        ),
        auth_ids=frozenset((location, auth_id) for location, _, _, auth_id in found if auth_id is not None),
    )


def rules(place_groups: set[int], token_groups: set[int]) -> list[Rule]:
    """Every exception, enabled or not, that touches one of the groups: no other can have a part in the decision."""
    if not place_groups and not token_groups:
        return []
    exceptions = ChargeException.objects.filter(
        Q(pk__in=ExceptionCpoGroup.objects.filter(group__in=place_groups).values("exception"))
        | Q(pk__in=ExceptionEmspGroup.objects.filter(group__in=token_groups).values("exception"))
    )
    return [_rule(row) for row in with_groups(exceptions)]


def with_groups(exceptions: Any) -> Any:
    """The rows of a ChargeException queryset as _rule reads them."""

    def groups(link: Any) -> Subquery:
        sorted_ids = link.objects.filter(exception=OuterRef("pk")).order_by().values("exception")
        return Subquery(sorted_ids.annotate(ids=ArrayAgg("group_id", order_by="group_id")).values("ids"))

    return (
        exceptions.order_by()
        .annotate(cpo_group_ids=groups(ExceptionCpoGroup), emsp_group_ids=groups(ExceptionEmspGroup))
        .values(
            "id",
            "name",
            "enabled",
            "action",
            "direction",
            "valid_from",
            "valid_until",
            "cpo_group_ids",
            "emsp_group_ids",
        )
    )


def _rule(row: Row) -> Rule:
    """An unknown word raises ValueError; a missing side stays empty, and the engine refuses that."""
    return Rule(
        id=row["id"],
        name=row["name"],
        enabled=row["enabled"],
        blacklist=Action(row["action"]) is Action.BLACKLIST,
        emsp_for_cpo=Direction(row["direction"]) is Direction.EMSP_FOR_CPO,
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        cpo_groups=tuple(row["cpo_group_ids"] or ()),
        emsp_groups=tuple(row["emsp_group_ids"] or ()),
    )
