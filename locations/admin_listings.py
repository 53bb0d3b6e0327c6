"""Lists of places inside the pages of what they belong to."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from locations import ids
from locations.access import managed_by, scope_of_request, visible_to
from locations.admin_listing import Column, Listing
from locations.admin_pages import Button
from locations.connectors import described
from locations.models import CPO, EVSE, ChargeStation, Location


def locations_of(request: HttpRequest, cpo: CPO) -> Listing:
    rows = managed_by(scope_of_request(request), Location.objects.filter(cpo=cpo))
    columns = [
        Column(_("Name"), str, address_of),
        Column(_("Location ID"), lambda location: location.location_id),
        Column(_("City"), lambda location: location.city or "–"),
    ]
    return Listing(
        request,
        "locations",
        rows,
        columns,
        _("No charge location yet."),
        _("Charge locations"),
        lambda found, term: found.filter(Q(name__icontains=term) | Q(city__icontains=term) | Q(location_id=term)),
        _("Name, city or location ID"),
        add=add_button(request, _("Add charge location"), Location, cpo=cpo.pk),
    )


def cpos_below(request: HttpRequest, cpo: CPO) -> Listing:
    rows = managed_by(scope_of_request(request), CPO.objects.filter(parent=cpo))
    columns = [Column(_("Name"), lambda below: below.name, address_of), Column(_("Party"), lambda below: below.code)]
    add = add_button(request, _("Add sub-CPO"), CPO, parent=cpo.pk)
    return Listing(request, "cpos", rows, columns, _("No CPO below this one."), _("Sub-CPOs"), add=add)


def stations_of(request: HttpRequest, location: Location) -> Listing:
    rows = visible_to(scope_of_request(request), ChargeStation.objects.filter(location=location))
    columns = [
        Column(_("Identity"), lambda station: station.identity, address_of),
        Column(
            _("Access"), access_of, label=lambda station: "default" if station.authorization_required else "warning"
        ),
    ]
    return Listing(
        request,
        "stations",
        rows,
        columns,
        _("No charge station yet."),
        _("Charge stations"),
        _by_identity,
        _("Identity, from its beginning"),
        add=add_button(request, _("Add charge station"), ChargeStation, location=location.pk),
    )


def evses_of(request: HttpRequest, location: Location, station: ChargeStation | None = None) -> Listing:
    """Those of a location, or of one of its stations."""
    rows = visible_to(scope_of_request(request), EVSE.objects.filter(location=location)).select_related("station")
    of: dict[str, int] = {"location": location.pk}
    columns = [Column(_("EVSE ID"), str, address_of), Column("UID", lambda evse: evse.uid)]
    if station is not None:
        rows, of = rows.filter(station=station), of | {"station": station.pk}
        empty = _("No EVSE yet: a charger that is asked for names this station.")
    else:
        columns.append(
            Column(
                _("Charge station"),
                lambda evse: evse.station or "–",
                lambda evse: address_of(evse.station) if evse.station else None,
            )
        )
        empty = _("No EVSE yet.")
    columns.append(Column(_("Connectors"), lambda evse: described(evse.connectors) or "–"))
    return Listing(
        request,
        "evses",
        rows,
        columns,
        empty,
        _("EVSEs"),
        _by_evse_id,
        _("EVSE ID from its beginning, or a UID"),
        add=add_button(request, _("Add EVSE"), EVSE, **of),
    )


def access_of(station: ChargeStation) -> str:
    return _("authorization required") if station.authorization_required else _("free, without a card")


def address_of(row: Any) -> str:
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(row.pk,))


def add_button(request: HttpRequest, title: str, model: Any, **of: int) -> Button | None:
    """To a new object with these references filled in; None where the user may not make one."""
    if not admin.site._registry[model].has_add_permission(request):
        return None
    options = model._meta
    return Button(title, f"{reverse(f'admin:{options.app_label}_{options.model_name}_add')}?{urlencode(of)}")


def _by_identity(rows: Any, term: str) -> Any:
    try:
        return rows.filter(identity_normal__startswith=ids.identity(term))
    except ids.BadId:
        return rows.none()


def _by_evse_id(rows: Any, term: str) -> Any:
    named = Q(uid=term)
    try:
        return rows.filter(named | Q(evse_id_normal__startswith=beginning(ids.evse_id(term))))
    except ids.BadId:
        return rows.filter(named)


def beginning(normal: str) -> str:
    """An EVSE ID of the ISO form is kept without separators, also where only its beginning is known."""
    return normal.replace("*", "") if normal[:2].isalpha() else normal
