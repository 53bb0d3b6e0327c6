"""A location's page, with its authorization list: who may charge there when it is private."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter

from authorization.admin.sentences import location_state
from authorization.models import AuthorizationListEntry
from locations.access import scope_of_request
from locations.admin import LocationAdmin
from locations.admin_base import AddAndRemoveInline, display
from locations.admin_scope import may_name
from locations.models import Location

LISTED = Exists(AuthorizationListEntry.objects.filter(location=OuterRef("pk")))
STATES = {
    "public": Q(published=True),
    "private": Q(LISTED),
    "closed": Q(published=False) & ~Q(LISTED),
}


may_name(AuthorizationListEntry, "customer", "token")


class CustomersInline(AddAndRemoveInline):
    model = AuthorizationListEntry
    verbose_name = "authorised customer"
    verbose_name_plural = "authorised customers"
    fields = ("customer",)
    autocomplete_fields = ("customer",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(token=None).select_related("customer")


class TokensInline(AddAndRemoveInline):
    model = AuthorizationListEntry
    verbose_name = "authorised charge token"
    verbose_name_plural = "authorised charge tokens"
    fields = ("token",)
    autocomplete_fields = ("token",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(customer=None).select_related("token")


class StateFilter(RadioFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(STATES[self.value()]) if self.value() in STATES else queryset


class ListedLocationAdmin(LocationAdmin):
    """The page that locations.admin lays out, and the list that says who may charge there."""

    list_display = ("name_or_id", "location_id", "cpo", "city", "country", "state")
    list_filter = (*LocationAdmin.list_filter, StateFilter)
    inlines = (CustomersInline, TokensInline, *LocationAdmin.inlines)
    history_parts = (*LocationAdmin.history_parts, (AuthorizationListEntry, "location"))
    refusals = {
        **LocationAdmin.refusals,
        "list_entry_customer_is_unique": (None, "This customer is already on the authorization list."),
        "list_entry_token_is_unique": (None, "This charge token is already on the authorization list."),
        "list_entry_auth_id_is_unique": (
            None,
            "A charge token with this Auth ID is already on the authorization list.",
        ),
    }

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if scope_of_request(request).everything else LocationAdmin.inlines

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(private=LISTED)

    @display(description="State", label={"public": "success", "private": "info", "closed": "warning"})
    def state(self, location: Any) -> str:
        return "private" if location.private else "public" if location.published else "closed"

    def notices(self, request: HttpRequest, obj: Location) -> list[tuple[str, str]]:
        entries = AuthorizationListEntry.objects.filter(location=obj)
        tokens = entries.filter(customer=None).count()
        customers = entries.filter(token=None).count()
        # The row itself: after a refused save `obj` holds what was typed.
        published = Location.objects.values_list("published", flat=True).get(pk=obj.pk)
        said = [("info", location_state(published, customers, tokens))]
        free = list(obj.stations.filter(authorization_required=False)[:4])
        if free:
            names = ", ".join(str(station) for station in free[:3]) + (" and others" if len(free) > 3 else "")
            said.append(
                ("warning", f"No authorization is required at {names}: everyone charges there free, blocked cards too.")
            )
        return said

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Says what the database did to the location when its list got its first entry or lost its last."""
        location = form.instance
        before = AuthorizationListEntry.objects.filter(location=location).exists()
        super().save_related(request, form, formsets, change)
        after = AuthorizationListEntry.objects.filter(location=location).exists()
        if after and not before:
            self.message_user(request, f"{location} is private now, and not published.", messages.WARNING)
        elif before and not after:
            text = f"The authorization list of {location} is empty: it is closed until somebody publishes it."
            self.message_user(request, text, messages.WARNING)


admin.site.register(Location, ListedLocationAdmin)
