"""Pages of eMSPs, customers, drivers and charge tokens, with what exceptions, lists and the log have of them."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorization.admin.tabs import EXCEPTIONS, LOG, Touched
from authorization.models import AuthorizationListEntry
from authorization.services.names import TAKEN, may_carry
from locations.access import Scope, managed_by, scope_of_request, visible_to
from locations.admin_format import moment
from locations.admin_listing import Column, Listing
from locations.admin_pages import ObjectPage
from locations.models import Location
from tokens.admin import CustomerAdmin, DriverAdmin, EMSPAdmin, TokenAdmin, TokenForm
from tokens.models import EMSP, Customer, Driver, Token

LISTS = ObjectPage("locations", gettext_lazy("Locations"), "locations.view_location")


class Named(Touched):
    """With a tab of the authorization lists that name it."""

    def locations_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        listing = lists_listing(request, obj)
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="locations")


def lists_listing(request: HttpRequest, obj: Customer | Token) -> Listing:
    """The authorization lists that name a customer, or a token by itself or its Auth ID, at locations the user sees."""
    scope = scope_of_request(request)
    places = visible_to(scope, Location.objects.order_by())
    own = Exists(managed_by(scope, Location.objects.filter(pk=OuterRef("location"))).order_by())
    entries = AuthorizationListEntry.objects.filter(_naming(obj), location__in=places).annotate(own=own)

    def link(entry: Any) -> str | None:
        return reverse("admin:locations_location_change", args=(entry.location_id,)) if entry.own else None

    return Listing(
        request,
        "lists",
        entries.select_related("location__cpo").order_by("-pk"),
        [
            Column(_("Location"), lambda entry: entry.location, link),
            Column("CPO", lambda entry: entry.location.cpo),
            Column(_("On the list since (UTC)"), lambda entry: moment(entry.added_at)),
        ],
        _("No authorization list names it."),
        _("Authorization lists"),
        lambda rows, term: rows.filter(location__name__icontains=term),
        _("Name of a location"),
    )


def _naming(obj: Customer | Token) -> Q:
    if isinstance(obj, Customer):
        return Q(customer=obj)
    return Q(auth_id=obj.auth_id_normal) if obj.auth_id_normal else Q(token=obj)


class EMSPPages(Touched, EMSPAdmin):
    about = "emsp"
    object_pages = (*EMSPAdmin.object_pages, EXCEPTIONS, LOG)


class CustomerPages(Named, CustomerAdmin):
    about = "customer"
    object_pages = (*CustomerAdmin.object_pages, EXCEPTIONS, LISTS, LOG)


class DriverPages(Touched, DriverAdmin):
    about = "driver"
    object_pages = (*DriverAdmin.object_pages, EXCEPTIONS, LOG)


class CarriedForm(TokenForm):
    """A charge token whose Auth ID is the user's to give."""

    scope: Scope

    def _post_clean(self) -> None:
        row = Token.objects.filter(pk=self.instance.pk).values_list("auth_id", "emsp_id").first()
        super()._post_clean()  # type: ignore[misc]
        if not self.errors and not may_carry(self.instance, self.scope, row or (None, None)):
            self.add_error("auth_id", TAKEN)


class TokenPages(Named, TokenAdmin):
    about = "token"
    form = CarriedForm
    object_pages = (*TokenAdmin.object_pages, EXCEPTIONS, LISTS, LOG)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"scope": scope_of_request(request)})


admin.site.register(EMSP, EMSPPages)
admin.site.register(Customer, CustomerPages)
admin.site.register(Driver, DriverPages)
admin.site.register(Token, TokenPages)
