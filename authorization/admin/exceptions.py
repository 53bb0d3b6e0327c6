"""Exceptions: places on one side, tokens on the other, and the effect in one sentence."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.widgets import UnfoldAdminRelatedFieldWrapperWidget

from authorization.admin import sentences
from authorization.admin.touching import utc_now
from authorization.models import (
    CPO_SIDE,
    EMSP_SIDE,
    ChargeException,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    ExceptionGroup,
    GroupMember,
)
from locations.admin_base import ScopedAdmin, display
from locations.admin_scope import may_name
from locations.admin_widgets import SearchSeveral


def _side(field: str, label: str, categories: tuple[str, ...]) -> Any:
    """A choice among the groups of one side. The widget's search offers them by the field's limit_choices_to."""
    relation = ChargeException._meta.get_field(field)
    widget = UnfoldAdminRelatedFieldWrapperWidget(
        SearchSeveral(relation, admin.site, attrs={"style": "width: 100%"}),
        relation.remote_field,
        admin.site,
        can_add_related=True,
    )
    groups = ExceptionGroup.objects.filter(category__in=categories)
    return forms.ModelMultipleChoiceField(groups, label=label, widget=widget)


may_name(ChargeException, "cpo_groups", "emsp_groups")


class ExceptionForm(forms.ModelForm):  # type: ignore[type-arg]
    """The groups of both sides as two fields: Django's admin leaves out relations with a table of their own."""

    places = _side("cpo_groups", "CPO-side groups (where)", CPO_SIDE)
    cards = _side("emsp_groups", "eMSP-side groups (who)", EMSP_SIDE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial.setdefault("places", list(self.instance.cpo_groups.all()))
            self.initial.setdefault("cards", list(self.instance.emsp_groups.all()))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        begin, end = cleaned.get("valid_from"), cleaned.get("valid_until")
        if begin and end and begin >= end:
            self.add_error("valid_until", "This is not after “valid from”.")
        return cleaned

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        self.instance.cpo_groups.set(self.cleaned_data["places"])
        self.instance.emsp_groups.set(self.cleaned_data["cards"])


class StateFilter(RadioFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in ("active", "scheduled", "ended", "disabled")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now = utc_now()
        ended = Q(valid_until__lte=now + sentences.LATEST)
        scheduled = Q(valid_from__gt=now + sentences.EARLIEST)
        match self.value():
            case "disabled":
                return queryset.filter(enabled=False)
            case "ended":
                return queryset.filter(ended, enabled=True)
            case "scheduled":
                return queryset.filter(scheduled, enabled=True).exclude(ended)
            case "active":
                return queryset.filter(enabled=True).exclude(ended).exclude(scheduled)
        return queryset


@admin.register(ChargeException)
class ChargeExceptionAdmin(ScopedAdmin):
    fixed = ("owner_cpo", "owner_emsp")
    form = ExceptionForm
    list_display = ("name", "state", "action_label", "direction", "places", "cards", "when")
    list_filter = (StateFilter, ("action", ChoicesDropdownFilter), ("direction", ChoicesDropdownFilter))
    search_fields = ("name",)
    search_help_text = "Name"
    autocomplete_fields = ("owner_cpo", "owner_emsp")
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "notes")}),
        ("Effect", {"fields": (("action", "direction"), "places", "cards")}),
        (
            "Validity",
            {
                "fields": ("valid_from", "valid_until"),
                "description": "Local time at each location: 08:00 is 8 o'clock there, wherever it is.",
            },
        ),
        ("Owner", {"fields": (("owner_cpo", "owner_emsp"),), "description": "Without an owner it is the Admin's."}),
    )
    history_parts = ((ExceptionCpoGroup, "exception"), (ExceptionEmspGroup, "exception"))
    refusals = {
        "exception_begins_before_it_ends": ("valid_until", "This is not after “valid from”."),
        "exception_cpo_group_is_of_its_side": ("places", None),
        "exception_emsp_group_is_of_its_side": ("cards", None),
    }

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("cpo_groups", "emsp_groups")

    @display(description="State", label=sentences.STATE_COLOURS)
    def state(self, obj: ChargeException) -> tuple[str, str]:
        state = sentences.state(obj.enabled, obj.valid_from, obj.valid_until, utc_now())
        return state, str(sentences.STATES[state])

    @display(description="Action", label={"whitelist": "success", "blacklist": "danger"}, ordering="action")
    def action_label(self, obj: ChargeException) -> str:
        return obj.action

    @display(description="Where")
    def places(self, obj: ChargeException) -> str:
        return sentences.names(obj.cpo_groups.all())

    @display(description="Who")
    def cards(self, obj: ChargeException) -> str:
        return sentences.names(obj.emsp_groups.all())

    @display(description="When", ordering="valid_from")
    def when(self, obj: ChargeException) -> str:
        return sentences.when(obj.valid_from, obj.valid_until) or "always"

    def notices(self, request: HttpRequest, obj: ChargeException) -> list[tuple[str, str]]:
        # The row itself: after a refused save `obj` holds what was typed.
        obj = ChargeException.objects.prefetch_related("cpo_groups", "emsp_groups").get(pk=obj.pk)
        places, cards = list(obj.cpo_groups.all()), list(obj.emsp_groups.all())
        effect = sentences.effect(obj.action, obj.direction, places, cards, obj.valid_from, obj.valid_until)
        state = sentences.state(obj.enabled, obj.valid_from, obj.valid_until, utc_now())
        level = "success" if state in ("active", "changing") else "info"
        said = [(level, f"{str(sentences.STATES[state]).capitalize()}. {effect}")]
        used = {group.pk for group in places + cards}
        filled = set(GroupMember.objects.filter(group__in=used).values_list("group", flat=True).distinct())
        empty = [group for group in places + cards if group.pk not in filled]
        if empty:
            said.append(("warning", f"Without members, and so without effect here: {sentences.names(empty)}."))
        return said

    @admin.action(description="Enable selected exceptions", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: Any) -> None:
        self.message_user(request, f"{queryset.update(enabled=True)} enabled.")

    @admin.action(description="Disable selected exceptions", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: Any) -> None:
        self.message_user(request, f"{queryset.update(enabled=False)} disabled.")
