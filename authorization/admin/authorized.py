"""The lists of a location's Authorization tab: who stands on its authorization list, and who can be put there.

Of another party's token its Auth ID alone is shown, as it was named there; of another's customer, that there is one.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from authorization.models import AuthorizationListEntry
from locations.access import scope_of_request, visible_to
from locations.admin_listing import Column, Listing, MenuItem
from locations.admin_pages import Button
from locations.ids import BadId
from locations.models import Location
from tokens import ids
from tokens.admin_blocking import COLOURS, STATES, state_of
from tokens.admin_listings import by_name
from tokens.models import Customer, Token
from tokens.search import find

NONE = "–"


def entries(request: HttpRequest, location: Location) -> Any:
    """The entries of the location's list; `seen`: whether the user may see the customer or token itself."""
    scope = scope_of_request(request)
    rows = AuthorizationListEntry.objects.filter(location=location).select_related("customer__emsp", "token__customer")
    customers, tokens = (
        visible_to(scope, model._default_manager.filter(pk=OuterRef(column)))
        for model, column in ((Customer, "customer"), (Token, "token"))
    )
    return rows.annotate(seen=Exists(customers) | Exists(tokens)).order_by("pk")


def name_of(entry: Any) -> str:
    if entry.customer_id is not None:
        return str(entry.customer.name) if entry.seen else _("a customer of another party")
    own = (entry.token.auth_id or entry.token.uid) if entry.seen else ""
    return str(own or entry.auth_id_entered or entry.auth_id or _("a charge token of another party"))


def _seen(value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A cell that is empty for whoever may not see what the entry stands for."""
    return lambda entry: (value(entry) if entry.seen else "") or NONE


def _status(about: str) -> Column:
    return Column(
        _("Status"),
        _seen(lambda entry: STATES[state_of(getattr(entry, about))]),
        label=lambda entry: COLOURS[state_of(getattr(entry, about))] if entry.seen else None,
    )


def customers(request: HttpRequest, location: Location, page: Any, changes: bool) -> Listing:
    columns = [
        Column(_("Customer"), name_of),
        Column(_("External ID"), _seen(lambda entry: entry.customer.external_id)),
        Column("eMSP", _seen(lambda entry: entry.customer.emsp)),
        _status("customer"),
        _actions(request, Customer, "customers-form" if changes else ""),
    ]
    found = visible_to(scope_of_request(request), Customer.objects.order_by())
    return Listing(
        request,
        "customers",
        entries(request, location).filter(token=None),
        columns,
        _("No customer is on the list. A customer on it may charge here with all of its charge tokens."),
        _("Authorised customers"),
        lambda rows, term: rows.filter(customer__in=by_name(found, term)),
        _("Name or external ID"),
        add=Button(_("Add customers"), page.address("add-customers", location)) if changes else None,
        menu=_menu("customers") if changes else (),
        select="entry" if changes else "",
        form="customers-form",
    )


def tokens(request: HttpRequest, location: Location, page: Any, changes: bool) -> Listing:
    columns = [
        Column(_("Auth ID"), name_of),
        Column(_("Chip ID"), _seen(lambda entry: entry.token.uid)),
        Column(_("Customer"), _seen(lambda entry: entry.token.customer)),
        _status("token"),
        _actions(request, Token, "tokens-form" if changes else ""),
    ]
    seen = visible_to(scope_of_request(request), Token.objects.order_by())

    def search(rows: Any, term: str) -> Any:
        """By what the user sees of a token; by the Auth ID that stands here in any case."""
        named = Q(token__in=find(seen, term))
        try:
            return rows.filter(named | Q(auth_id__startswith=ids.auth_id(term)))
        except BadId:
            return rows.filter(named)

    return Listing(
        request,
        "tokens",
        entries(request, location).filter(customer=None),
        columns,
        _("No charge token is on the list."),
        _("Authorised charge tokens"),
        search,
        _("Auth ID or Chip ID"),
        add=Button(_("Add charge tokens"), page.address("add-tokens", location)) if changes else None,
        menu=_files(location, changes) + (_menu("tokens") if changes else ()),
        select="entry" if changes else "",
        form="tokens-form",
    )


def _menu(every: str) -> tuple[MenuItem, ...]:
    return MenuItem(_("Remove selected"), "selected", every), MenuItem(_("Remove all"), "all", every)


def _files(location: Location, changes: bool) -> tuple[MenuItem, ...]:
    """In, where the list is the user's to change, and out."""
    address = f"{reverse('admin:imports_import_add')}?kind=authorization_list&location={location.pk}"
    out = {form: reverse("location-export", kwargs={"pk": location.pk, "form": form}) for form in ("csv", "xlsx")}
    exports = (MenuItem(_("Export as CSV"), address=out["csv"]), MenuItem(_("Export as XLSX"), address=out["xlsx"]))
    return (MenuItem(_("Import charge tokens"), address=address), *exports) if changes else exports


def _actions(request: HttpRequest, model: Any, form: str) -> Column:
    """Per row: to be removed, and to the page of what the entry stands for, where the user may open that."""
    about = model._meta.model_name
    opens = admin.site._registry[model].has_view_permission(request)

    def cell(entry: Any) -> SafeString:
        parts: list[SafeString] = []
        if form:
            text = '<button class="cw-link" type="submit" form="{}" name="only" value="{}" aria-label="{}">{}</button>'
            label = _("Remove %(name)s") % {"name": name_of(entry)}
            parts.append(format_html(text, form, entry.pk, label, _("Remove")))
        if opens and entry.seen:
            address = reverse(f"admin:tokens_{about}_change", args=(getattr(entry, f"{about}_id"),))
            label = _("Open %(name)s") % {"name": name_of(entry)}
            text = '<a href="{}" aria-label="{}" title="{}">'
            arrow = '<span class="material-symbols-outlined" aria-hidden="true">arrow_forward</span></a>'
            parts.append(format_html(text + arrow, address, label, label))
        return format_html(
            '<span class="cw-actions">{}</span>', format_html_join("", "{}", ((part,) for part in parts))
        )

    return Column(_("Actions"), cell)


def customers_to_add(request: HttpRequest, location: Location, picked: list[int]) -> Listing:
    listed = Exists(AuthorizationListEntry.objects.filter(location=location, customer=OuterRef("pk")))
    columns = [
        Column(_("Customer"), lambda row: row.name),
        Column(_("External ID"), lambda row: row.external_id or NONE),
        Column("eMSP", lambda row: row.emsp),
    ]
    found = _to_add(request, Customer.objects.select_related("emsp").order_by("name", "pk"), listed, columns, picked)
    found.title, found.search, found.search_label = _("Customers"), by_name, _("Name or external ID")
    found.empty = _("There is no customer whom you may put on a list: eMSPs say whose CPOs may search their customers.")
    return found


def tokens_to_add(request: HttpRequest, location: Location, picked: list[int]) -> Listing:
    here = AuthorizationListEntry.objects.filter(location=location)
    listed = Exists(here.filter(token=OuterRef("pk"))) | Exists(here.filter(auth_id=OuterRef("auth_id_normal")))
    columns = [
        Column(_("Auth ID"), lambda row: row.auth_id or NONE),
        Column(_("Chip ID"), lambda row: row.uid or NONE),
        Column(_("Type"), lambda row: row.get_type_display()),
        Column(_("Customer"), lambda row: row.customer or NONE),
    ]
    found = _to_add(request, Token.objects.select_related("customer").order_by("-pk"), listed, columns, picked)
    found.title, found.search, found.search_label = _("Charge tokens"), find, _("Auth ID or Chip ID")
    found.empty = _("There is no charge token that you may search for. Enter its Auth ID above.")
    return found


def _to_add(request: HttpRequest, rows: Any, listed: Any, columns: list[Column], picked: list[int]) -> Listing:
    """Those that the user may put on a list, to be ticked; `listed`: whether one is on it already."""
    rows = visible_to(scope_of_request(request), rows).annotate(listed=listed)
    columns = [
        *columns,
        Column(_("Status"), lambda row: STATES[state_of(row)], label=lambda row: COLOURS[state_of(row)]),
        Column(_("On the list"), lambda row: _("already") if row.listed else NONE),
    ]
    return Listing(
        request,
        "found",
        rows,
        columns,
        "",
        select=rows.model._meta.model_name,
        form="add",
        key=lambda row: None if row.listed else row.pk,
        posts=True,
        picked=picked,
    )
