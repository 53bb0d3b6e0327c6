"""The authorization log: what was answered, as it was answered. Nobody edits it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)

from authorization.engine.reasons import Reason
from authorization.models import Decision
from authorization.services.sealed import KEPT_DAYS, unseal
from locations.admin_base import ScopedAdmin, display
from locations.admin_scope import PartyFilter, may_name
from locations.models import Location
from tokens.models import Token

may_name(Decision, "location", "token")


class ReasonFilter(DropdownFilter):  # type: ignore[misc]
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(reason.name), str(reason.name)) for reason in Reason]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Decision)
class DecisionAdmin(ScopedAdmin):
    list_display = ("decided", "outcome", "reason", "place_shown", "token_shown")
    # A decision outlives what it speaks of; a missing one is left empty by the join.
    list_select_related = ("location", "token")
    list_filter = (
        ("accepted", BooleanRadioFilter),
        ReasonFilter,
        ("location", PartyFilter),
        ("token", PartyFilter),
        ("decided_at", RangeDateTimeFilter),
    )
    sortable_by = ()
    search_fields = ("request_id",)
    search_help_text = "Auth ID or Chip ID of a known charge token, or the name of a location"
    fieldsets = (
        (None, {"fields": (("accepted", "reason"), "decided_at", "rule")}),
        (
            "Question",
            {
                "fields": (
                    "caller",
                    "request_id",
                    ("place", "location"),
                    ("token_type", "token"),
                    "token_pseudonym",
                    "presented",
                )
            },
        ),
        ("Answered from", {"fields": (("revision", "source"),)}),
    )

    readonly_fields = ("presented",)

    @display(description="Id presented")
    def presented(self, decision: Decision) -> str:
        return unseal(decision.presented_sealed) or f"kept for {KEPT_DAYS} days, of unknown tokens only"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        if request.user.has_perm("authorization.read_presented"):
            return shown
        return [
            (title, options | {"fields": tuple(field for field in options["fields"] if field != "presented")})
            for title, options in shown
        ]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="When (UTC)")
    def decided(self, decision: Decision) -> str:
        return f"{decision.decided_at:%d %b %Y %H:%M:%S}"

    @display(description="Answer", label={"accepted": "success", "rejected": "danger"})
    def outcome(self, decision: Decision) -> str:
        return "accepted" if decision.accepted else "rejected"

    @display(description="Place")
    def place_shown(self, decision: Decision) -> str:
        return str(decision.location or decision.place or "–")

    @display(description="Charge token")
    def token_shown(self, decision: Decision) -> str:
        return str(decision.token or "–")

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        """By what the log has indexes for: tokens and locations, a bounded number of each."""
        if not term:
            return queryset, False
        tokens, _ = admin.site._registry[Token].get_search_results(request, Token.objects.order_by(), term)
        places = Location.objects.order_by().filter(Q(name__icontains=term) | Q(location_id__iexact=term))
        token_ids = list(tokens.values_list("pk", flat=True)[:200])
        place_ids = list(places.values_list("pk", flat=True)[:200])
        return queryset.filter(Q(token__in=token_ids) | Q(location__in=place_ids)), False
