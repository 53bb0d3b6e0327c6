"""A station's offline list: who may charge there now, in versions, for a charger that cannot ask.

Tokens are decided by class: all that lie in the same groups, and stand or do not stand on the location's list, have one
answer. So a million of them cost one pass of the database, and the engine decides a handful of times.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from authorization import selectors
from authorization.engine.changes import next_change
from authorization.engine.clock import zone_of
from authorization.engine.decide import decide
from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Place, Request, Token
from authorization.models import Action, ChargeException, ExceptionCpoGroup, ExceptionEmspGroup
from authorization.services.charging import UNREADABLE, NoRules
from chargers.models import LocalList
from locations.models import ChargeStation
from tokens.ids import HEX_TYPES
from tokens.models import DirectoryGrant

KEPT = 5  # versions, for differentials
MOST = 100_000  # identifications of one list

Entries = dict[str, list[str | None]]  # `type:normal uid` → [uid, expiry as ISO 8601 or null]


class Drawn(NamedTuple):
    """Who may charge at a station now. total: how many in all; entries: at most as many as asked for, those of the
    private list or whitelists first."""

    entries: Entries
    total: int


class Entry(NamedTuple):
    """expires: as ISO 8601; None for never. gone: it was on the list, and is to be taken off it."""

    type: str
    uid: str
    expires: str | None
    gone: bool = False


class Answer(NamedTuple):
    """A version, and what to send for it: all entries, or what changed since the version asked for.

    total: who may charge there; left_out: how many of them are more than was asked for.
    """

    version: int
    full: bool
    entries: list[Entry]
    total: int
    left_out: int


def answer(station: ChargeStation, known: int | None, most: int, now: datetime) -> Answer:
    """The list as of `now`, against the version that the station has. Raises NoRules, and the database's errors."""
    drawn = draw(station, most, now)
    left_out = drawn.total - len(drawn.entries)
    with transaction.atomic():
        ChargeStation.objects.select_for_update(no_key=True).get(pk=station.pk)
        newest = LocalList.objects.filter(station=station).first()
        if newest is None or newest.entries != drawn.entries:
            newest = LocalList.objects.create(
                station=station, version=newest.version + 1 if newest else 1, entries=drawn.entries, made_at=now
            )
            LocalList.objects.filter(station=station, version__lte=newest.version - KEPT).delete()
    before = LocalList.objects.filter(station=station, version=known).first() if known is not None else None
    entries = _changed({} if before is None else before.entries, newest.entries)
    return Answer(newest.version, before is None, entries, drawn.total, left_out)


def _changed(before: Entries, after: Entries) -> list[Entry]:
    changed = [_entry(key, entry) for key, entry in after.items() if before.get(key) != entry]
    return changed + [_entry(key, before[key], gone=True) for key in before if key not in after]


def _entry(key: str, entry: Sequence[str | None], *, gone: bool = False) -> Entry:
    return Entry(key.partition(":")[0], str(entry[0]), entry[1], gone)


def draw(station: ChargeStation, most: int, now: datetime) -> Drawn:
    """Decides who may charge there. A station that is free for all needs no list. Raises NoRules."""
    if not station.authorization_required:
        return Drawn({}, 0)
    try:
        with transaction.atomic():
            return _draw(station, most, now)
    except UNREADABLE as error:
        raise NoRules(str(error)) from error


class Class(NamedTuple):
    """Candidates that have one answer. key: their groups as the database writes them. granted: their eMSP lets this
    location's CPO search its tokens."""

    key: str
    groups: list[int]
    listed: bool
    granted: bool
    number: int


class Allowed(NamedTuple):
    of: Class
    named: bool
    until: datetime | None


def _draw(station: ChargeStation, most: int, now: datetime) -> Drawn:
    places = selectors.places((), station.pk)
    row = places.locations_by_pk[station.location_id]
    # As the engine sees it; the station's own mode has been looked at.
    place = Place(row["id"], row["time_zone"], places.groups[row["id"]], row["is_private"], row["published"], False)
    if not place.private and not place.published:
        return Drawn({}, 0)
    used = set(ExceptionEmspGroup.objects.order_by().values_list("group_id", flat=True).distinct())
    rules = compile_rules(selectors.rules(set(place.groups), used))
    candidates = Candidates(place, row["cpo_id"], used, now)
    allowed = [found for each in candidates.classes() if (found := _decide(each, place, rules, now)) is not None]
    allowed.sort(key=lambda found: (not found.of.listed, not found.named, found.of.key))
    return Drawn(candidates.members(allowed, most), sum(found.of.number for found in allowed))


def _decide(each: Class, place: Place, rules: Rules, now: datetime) -> Allowed | None:
    """What the engine says of a token of this class that is in good standing; None where it is not on the list."""
    groups = tuple(sorted(set(each.groups)))
    request = Request(place, (Token(0, groups, False, None, external=False, listed=each.listed),))
    verdict = decide(request, rules, now)
    if not verdict.accepted:
        return None
    named = each.listed or rules.verdict(place.groups, groups, now, zone_of(place.zone)).named
    if not named and not each.granted:
        return None
    return Allowed(each, named, next_change(decide, request, rules, now, verdict))


class Candidates:
    """Tokens that may be on a place's list if the rules say so: in good standing, with a uid, and not only online.

    At a private location those on its list; elsewhere those of eMSPs that let its CPO search, and those in groups that
    a whitelist for the place names.
    """

    def __init__(self, place: Place, cpo: int, used: set[int], now: datetime) -> None:
        self.place = place
        grants = DirectoryGrant.objects.filter(cpo=cpo, enabled=True)
        self.values: dict[str, Any] = {
            "location": place.location,
            "now": now,
            "used": sorted(used),
            "emsps": list(grants.values_list("emsp", flat=True)),
            "whitelisted": self._whitelisted(),
        }

    def _whitelisted(self) -> list[int]:
        of_place = ChargeException.objects.filter(
            pk__in=ExceptionCpoGroup.objects.filter(group__in=self.place.groups).values("exception"),
            action=Action.WHITELIST, enabled=True,
        )  # fmt: skip
        groups = ExceptionEmspGroup.objects.filter(exception__in=of_place).order_by()
        return list(groups.values_list("group_id", flat=True).distinct())

    @property
    def _sql(self) -> str:
        where = "listed" if self.place.private else "(granted OR groups && %(whitelisted)s::bigint[])"
        return _CANDIDATES + f" SELECT * FROM candidate WHERE {where}"

    def classes(self) -> Iterator[Class]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT groups::text, groups, listed, granted, count(*) FROM ({self._sql}) c"
                " GROUP BY groups, listed, granted",
                self.values,
            )
            yield from (Class(*row) for row in cursor.fetchall())

    def members(self, allowed: Sequence[Allowed], most: int) -> Entries:
        """The first of those that are allowed, in the order of their classes."""
        if not allowed:
            return {}
        chosen = self.values | {
            "keys": [found.of.key for found in allowed],
            "on_list": [found.of.listed for found in allowed],
            "of_granted": [found.of.granted for found in allowed],
            "most": most,
        }
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT c.type, c.uid_normal, c.uid, c.expires_at, k.nth FROM ({self._sql}) c
                JOIN unnest(%(keys)s::text[], %(on_list)s::boolean[], %(of_granted)s::boolean[])
                    WITH ORDINALITY AS k (key, listed, granted, nth)
                    ON c.groups::text = k.key AND c.listed = k.listed AND c.granted = k.granted
                ORDER BY k.nth, c.id LIMIT %(most)s
                """,
                chosen,
            )
            return {
                f"{type_}:{normal}": [
                    normal if type_ in HEX_TYPES else uid,
                    _first(expires_at, allowed[nth - 1].until),
                ]
                for type_, normal, uid, expires_at, nth in cursor.fetchall()
            }


def _first(*instants: datetime | None) -> str | None:
    """The earliest, as OCPP writes it."""
    known = [at for at in instants if at is not None]
    return min(known).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if known else None


# Rows 5 and 6 of the decision are left out here; the rest is decided by class. Groups that no exception uses are none.
_CANDIDATES = """
WITH member AS MATERIALIZED (
    SELECT * FROM authorization_groupmember WHERE group_id = ANY(%(used)s)
), by_emsp AS (
    SELECT emsp_id AS key, array_agg(group_id ORDER BY group_id) AS groups FROM member
    WHERE emsp_id IS NOT NULL GROUP BY 1
), by_customer AS (
    SELECT customer_id AS key, array_agg(group_id ORDER BY group_id) AS groups FROM member
    WHERE customer_id IS NOT NULL GROUP BY 1
), by_driver AS (
    SELECT driver_id AS key, array_agg(group_id ORDER BY group_id) AS groups FROM member
    WHERE driver_id IS NOT NULL GROUP BY 1
), by_auth_id AS (
    SELECT auth_id AS key, array_agg(group_id ORDER BY group_id) AS groups FROM member
    WHERE auth_id IS NOT NULL GROUP BY 1
), by_token AS (
    SELECT token_id AS key, array_agg(group_id ORDER BY group_id) AS groups FROM member
    WHERE auth_id IS NULL AND token_id IS NOT NULL GROUP BY 1
), entry AS MATERIALIZED (
    SELECT * FROM authorization_authorizationlistentry WHERE location_id = %(location)s
), candidate AS (
    SELECT t.id, t.type, t.uid, t.uid_normal, t.expires_at,
        coalesce(e.groups, '{}') || coalesce(c.groups, '{}') || coalesce(d.groups, '{}')
            || coalesce(a.groups, '{}') || coalesce(n.groups, '{}') AS groups,
        t.emsp_id = ANY(%(emsps)s::bigint[]) AS granted,
        (lc.id IS NOT NULL OR la.id IS NOT NULL OR lt.id IS NOT NULL) AS listed
    FROM tokens_token t
    JOIN tokens_emsp o ON o.id = t.emsp_id AND NOT o.blocked
    LEFT JOIN tokens_customer cu ON cu.id = t.customer_id
    LEFT JOIN tokens_driver dr ON dr.id = t.driver_id
    LEFT JOIN by_emsp e ON e.key = t.emsp_id
    LEFT JOIN by_customer c ON c.key = t.customer_id
    LEFT JOIN by_driver d ON d.key = t.driver_id
    LEFT JOIN by_auth_id a ON a.key = t.auth_id_normal
    LEFT JOIN by_token n ON n.key = t.id
    LEFT JOIN entry lc ON lc.customer_id = t.customer_id
    LEFT JOIN entry la ON la.auth_id = t.auth_id_normal
    LEFT JOIN entry lt ON lt.token_id = t.id AND lt.auth_id IS NULL
    WHERE t.valid AND t.uid_normal IS NOT NULL AND t.whitelist <> 'NEVER'
        AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
        AND cu.blocked IS NOT TRUE AND dr.blocked IS NOT TRUE
)
"""
