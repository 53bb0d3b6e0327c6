"""Lists of customers, drivers and charge tokens inside the pages of what they belong to."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from locations.access import scope_of_request, visible_to
from locations.admin_listing import Column, Listing
from locations.admin_pages import Button
from tokens.admin_blocking import COLOURS, STATES, state_of
from tokens.models import Customer, Driver, Token
from tokens.search import find

NAMES = gettext_noop("Name or external ID")


def customers_listing(request: HttpRequest, *, adds: bool = False, **of: Any) -> Listing:
    """The customers of an eMSP (`emsp=…`) that the user may see. adds: with a button that makes one."""
    rows = visible_to(scope_of_request(request), Customer.objects.filter(**of)).order_by("name", "pk")
    columns = [
        Column(_("Name"), str, lambda row: _page("customer", row.pk)),
        Column(_("External ID"), lambda row: row.external_id or "–"),
        _status(),
    ]
    empty = _("No customer yet.")
    return Listing(request, "customers", rows, columns, empty, _("Customers"), by_name, _("Name or external ID"))


def drivers_listing(request: HttpRequest, *, adds: bool = False, **of: Any) -> Listing:
    """The drivers of a customer (`customer=…`) that the user may see."""
    rows = visible_to(scope_of_request(request), Driver.objects.filter(**of)).order_by("name", "pk")
    columns = [
        Column(_("Name"), str, lambda row: _page("driver", row.pk)),
        Column(_("External ID"), lambda row: row.external_id or "–"),
        _status(),
    ]
    add = _add(_("Add driver"), "driver", of) if adds else None
    return Listing(request, "drivers", rows, columns, _("No driver yet."), _("Drivers"), by_name, _(NAMES), add=add)


def tokens_listing(request: HttpRequest, *, adds: bool = False, **of: Any) -> Listing:
    """The charge tokens of an eMSP, a customer or a driver that the user may see, newest first."""
    rows = visible_to(scope_of_request(request), Token.objects.filter(**of)).order_by("-pk")
    columns = [
        Column(_("Auth ID"), lambda row: row.auth_id or "–", lambda row: _page("token", row.pk)),
        Column(_("Chip ID"), lambda row: row.uid or "–", lambda row: _page("token", row.pk)),
        Column(_("Type"), lambda row: row.get_type_display()),
    ]
    if "driver" not in of:
        columns.append(
            Column(
                _("Driver"),
                lambda row: row.driver or "–",
                lambda row: _page("driver", row.driver_id) if row.driver_id else None,
            )
        )
    return Listing(
        request,
        "tokens",
        rows.select_related("driver"),
        [*columns, _status()],
        _("No charge token yet."),
        _("Charge tokens"),
        find,
        _("Auth ID, Chip ID or printed number"),
        add=_add(_("Add charge token"), "token", of) if adds else None,
    )


def _add(title: str, model: str, of: dict[str, Any]) -> Button:
    """To the form of a new one, with its owner filled in."""
    owner = urlencode({name: row.pk for name, row in of.items()})
    return Button(title, f"{reverse(f'admin:tokens_{model}_add')}?{owner}")


def by_name(rows: Any, term: str) -> Any:
    return rows.filter(Q(name__icontains=term) | Q(external_id__icontains=term))


def _status() -> Column:
    return Column(_("Status"), lambda row: STATES[state_of(row)], label=lambda row: COLOURS[state_of(row)])


def _page(model: str, pk: int) -> str:
    return reverse(f"admin:tokens_{model}_change", args=(pk,))
