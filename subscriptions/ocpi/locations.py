"""`locations`: the places in scope, as OCPI 2.1.1 `mod_locations` shows them.

The portal keeps who may charge where, not what a place has to offer. What OCPI requires and the portal does not know is
said as plainly as the format allows: status UNKNOWN, type UNKNOWN, "-" for a missing line of the address, 0.000000 for
missing coordinates, and for each EVSE one connector of no voltage and no amperage.
"""

from datetime import UTC, datetime
from typing import Any

from django.db.models import DateTimeField, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse

from authorization.models import AuthorizationListEntry
from locations.countries import ALPHA3
from locations.models import EVSE, Location
from subscriptions.models import LocationStamp, Module, Role
from subscriptions.ocpi.envelope import UNKNOWN_LOCATION, OcpiView, not_found, stamp
from subscriptions.ocpi.pages import Asked, page
from subscriptions.services import Sight
from tokens.models import Token

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONNECTOR = "1"


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


def location_object(location: Any) -> dict[str, Any]:
    """A Location object; `location` comes from whole()."""
    at = stamp(location.last_updated)
    cpo = location.cpo
    shape: dict[str, Any] = {"id": location.location_id, "type": "UNKNOWN"}
    if location.name:
        shape["name"] = location.name
    shape |= {
        "address": location.address[:45] or "-",
        "city": location.city[:45] or "-",
        "postal_code": location.postal_code[:10] or "-",
        "country": location.country or ALPHA3.get(cpo.country_code, "XXX"),
        "coordinates": {"latitude": _degrees(location.latitude), "longitude": _degrees(location.longitude)},
        "evses": [evse_object(evse, at) for evse in location.evses.all()],
        "operator": {"name": cpo.name[:100] or cpo.code},
        "time_zone": location.time_zone,
        "last_updated": at,
    }
    return shape


def _degrees(value: Any) -> str:
    return f"{value or 0:.6f}"


def evse_object(evse: EVSE, at: str) -> dict[str, Any]:
    """An EVSE changes with its location: there is one time for both."""
    shape: dict[str, Any] = {"uid": evse.uid}
    if evse.evse_id:
        shape["evse_id"] = evse.evse_id
    return shape | {"status": "UNKNOWN", "connectors": [connector_object(at)], "last_updated": at}


def connector_object(at: str) -> dict[str, Any]:
    return {
        "id": CONNECTOR, "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
        "voltage": 0, "amperage": 0, "last_updated": at,
    }  # fmt: skip


def location_named(sight: Sight, location_id: str) -> Any:
    """In 2.1.1 an address names no party: of several CPOs with the same id the partner's own comes first, then the
    oldest. None where there is none."""
    rows = whole(in_scope(sight).filter(location_id=location_id)).order_by("pk")
    found = list(rows[:100])
    return next((row for row in found if row.cpo_id in sight.own), found[0] if found else None)


class Locations(OcpiView):
    module = Module.LOCATIONS

    def get(self) -> HttpResponse:
        return page(self, "2.1.1/locations/", self._total, self._rows)

    def _total(self, asked: Asked) -> int:
        return _matching(self.sight, asked).count()

    def _rows(self, asked: Asked) -> list[tuple[int, Any]]:
        rows = _matching(self.sight, asked).order_by("pk")
        start = 0 if asked.after is not None else asked.offset
        if asked.after is not None:
            rows = rows.filter(pk__gt=asked.after)
        pks = list(rows.values_list("pk", flat=True)[start : start + asked.limit + 1])
        found = whole(Location.objects.filter(pk__in=pks)).order_by(F("pk"))
        return [(row.pk, location_object(row)) for row in found]


class OneLocation(OcpiView):
    """A location, one of its EVSEs, or the connector of one."""

    module = Module.LOCATIONS

    def get(self, location_id: str, evse_uid: str | None = None, connector_id: str | None = None) -> Any:
        location = location_named(self.sight, location_id)
        if location is None:
            raise not_found("location", UNKNOWN_LOCATION)
        if evse_uid is None:
            return location_object(location)
        at = stamp(location.last_updated)
        for evse in location.evses.all():
            if evse.uid == evse_uid and connector_id in (None, CONNECTOR):
                return evse_object(evse, at) if connector_id is None else connector_object(at)
        raise not_found("EVSE" if connector_id is None else "connector", UNKNOWN_LOCATION)
