"""The lists of a location's Authorization tab: who stands on its authorization list, and who can be put there.

Of another party's token its Auth ID alone is shown, as it was named there; of another's customer, that there is one.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from authorization.models import AuthorizationListEntry
from locations.access import scope_of_request, visible_to
from locations.admin_listing import Column, Listing, MenuItem
from locations.admin_pages import Button
from locations.ids import BadId
from locations.models import Location
from tokens import ids
from tokens.models import Customer, Token
from tokens.search import begins

COLOURS = {True: "danger", False: "success"}


def entries(location: Location) -> Any:
    return AuthorizationListEntry.objects.filter(location=location).order_by("pk")


def customers(request: HttpRequest, location: Location, page: Any, changes: bool) -> Listing:
    seen = visible_to(scope_of_request(request), Customer.objects.all())
    rows = entries(location).filter(token=None).select_related("customer__emsp")
    columns = [
        Column(_("Customer"), customer_name),
        Column(_("External ID"), lambda entry: (entry.seen and entry.customer.external_id) or "–"),
        Column("eMSP", lambda entry: entry.customer.emsp if entry.seen else "–"),
        Column(_("Status"), lambda entry: _status(entry.customer.blocked) if entry.seen else "–", label=lambda entry: COLOURS[entry.customer.blocked] if entry.seen else None),
        Column(_("Actions"), lambda entry: _actions(request, entry, Customer, customer_name(entry), "customers-form" if changes else "")),
    ]  # fmt: skip
    return Listing(
        request,
        "customers",
        rows.annotate(seen=Exists(seen.filter(pk=OuterRef("customer")))),
        columns,
        _("No customer is on the list. Customers put here may charge with any of their charge tokens."),
        _("Authorised customers"),
        lambda found, term: found.filter(customer__in=_found(request, Customer, seen, term)),
        _("Name or external ID"),
        add=Button(_("Add customers"), page.address("add-customers", location)) if changes else None,
        menu=_menu("customers") if changes else (),
        **_selection("customers", changes),
    )


def tokens(request: HttpRequest, location: Location, page: Any, changes: bool) -> Listing:
    seen = visible_to(scope_of_request(request), Token.objects.all())
    rows = entries(location).filter(customer=None).select_related("token__customer")
    columns = [
        Column(_("Auth ID"), token_name),
        Column(_("Chip ID"), lambda entry: (entry.seen and entry.token.uid) or "–"),
        Column(_("Customer"), lambda entry: (entry.seen and entry.token.customer) or "–"),
        Column(_("Status"), token_status, label=lambda entry: TOKEN_COLOURS[state_of(entry.token)] if entry.seen else None),
        Column(_("Actions"), lambda entry: _actions(request, entry, Token, token_name(entry), "tokens-form" if changes else "")),
    ]  # fmt: skip

    def search(found: Any, term: str) -> Any:
        named = Q(token__in=_found(request, Token, seen, term))
        try:
            return found.filter(named | Q(auth_id__startswith=ids.auth_id(term)))
        except BadId:
            return found.filter(named)

    return Listing(
        request,
        "tokens",
        rows.annotate(seen=Exists(seen.filter(pk=OuterRef("token")))),
        columns,
        _("No charge token is on the list."),
        _("Authorised charge tokens"),
        search,
        _("Auth ID or Chip ID"),
        add=Button(_("Add charge tokens"), page.address("add-tokens", location)) if changes else None,
        menu=(*_imports(location), *_menu("tokens")) if changes else (),
        **_selection("tokens", changes),
    )
