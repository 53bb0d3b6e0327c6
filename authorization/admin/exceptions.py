"""Exceptions: places on one side, cards on the other, and the effect in one sentence that follows the choices."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter

from authorization.access import shown_groups
from authorization.admin import effects, owners, sentences
from authorization.admin.exception_form import SIDES, ExceptionForm
from authorization.admin.log_listing import log_listing
from authorization.admin.switching import SwitchingAdmin
from authorization.admin.touching import utc_now
from authorization.models import ChargeException, ExceptionCpoGroup, ExceptionEmspGroup
from authorization.services.ownership import (
    DIRECTIONS,
    Owner,
    groups_for,
    own_parties,
    owner_of,
)
from locations.access import scope_of_request
from locations.admin_base import display
from locations.admin_pages import Button, ObjectPage
from locations.admin_scope import PartyFilter


class StateFilter(RadioFilter):  # type: ignore[misc]
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str | Promise]]:
        return [(state, sentences.STATES[state]) for state in ("active", "scheduled", "ended", "disabled")]

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
class ChargeExceptionAdmin(SwitchingAdmin):
    form = ExceptionForm
    empty = gettext_lazy(
        "Exceptions say who may charge where: only these cards, or not these. Without one, a valid charge token may "
        "charge at every published location."
    )
    list_display = ("name", "state", "action_label")
    list_filter = (
        StateFilter,
        ("action", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("owner_cpo", PartyFilter),
        ("owner_emsp", PartyFilter),
    )
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name")
    fieldsets = (
        (None, {"fields": ("name",)}),
        (gettext_lazy("Effect"), {"fields": ("action", "direction", "places", "cards")}),
        (
            gettext_lazy("Validity: local time at the charger"),
            {
                "fields": ("valid_from", "valid_until"),
                "description": gettext_lazy("08:00 is 8 o'clock there, wherever it is. Empty: always."),
            },
        ),
        (gettext_lazy("More"), {"fields": ("enabled", "notes")}),
    )
    nobodys = gettext_lazy("an Admin's")
    object_pages = (
        ObjectPage("log", gettext_lazy("Log"), "authorization.view_decision"),
        ObjectPage("switch", permission="authorization.change_chargeexception", changes=True),
    )
    change_form_template = "admin/exception_form.html"
    history_parts = ((ExceptionCpoGroup, "exception"), (ExceptionEmspGroup, "exception"))
    refusals = {
        "exception_begins_before_it_ends": ("valid_until", gettext_lazy("This is not after “valid from”.")),
        "exception_cpo_group_is_of_its_side": ("places", None),
        "exception_emsp_group_is_of_its_side": ("cards", None),
    }

    class Media:
        js = ("effect.js",)

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.effect_view)
        return [path("effect/", view, name="authorization_chargeexception_effect"), *super().get_urls()]

    # What the list shows.

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("cpo_groups", "emsp_groups")

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns know whose eyes read them."""
        scope = scope_of_request(request)

        @display(description=gettext_lazy("Effect"))
        def effect(row: ChargeException) -> str:
            places, cards = (shown_groups(scope, groups.all()) for groups in (row.cpo_groups, row.emsp_groups))
            return sentences.effect_cell(row.action, row.direction, places, cards, None, None)

        @display(description=gettext_lazy("When"), ordering="valid_from")
        def when(row: ChargeException) -> str:
            return sentences.when(row.valid_from, row.valid_until) or _("always")

        several = scope.everything or len(own_parties(scope)) > 1
        return (*self.list_display, effect, when, *(("owner",) if several else ()))

    @display(description=gettext_lazy("State"), label=sentences.STATE_COLOURS)
    def state(self, obj: ChargeException) -> tuple[str, str]:
        state = sentences.state(obj.enabled, obj.valid_from, obj.valid_until, utc_now())
        return state, str(sentences.STATES[state])

    @display(
        description=gettext_lazy("Action"), label={"whitelist": "success", "blacklist": "danger"}, ordering="action"
    )
    def action_label(self, obj: ChargeException) -> tuple[str, str]:
        return obj.action, obj.get_action_display()

    # The form.

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        gone: set[str] = set()
        if obj is not None and not self.has_change_permission(request, obj):
            # The sentence says it all, as far as the reader may know.
            gone = set(SIDES)
        elif obj is None and not scope_of_request(request).everything:
            # A CPO restricts who may charge at its places, an eMSP where its cards may.
            gone = {"direction"}
        return [
            (title, options | {"fields": tuple(name for name in options["fields"] if name not in gone)})
            for title, options in shown
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        stays = () if obj is None or scope_of_request(request).everything else ("direction",)
        return (*super().get_readonly_fields(request, obj), *stays)

    def asks_owner(self, request: HttpRequest) -> bool:
        # Asked before the form, which offers what can be saved for that owner.
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.asked = request.GET.get("owner", "")
        return form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        scope = scope_of_request(request)
        known = scope.everything or owners.party_of(scope, request.GET.get("owner", "")) is not None
        if not known and self.has_add_permission(request):
            return self._ask_owner(request)
        return super().add_view(request, form_url, extra_context)

    def _ask_owner(self, request: HttpRequest) -> HttpResponse:
        copied = request.GET.get("copy", "")
        more = {"copy": copied} if copied else {}
        choices = [
            ("?" + urlencode({"owner": code, **more}), name)
            for code, name in owners.owner_choices(scope_of_request(request))
        ]
        title = _("Whose exception is it?")
        context = self.admin_site.each_context(request) | {"choices": choices, "opts": self.opts, "title": title}
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/choose_owner.html", context)

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        given = super().get_changeform_initial_data(request)
        copied = request.GET.get("copy", "")
        source = None
        if copied.isdecimal() and len(copied) < 19:
            source = self.get_queryset(request).filter(pk=int(copied)).first()
        return given if source is None else given | self._copied(request, source)

    def _copied(self, request: HttpRequest, source: ChargeException) -> dict[str, Any]:
        """What a duplicate begins with: of the groups those that the user's own exception can take."""
        scope = scope_of_request(request)
        owner = owner_of(source) if scope.everything else owners.party_of(scope, request.GET.get("owner", ""))
        copied: dict[str, Any] = {"name": (_("Copy of %(name)s") % {"name": source})[:255]}
        for name in ("notes", "action", "direction", "enabled", "valid_from", "valid_until"):
            copied[name] = getattr(source, name)
        for name, side in SIDES.items():
            groups = groups_for(owner or Owner(), side, scope)
            copied[name] = [group for group in getattr(source, f"{side}_groups").all() if group in groups]
        if scope.everything:
            copied |= {"owner_cpo": source.owner_cpo_id, "owner_emsp": source.owner_emsp_id}
        return copied

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if request.method == "POST" and "_effect" in request.POST:
            # The button of those without JavaScript: the form comes back as it was filled in.
            text = _("Nothing is saved yet. See below what it would do.")
            request.refusal = (None, text)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form, obj = context["adminform"].form, kwargs.get("obj")
        if obj is not None and not self.has_change_permission(request, obj):
            context["effect"] = effects.effect_of(request, effects.chosen_by(obj))
        else:
            direction = self._direction(form)
            context["effect"] = effects.effect_of(request, self._chosen(request, form, direction))
            context["effect_address"] = self.address("effect") + "?" + urlencode({"of": direction})
        return super().render_change_form(request, context, *args, **kwargs)

    def _direction(self, form: Any) -> str:
        """The one that the form does not ask for."""
        if "direction" in form.fields:
            return ""
        return str(form.instance.direction or (form.owner.side and DIRECTIONS[form.owner.side].value))

    def _chosen(self, request: HttpRequest, form: Any, direction: str) -> effects.Chosen:
        if form.is_bound:
            return effects.chosen(request, form.data, direction)
        given = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        return effects.Chosen(
            given.get("action") or "",
            direction or given.get("direction") or "",
            bool(given.get("enabled")),
            list(given.get("places") or ()),
            list(given.get("cards") or ()),
            given.get("valid_from"),
            given.get("valid_until"),
        )

    def effect_view(self, request: HttpRequest) -> HttpResponse:
        """What the form would do as it is filled in now: a part of its page, asked for at each change."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        direction = request.GET.get("of", "")
        known = direction if direction in DIRECTIONS.values() else ""
        effect = effects.effect_of(request, effects.chosen(request, request.GET, known))
        return TemplateResponse(request, "admin/exception_effect.html", {"effect": effect})

    # Its pages.

    def notices(self, request: HttpRequest, obj: ChargeException) -> list[tuple[str, str]]:
        # The row itself: after a refused save `obj` holds what was typed.
        obj = ChargeException.objects.prefetch_related("cpo_groups", "emsp_groups").get(pk=obj.pk)
        places, cards = list(obj.cpo_groups.all()), list(obj.emsp_groups.all())
        state = sentences.state(obj.enabled, obj.valid_from, obj.valid_until, utc_now())
        level = "success" if state in ("active", "changing") else "info"
        said = [(level, f"{str(sentences.STATES[state]).capitalize()}. {self._effect(request, obj)}")]
        scope = scope_of_request(request)
        empty = shown_groups(scope, effects.without_members(places + cards))
        if empty:
            text = _("Without members, and so without effect here: %(names)s.") % {"names": sentences.quoted(empty)}
            said.append(("warning", text))
        if not self.has_change_permission(request, obj):
            said.append(("info", _("This exception is an Admin's: only an Admin edits it.")))
        return said

    def buttons(self, request: HttpRequest, obj: ChargeException) -> list[Button]:
        shown = []
        if self.has_change_permission(request, obj):
            shown.append(Button(_("Disable") if obj.enabled else _("Enable"), self.address("switch", obj)))
        if self.has_add_permission(request):
            shown.append(Button(_("Duplicate"), f"{self.address('add')}?{urlencode({'copy': obj.pk})}"))
        return shown

    def log_page(self, request: HttpRequest, obj: ChargeException) -> HttpResponse:
        return self.page_of(
            request, obj, "admin/listings.html", {"listings": [log_listing(request, rule=obj)]}, at="log"
        )
