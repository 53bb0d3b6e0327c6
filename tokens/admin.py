"""Pages of the eMSPs: eMSPs, customers, drivers, charge tokens."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from locations.admin import search_party
from locations.admin_base import GrantedAdmin, ScopedAdmin, ScopedInline, display
from locations.admin_scope import PartyFilter, may_name
from tokens import ids
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token
from tokens.search import begins, exactly

BLOCKED = {"blocked": "danger", "not blocked": "success"}


class BlockedColumn:
    """A column that says whether the row's tokens are refused."""

    @display(description="Status", label=BLOCKED, ordering="blocked")
    def status(self, obj: Any) -> str:
        return "blocked" if obj.blocked else "not blocked"


may_name(DirectoryGrant, "cpo")


class DirectoryInline(ScopedInline):
    model = DirectoryGrant
    fields = ("cpo", "enabled")
    autocomplete_fields = ("cpo",)
    verbose_name = "CPO that may search this directory"
    verbose_name_plural = "CPOs that may search this directory"


@admin.register(EMSP)
class EMSPAdmin(BlockedColumn, GrantedAdmin):
    list_display = ("name", "party", "status")
    list_filter = (("blocked", BooleanRadioFilter),)
    search_fields = ("name",)
    search_help_text = "Name or party, like NL-TNM"
    inlines = (DirectoryInline,)
    fieldsets = ((None, {"fields": ("name", ("country_code", "party_id"), "blocked")}),)
    refusals = {"emsp_party_is_unique": ("party_id", None)}

    @display(description="Party", label=True)
    def party(self, emsp: EMSP) -> str:
        return emsp.code

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        return (search_party(queryset, term) if term else queryset), False

    def notices(self, request: HttpRequest, obj: EMSP) -> list[tuple[str, str]]:
        return [("warning", "Blocked: every charge token of this eMSP is refused.")] if obj.blocked else []


@admin.register(Customer)
class CustomerAdmin(BlockedColumn, ScopedAdmin):
    list_display = ("name", "external_id", "emsp", "status")
    list_select_related = ("emsp",)
    list_filter = (("emsp", PartyFilter), ("blocked", BooleanRadioFilter))
    search_fields = ("name", "external_id")
    search_help_text = "Name or external ID"
    autocomplete_fields = ("emsp",)
    fieldsets = ((None, {"fields": ("name", ("emsp", "external_id"), "blocked")}),)
    refusals = {
        "customer_external_id_is_unique_per_emsp": ("external_id", None),
        "token_customer_of_its_emsp": (
            "emsp",
            "This customer has charge tokens of its present eMSP: a token and its customer are of one eMSP.",
        ),
    }

    def notices(self, request: HttpRequest, obj: Customer) -> list[tuple[str, str]]:
        if obj.emsp.blocked:
            return [("warning", f"{obj.emsp} is blocked, and so every charge token of this customer.")]
        return [("warning", "Blocked: every charge token of this customer is refused.")] if obj.blocked else []


@admin.register(Driver)
class DriverAdmin(BlockedColumn, ScopedAdmin):
    list_display = ("name", "external_id", "customer", "emsp", "status")
    list_select_related = ("customer__emsp",)
    list_filter = (("customer", PartyFilter), ("blocked", BooleanRadioFilter))
    search_fields = ("name", "external_id")
    search_help_text = "Name or external ID"
    autocomplete_fields = ("customer",)
    fieldsets = ((None, {"fields": ("name", ("customer", "external_id"), "blocked")}),)
    refusals = {
        "driver_external_id_is_unique_per_customer": ("external_id", None),
        "token_driver_of_its_customer": (
            "customer",
            "This driver has charge tokens of the present customer: take them off the driver first.",
        ),
    }

    @display(description="eMSP")
    def emsp(self, driver: Driver) -> str:
        return str(driver.customer.emsp)


@admin.register(Token)
class TokenAdmin(ScopedAdmin):
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
    search_help_text = "Auth ID or Chip ID from its beginning, or the number printed on the card"
    autocomplete_fields = ("emsp", "customer", "driver")
    fieldsets = (
        (None, {"fields": ("type", ("auth_id", "uid"), "emsp", ("customer", "driver"))}),
        ("Validity", {"fields": (("valid", "whitelist"), "expires_at"), "description": "Times are in UTC."}),
        ("Card", {"fields": (("visual_number", "issuer"), "language")}),
    )
    refusals = {
        "token_uid_is_unique": ("uid", "This Chip ID is taken."),
        "external_token_is_unique": ("auth_id", None),
        "blacklisted_token_stays": (None, None),
        "token_customer_of_its_emsp": ("customer", "This customer belongs to another eMSP."),
        "token_driver_of_its_customer": ("driver", "This driver belongs to another customer."),
    }

    @display(description="Auth ID")
    def name(self, token: Token) -> str:
        return token.auth_id or "–"

    @display(description="Chip ID")
    def chip(self, token: Token) -> str:
        return token.uid or "–"

    @display(description="Status", label={"valid": "success", "blocked": "danger", "external": "info"})
    def status(self, token: Token) -> str:
        return "blocked" if not token.valid else "external" if token.external else "valid"

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> Any:
        # An external token is a name on a list; it becomes an eMSP's by creating that eMSP's token.
        named = ("type", "auth_id", "uid", "emsp", "customer", "driver") if obj is not None and obj.external else ()
        return (*super().get_readonly_fields(request, obj), *named)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        """By an id in its normal form; only where none begins so, by the printed number or a customer."""
        if not term:
            return queryset, False
        # The whole id first: that is one look into each index, whatever the database's collation.
        for match in (exactly, begins):
            named = queryset.filter(match(term))
            if named.exists():
                return named, False
        customers = list(Customer.objects.filter(name__icontains=term).order_by().values_list("pk", flat=True)[:100])
        return queryset.filter(Q(visual_number=term) | Q(customer__in=customers)), False

    def notices(self, request: HttpRequest, obj: Token) -> list[tuple[str, str]]:
        if obj.external:
            return [("info", "External: known only by its Auth ID, because a list or a group names it.")]
        if not obj.valid:
            return [("warning", "Blocked: this charge token is refused everywhere.")]
        owners = [owner for owner in (obj.driver, obj.customer, obj.emsp) if owner is not None and owner.blocked]
        return [("warning", f"{owner} is blocked, and so this charge token.") for owner in owners[:1]]

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "auth_id" in form.changed_data and obj.auth_id and (warning := ids.auth_id_warning(obj.auth_id)):
            self.message_user(request, warning, messages.WARNING)
