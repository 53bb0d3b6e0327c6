"""Pages of the eMSPs: eMSPs, customers, drivers, charge tokens.

authorization.admin.cards registers them, with the tabs that say what exceptions, lists and the log have of them.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from locations.access import managed_by, scope_of_request
from locations.admin import search_party
from locations.admin_base import display
from locations.admin_listing import Listing
from locations.admin_pages import ObjectPage
from locations.admin_scope import PartyFilter
from tokens import ids, services
from tokens.access import emsps
from tokens.admin_blocking import BlockingAdmin
from tokens.admin_directory import DirectoryPage
from tokens.admin_listings import customers_listing, drivers_listing, tokens_listing
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token
from tokens.search import find

CUSTOMERS = ObjectPage("customers", gettext_lazy("Customers"), "tokens.view_customer")
DRIVERS = ObjectPage("drivers", gettext_lazy("Drivers"), "tokens.view_driver")
TOKENS = ObjectPage("tokens", gettext_lazy("Charge tokens"), "tokens.view_token")


def adds(request: HttpRequest, obj: Any, model: str) -> bool:
    """Whether the user may add such a thing to what is the object's."""
    scope = scope_of_request(request)
    return scope.may(f"tokens.add_{model}") and managed_by(scope, type(obj)._default_manager.filter(pk=obj.pk)).exists()


class OfEmspAdmin(BlockingAdmin):
    """What an eMSP's managers keep themselves."""

    managers_write = True

    def listing_page(self, request: HttpRequest, obj: Any, at: str, listing: Listing) -> HttpResponse:
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at=at)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Who has one eMSP alone need not look for it."""
        own = emsps(scope_of_request(request))
        return ({"emsp": next(iter(own))} if len(own) == 1 else {}) | super().get_changeform_initial_data(request)


class EMSPAdmin(DirectoryPage, BlockingAdmin):
    owner = "emsp"
    object_pages = (*BlockingAdmin.object_pages, CUSTOMERS, TOKENS, *DirectoryPage.object_pages)
    history_parts = ((DirectoryGrant, "emsp"),)
    empty = gettext_lazy("eMSPs hand out charge tokens to their customers and drivers.")
    list_display = ("name", "party", "status")
    list_filter = (("blocked", BooleanRadioFilter),)
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name or party, like NL-TNM")
    fieldsets = ((None, {"fields": ("name", ("country_code", "party_id"))}),)
    refusals = {
        "emsp_party_is_unique": ("party_id", None),
        "directory_is_granted_once": (None, None),
    }

    @display(description=gettext_lazy("Party"), label=True)
    def party(self, emsp: EMSP) -> str:
        return emsp.code

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        return (search_party(queryset, term) if term else queryset), False

    def notices(self, request: HttpRequest, obj: EMSP) -> list[tuple[str, str]]:
        return [("warning", _("Blocked: every charge token of this eMSP is refused."))] if obj.blocked else []

    def customers_page(self, request: HttpRequest, obj: EMSP) -> HttpResponse:
        listing = customers_listing(request, adds=adds(request, obj, "customer"), emsp=obj)
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="customers")

    def tokens_page(self, request: HttpRequest, obj: EMSP) -> HttpResponse:
        listing = tokens_listing(request, adds=adds(request, obj, "token"), emsp=obj)
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="tokens")


class CustomerAdmin(OfEmspAdmin):
    owner = "customer"
    object_pages = (*BlockingAdmin.object_pages, DRIVERS, TOKENS)
    empty = gettext_lazy(
        "Customers have a contract with an eMSP: companies, or people. A list or a group that names one names all its "
        "charge tokens."
    )
    list_display = ("name", "external_id", "emsp", "status")
    sortable_by = ("name",)
    list_select_related = ("emsp",)
    list_filter = (("emsp", PartyFilter), ("blocked", BooleanRadioFilter))
    search_fields = ("name", "external_id")
    search_help_text = gettext_lazy("Name or external ID")
    autocomplete_fields = ("emsp",)
    fieldsets = ((None, {"fields": ("name", ("emsp", "external_id"))}),)
    refusals = {
        "customer_external_id_is_unique_per_emsp": ("external_id", None),
        "token_customer_of_its_emsp": (
            "emsp",
            gettext_lazy(
                "This customer has charge tokens of its present eMSP: a token and its customer are of one eMSP."
            ),
        ),
    }

    def notices(self, request: HttpRequest, obj: Customer) -> list[tuple[str, str]]:
        if obj.emsp.blocked:
            text = _("%(owner)s is blocked, and so every charge token of this customer.")
            return [("warning", text % {"owner": obj.emsp})]
        return [("warning", _("Blocked: every charge token of this customer is refused."))] if obj.blocked else []

    def drivers_page(self, request: HttpRequest, obj: Customer) -> HttpResponse:
        return self.listing_page(
            request, obj, "drivers", drivers_listing(request, adds=adds(request, obj, "driver"), customer=obj)
        )

    def tokens_page(self, request: HttpRequest, obj: Customer) -> HttpResponse:
        return self.listing_page(
            request, obj, "tokens", tokens_listing(request, adds=adds(request, obj, "token"), customer=obj)
        )


class DriverAdmin(OfEmspAdmin):
    owner = "driver"
    object_pages = (*BlockingAdmin.object_pages, TOKENS)
    empty = gettext_lazy("Drivers carry charge tokens of a customer. Whoever is blocked charges with none of them.")
    list_display = ("name", "external_id", "customer", "emsp", "status")
    sortable_by = ("name",)
    list_select_related = ("customer__emsp",)
    list_filter = (("customer", PartyFilter), ("blocked", BooleanRadioFilter))
    search_fields = ("name", "external_id")
    search_help_text = gettext_lazy("Name or external ID")
    autocomplete_fields = ("customer",)
    fieldsets = ((None, {"fields": ("name", ("customer", "external_id"))}),)
    refusals = {
        "driver_external_id_is_unique_per_customer": ("external_id", None),
        "token_driver_of_its_customer": (
            "customer",
            gettext_lazy("This driver has charge tokens of the present customer: take them off the driver first."),
        ),
    }

    @display(description="eMSP")
    def emsp(self, driver: Driver) -> str:
        return str(driver.customer.emsp)

    def notices(self, request: HttpRequest, obj: Driver) -> list[tuple[str, str]]:
        for owner in (obj.customer, obj.customer.emsp):
            if owner.blocked:
                text = _("%(owner)s is blocked, and so every charge token of this driver.")
                return [("warning", text % {"owner": owner})]
        return [("warning", _("Blocked: every charge token of this driver is refused."))] if obj.blocked else []

    def tokens_page(self, request: HttpRequest, obj: Driver) -> HttpResponse:
        return self.listing_page(
            request, obj, "tokens", tokens_listing(request, adds=adds(request, obj, "token"), driver=obj)
        )


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A charge token, under the rules of a change that the API has too."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        given = {name: cleaned[name] for name in cleaned if name in self.changed_data or self.instance._state.adding}
        before = Token.objects.filter(pk=self.instance.pk).first() or Token()
        try:
            cleaned.update(services.whole_change(before, given))
        except ValidationError as error:
            # A field that is wrong in itself is not missing too.
            if not self.errors:
                self.add_error(None, error)
        return cleaned


class TokenAdmin(OfEmspAdmin):
    form = TokenForm
    empty = gettext_lazy(
        "Charge tokens are what drivers present: cards, key fobs, apps, contracts. Many come as a file: Import charge "
        "tokens, on the page of their eMSP."
    )
    list_display = ("name", "chip", "type", "emsp", "customer", "driver", "status")
    list_select_related = ("emsp", "customer", "driver")
    list_filter = (
        ("emsp", PartyFilter),
        ("customer", PartyFilter),
        ("type", ChoicesDropdownFilter),
        ("valid", BooleanRadioFilter),
        ("external", BooleanRadioFilter),
    )
    # No index would serve another order of a million rows.
    ordering = ("-pk",)
    sortable_by = ()
    search_fields = ("auth_id", "uid")
    search_help_text = gettext_lazy("Auth ID or Chip ID from its beginning, or the number printed on the card")
    autocomplete_fields = ("emsp", "customer", "driver")
    fieldsets = (
        (None, {"fields": ("type", ("auth_id", "uid"), "emsp", ("customer", "driver"))}),
        (
            gettext_lazy("Validity"),
            {"fields": ("whitelist", "expires_at"), "description": gettext_lazy("Times are in UTC.")},
        ),
        (gettext_lazy("Card"), {"fields": (("visual_number", "issuer"), "language")}),
    )
    refusals = {
        "token_uid_is_unique": ("uid", gettext_lazy("This Chip ID is taken.")),
        "external_token_is_unique": ("auth_id", None),
        "blacklisted_token_stays": (None, None),
        "token_customer_of_its_emsp": ("customer", gettext_lazy("This customer belongs to another eMSP.")),
        "token_driver_of_its_customer": ("driver", gettext_lazy("This driver belongs to another customer.")),
    }

    @display(description="Auth ID")
    def name(self, token: Token) -> str:
        return token.auth_id or "–"

    @display(description="Chip ID")
    def chip(self, token: Token) -> str:
        return token.uid or "–"

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> Any:
        # An external token is a name on a list; it becomes an eMSP's by creating that eMSP's token.
        named = ("type", "auth_id", "uid", "emsp", "customer", "driver") if obj is not None and obj.external else ()
        return (*super().get_readonly_fields(request, obj), *named)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        """By an id in its normal form; only where none begins so, by the printed number or a customer."""
        if not term:
            return queryset, False
        found = find(queryset, term)
        if found.exists():
            return found, False
        named = Customer.objects.filter(name__icontains=term).order_by()
        customers = list(named.values_list("pk", flat=True)[:100])
        return queryset.filter(Q(customer__in=customers)), False

    def notices(self, request: HttpRequest, obj: Token) -> list[tuple[str, str]]:
        if obj.external:
            return [("info", _("External: known only by its Auth ID, because a list or a group names it."))]
        if not obj.valid:
            return [("warning", _("Blocked: this charge token is refused everywhere."))]
        blocked = [owner for owner in (obj.driver, obj.customer, obj.emsp) if owner is not None and owner.blocked]
        text = _("%(owner)s is blocked, and so this charge token.")
        return [("warning", text % {"owner": owner}) for owner in blocked[:1]]

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        if not change:
            services.take_over_external([obj])
        super().save_model(request, obj, form, change)
        if "auth_id" in form.changed_data and obj.auth_id and (warning := ids.auth_id_warning(obj.auth_id)):
            self.message_user(request, warning, messages.WARNING)
