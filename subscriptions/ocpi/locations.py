"""`locations`: the places in scope, as `mod_locations` of OCPI 2.1.1 and 2.2.1 shows them.

The portal keeps who may charge where, not what a place has to offer. What OCPI requires and the portal does not know is
said as plainly as the format allows: status UNKNOWN, type UNKNOWN, "-" for a missing line of the address, 0.000000 for
missing coordinates, and for an EVSE without connectors one of no voltage and no amperage. Connectors that the
partner's version has no word for are left out.

2.2.1 has shorter ids: a location or an EVSE with a longer one is none there, and left out. It says as well who may see
a location that is not published: `publish_allowed_to` names of the authorization list whom the partner may know of.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Length
from django.http import HttpResponse

from authorization.models import AuthorizationListEntry
from locations.connectors import POWER_TYPES_211, STANDARDS_211, Connector
from locations.countries import ALPHA3
from locations.models import EVSE, Location
from subscriptions.models import LocationStamp, Module, Role, Version
from subscriptions.ocpi.envelope import UNKNOWN_LOCATION, OcpiView, not_found, stamp
from subscriptions.ocpi.pages import Asked, page
from subscriptions.ocpi.token_objects import group_id, ocpi_type
from subscriptions.services import Sight
from tokens.models import Token

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ID_221 = 36
MOST_NAMED = 1000  # in publish_allowed_to of a location; whom it leaves out is let in all the same


def in_scope(sight: Sight) -> QuerySet[Location]:
    """The locations of the CPOs in scope, without those that the partner may not use.

    Published ones; private ones whose list names somebody of an eMSP in scope, to a partner that is an eMSP; and to a
    CPO all of its own and its sub-CPOs'.
    """
    rows = Location.objects.all()
    if sight.cpos is not None:
        rows = rows.filter(cpo__in=sight.cpos)
    shown = Q(published=True) | Q(cpo__in=sight.own)
    if sight.subscription.role == Role.EMSP and sight.emsps:
        shown |= Q(Exists(_guests(sight.emsps)))
    if sight.version == Version.V221:
        rows = rows.annotate(id_length=Length("location_id")).filter(id_length__lte=MAX_ID_221)
    return rows.filter(shown)


def _guests(emsps: frozenset[int]) -> QuerySet[AuthorizationListEntry]:
    """Entries of a location's list that name a customer or a token of these eMSPs."""
    carriers = Token.objects.filter(emsp__in=emsps, auth_id_normal=OuterRef("auth_id"))
    named = Q(customer__emsp__in=emsps) | Q(token__emsp__in=emsps) | Q(Exists(carriers))
    return AuthorizationListEntry.objects.filter(named, location=OuterRef("pk"))


def _stamped(rows: QuerySet[Location]) -> QuerySet[Any]:
    at = LocationStamp.objects.filter(location=OuterRef("pk")).values("at")
    return rows.annotate(last_updated=Coalesce(Subquery(at), EPOCH, output_field=DateTimeField()))


def _matching(sight: Sight, asked: Asked) -> QuerySet[Any]:
    rows = in_scope(sight)
    if asked.date_from is None and asked.date_to is None:
        return rows
    stamps = LocationStamp.objects.all()
    if asked.date_from is not None:
        stamps = stamps.filter(at__gte=asked.date_from)
    if asked.date_to is not None:
        stamps = stamps.filter(at__lt=asked.date_to)
    return rows.filter(pk__in=stamps.values("location"))


def whole(rows: QuerySet[Any]) -> QuerySet[Any]:
    evses = Prefetch("evses", EVSE.objects.order_by("pk"))
    return _stamped(rows).select_related("cpo").prefetch_related(evses)


def shapes(sight: Sight, places: Iterable[Any]) -> dict[int, dict[str, Any]]:
    """Location objects in the partner's version, by primary key; `places` come from whole()."""
    places = list(places)
    named: dict[int, list[dict[str, str]]] = {}
    if sight.version == Version.V221:
        named = _allowed_to(sight, [place.pk for place in places if not place.published])
    return {place.pk: location_object(place, sight.version, named.get(place.pk)) for place in places}


def _allowed_to(sight: Sight, pks: list[int]) -> dict[int, list[dict[str, str]]]:
    """Who of the eMSPs in scope is on these locations' lists, as PublishTokenTypes: a customer as the group of all of
    its tokens, a token as itself."""
    entries = AuthorizationListEntry.objects.filter(location__in=pks)
    customers = entries.filter(customer__emsp__in=sight.emsps).values_list("location_id", "customer_id")
    found: dict[int, list[dict[str, str]]] = {}
    for place, customer in customers.order_by("pk"):
        found.setdefault(place, []).append({"group_id": group_id(customer)})
    if pks and sight.emsps:
        with connection.cursor() as cursor:
            cursor.execute(_CARRIERS, _asked_of(sight, pks))
            for place, uid, type_, visual_number, issuer in cursor.fetchall():
                named = {"uid": uid, "type": ocpi_type(type_, sight.version)}
                if uid is None:
                    named = {"visual_number": visual_number, "issuer": issuer}
                found.setdefault(place, []).append(named)
    return {place: named[:MOST_NAMED] for place, named in found.items()}


def _asked_of(sight: Sight, pks: list[int]) -> dict[str, Any]:
    return {"pks": pks, "emsps": sorted(sight.emsps), "longest": MAX_ID_221, "most": MOST_NAMED}


# A name on a list is an Auth ID where the token has one, and so means every token that carries it.
_CARRIERS = """
    SELECT p.id, n.* FROM unnest(%(pks)s::bigint[]) AS p (id) CROSS JOIN LATERAL (
        SELECT DISTINCT CASE WHEN length(t.uid) <= %(longest)s THEN t.uid END AS uid, t.type, t.visual_number,
            coalesce(nullif(t.issuer, ''), left(e.name, 64)) AS issuer
        FROM (
            SELECT i.token_id FROM authorization_authorizationlistentry i WHERE i.location_id = p.id
            UNION
            SELECT o.id FROM authorization_authorizationlistentry i JOIN tokens_token o ON o.auth_id_normal = i.auth_id
            WHERE i.location_id = p.id
        ) named (token) JOIN tokens_token t ON t.id = named.token JOIN tokens_emsp e ON e.id = t.emsp_id
        WHERE t.emsp_id = ANY (%(emsps)s) AND (length(t.uid) <= %(longest)s OR t.visual_number <> '')
        ORDER BY 1, 2, 3, 4 LIMIT %(most)s
    ) n
"""


def location_object(
    location: Any, version: str = Version.V211, allowed_to: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """A Location object; `location` comes from whole(). allowed_to: in 2.2.1, of one that is not published."""
    at = stamp(location.last_updated)
    cpo = location.cpo
    shape: dict[str, Any] = {"id": location.location_id}
    if version == Version.V211:
        shape["type"] = "UNKNOWN"
    else:
        shape |= {"country_code": cpo.country_code, "party_id": cpo.party_id, "publish": location.published}
        if not location.published and allowed_to:
            shape["publish_allowed_to"] = allowed_to
    if location.name:
        shape["name"] = location.name
    shape |= {
        "address": location.address[:45] or "-",
        "city": location.city[:45] or "-",
        "postal_code": location.postal_code[:10] or "-",
        "country": location.country or ALPHA3.get(cpo.country_code, "XXX"),
        "coordinates": {"latitude": _degrees(location.latitude), "longitude": _degrees(location.longitude)},
        "evses": [evse_object(evse, at, version) for evse in shown_evses(location, version)],
        "operator": {"name": cpo.name[:100] or cpo.code},
        "time_zone": location.time_zone,
        "last_updated": at,
    }
    return shape


def _degrees(value: Any) -> str:
    return f"{value or 0:.6f}"


def shown_evses(location: Any, version: str) -> list[EVSE]:
    return [evse for evse in location.evses.all() if version == Version.V211 or len(evse.uid) <= MAX_ID_221]


def evse_object(evse: EVSE, at: str, version: str) -> dict[str, Any]:
    """An EVSE changes with its location: there is one time for both."""
    shape: dict[str, Any] = {"uid": evse.uid}
    if evse.evse_id:
        shape["evse_id"] = evse.evse_id
    return shape | {"status": "UNKNOWN", "connectors": connector_objects(evse, at, version), "last_updated": at}


def connector_objects(evse: EVSE, at: str, version: str) -> list[dict[str, Any]]:
    """Its connectors as far as the version can say them; where it can say none, the one that says as little as it may.
    They change with their location, as the EVSE does."""
    shown = [_connector(each, version) | {"last_updated": at} for each in evse.connectors if _sayable(each, version)]
    return shown or [placeholder(at, version)]


def _sayable(connector: Connector, version: str) -> bool:
    if version != Version.V211:
        return True
    return connector["standard"] in STANDARDS_211 and connector["power_type"] in POWER_TYPES_211


def _connector(connector: Connector, version: str) -> dict[str, Any]:
    if version != Version.V211:
        return dict(connector)
    shape: dict[str, Any] = {name: connector[name] for name in ("id", "standard", "format", "power_type")}
    shape |= {"voltage": connector["max_voltage"], "amperage": connector["max_amperage"]}
    # Of several tariffs 2.1.1 has room for one.
    if tariffs := connector.get("tariff_ids"):
        shape["tariff_id"] = tariffs[0]
    if terms := connector.get("terms_and_conditions"):
        shape["terms_and_conditions"] = terms
    return shape


def placeholder(at: str, version: str) -> dict[str, Any]:
    """A connector of an EVSE of which none is known: OCPI requires one."""
    most = "" if version == Version.V211 else "max_"
    return {
        "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
        f"{most}voltage": 0, f"{most}amperage": 0, "last_updated": at,
    }  # fmt: skip


def location_named(sight: Sight, location_id: str) -> Any:
    """An address names no party: of several CPOs with the same id the partner's own comes first, then the
    oldest. None where there is none."""
    rows = whole(in_scope(sight).filter(location_id=location_id)).order_by("pk")
    found = list(rows[:100])
    return next((row for row in found if row.cpo_id in sight.own), found[0] if found else None)


class Locations(OcpiView):
    module = Module.LOCATIONS

    def get(self) -> HttpResponse:
        return page(self, "locations/", self._total, self._rows)

    def _total(self, asked: Asked) -> int:
        return _matching(self.sight, asked).count()

    def _rows(self, asked: Asked) -> list[tuple[int, Any]]:
        rows = _matching(self.sight, asked).order_by("pk")
        start = 0 if asked.after is not None else asked.offset
        if asked.after is not None:
            rows = rows.filter(pk__gt=asked.after)
        pks = list(rows.values_list("pk", flat=True)[start : start + asked.limit + 1])
        found = whole(Location.objects.filter(pk__in=pks)).order_by(F("pk"))
        return list(shapes(self.sight, found).items())


class OneLocation(OcpiView):
    """A location, one of its EVSEs, or a connector of one."""

    module = Module.LOCATIONS

    def get(self, location_id: str, evse_uid: str | None = None, connector_id: str | None = None) -> Any:
        location = location_named(self.sight, location_id)
        if location is None:
            raise not_found("location", UNKNOWN_LOCATION)
        if evse_uid is None:
            return shapes(self.sight, [location])[location.pk]
        at = stamp(location.last_updated)
        evse = next((evse for evse in shown_evses(location, self.version) if evse.uid == evse_uid), None)
        if evse is None:
            raise not_found("EVSE", UNKNOWN_LOCATION)
        if connector_id is None:
            return evse_object(evse, at, self.version)
        for connector in connector_objects(evse, at, self.version):
            if connector["id"] == connector_id:
                return connector
        raise not_found("connector", UNKNOWN_LOCATION)
