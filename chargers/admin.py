"""Pages of what is in use and of commands, and a station's tab with both."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from authorization import clock
from authorization.admin.locations import StationPages
from authorization.admin.reading import message
from authorization.engine.reasons import Reason
from authorization.questions import NO_AUTHORIZATION, TOKEN_TYPES, BadQuestion
from authorization.services import Caller, NoRules
from authorization.services.asking import tokens_meant
from chargers.models import AuthorizationInUse, Command
from chargers.services import commands
from chargers.services.commands import NothingThere, Order
from locations.access import Scope, scope_of_request, visible_to
from locations.admin_base import OnlyShown, ScopedAdmin, display
from locations.admin_format import instant
from locations.admin_listing import Column, Listing
from locations.admin_pages import Button, ObjectPage
from locations.admin_scope import PartyFilter, may_name
from locations.ids import BadId
from locations.models import EVSE, ChargeStation
from tokens.models import Token

COLOURS = {"going on": "success", "paused": "warning", "ended": "default"}
STATES = {"going on": gettext_lazy("going on"), "paused": gettext_lazy("paused"), "ended": gettext_lazy("ended")}
COMMAND_COLOURS = {
    "refused": "danger", "pending": "info", "delivered": "info", "accepted": "success", "rejected": "danger",
    "timed_out": "warning",
}  # fmt: skip
Kind = Command.Kind
for _model in (AuthorizationInUse, Command):
    may_name(_model, "location", "station", "evse", "token")


def state_of(use: AuthorizationInUse) -> str:
    if use.ended_at is not None:
        return "ended"
    return "paused" if use.paused else "going on"


def when(at: Any) -> str:
    return instant(at) or "–"


def card_of(request: HttpRequest, row: Any) -> str:
    """The token's name where the user sees it; else what tells it from the next one."""
    if row.token_id is not None:
        token = visible_to(scope_of_request(request), Token.objects.filter(pk=row.token_id)).first()
        if token is not None:
            return str(token)
        return _("another's card %(mark)s") % {"mark": (getattr(row, "token_pseudonym", "") or "")[:8]}
    mark = getattr(row, "token_pseudonym", "")
    return _("unknown card %(mark)s") % {"mark": mark[:8]} if mark else "–"


class OpenFilter(RadioFilter):  # type: ignore[misc]
    title = gettext_lazy("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("in use")), ("no", gettext_lazy("ended"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        asked = self.value()
        return queryset.filter(ended_at__isnull=asked == "yes") if asked in ("yes", "no") else queryset


class Told(OnlyShown, ScopedAdmin):
    """Rows that happen, and that nobody edits."""

    sortable_by = ()
    search_fields = ("station__identity",)
    search_help_text = gettext_lazy("Identity of a charge station, from its beginning")

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        return (queryset.filter(station__identity_normal__startswith=term.upper()) if term else queryset), False

    @display(description=gettext_lazy("Place"))
    def where(self, row: Any) -> str:
        return f"{row.where}, {row.location}"


@admin.register(AuthorizationInUse)
class AuthorizationInUseAdmin(Told):
    empty = gettext_lazy(
        "Who charges, and who did, where a charge began with Josev's messages, OCPP or a command. What chargers only "
        "asked is in the authorization log."
    )
    empty_leads = (gettext_lazy("Authorization log"), "admin:authorization_decision_changelist")
    list_display = ("where", "began", "state", "via")
    list_select_related = ("location", "station", "evse")
    list_filter = (OpenFilter, ("location", PartyFilter), ("via", ChoicesDropdownFilter))
    object_pages = (ObjectPage("stop"), ObjectPage("pause"), ObjectPage("resume"))
    fields = (
        "where",
        "state_said",
        "card",
        "token_type",
        "began",
        "ended",
        "ended_by",
        "reason",
        "via",
        "asked_again",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_list_display(self, request: HttpRequest) -> Any:
        @display(description=gettext_lazy("Charge token"))
        def card(use: AuthorizationInUse) -> str:
            return card_of(request, use)

        return (*self.list_display, card)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is not yet, or no more, is left out."""
        left_out = {"ended", "ended_by"} if obj is None or obj.ended_at is None else {"asked_again"}
        if obj is None or not obj.reason:
            left_out.add("reason")
        if obj is None or obj.next_change_at is None:
            left_out.add("asked_again")
        return [name for name in self.fields if name not in left_out]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found: Any = super().get_object(request, object_id, from_field)
        if found is not None:
            found.reader = request
        return found

    @display(description=gettext_lazy("Charge token"))
    def card(self, use: Any) -> str:
        return card_of(use.reader, use)

    @display(description=gettext_lazy("Since (UTC)"))
    def began(self, use: AuthorizationInUse) -> str:
        return when(use.began_at)

    @display(description=gettext_lazy("Until (UTC)"))
    def ended(self, use: AuthorizationInUse) -> str:
        return when(use.ended_at)

    @display(description=gettext_lazy("Rules say something else at (UTC), at the earliest"))
    def asked_again(self, use: AuthorizationInUse) -> str:
        return when(use.next_change_at)

    @display(description=gettext_lazy("State"), label=COLOURS)
    def state(self, use: AuthorizationInUse) -> tuple[str, Any]:
        return state_of(use), STATES[state_of(use)]

    @display(description=gettext_lazy("State"))
    def state_said(self, use: AuthorizationInUse) -> str:
        return str(STATES[state_of(use)])

    def buttons(self, request: HttpRequest, obj: AuthorizationInUse) -> list[Button]:
        if obj.ended_at is not None or obj.station is None or not may_command(request):
            return []
        other = ("resume", _("Resume")) if obj.paused else ("pause", _("Pause"))
        return [
            Button(other[1], self.address(other[0], obj)),
            Button(_("Stop"), self.address("stop", obj), danger=True),
        ]

    def stop_page(self, request: HttpRequest, obj: AuthorizationInUse) -> HttpResponse:
        line = _("The authorization ends, and the station is told so. The car stops charging.")
        return self._asked(request, obj, Kind.STOP, _("Stop charging?"), line, _("Stop"))

    def pause_page(self, request: HttpRequest, obj: AuthorizationInUse) -> HttpResponse:
        line = _("The station is told to pause. The authorization stays: charging goes on when it is resumed.")
        return self._asked(request, obj, Kind.PAUSE, _("Pause charging?"), line, _("Pause"))

    def resume_page(self, request: HttpRequest, obj: AuthorizationInUse) -> HttpResponse:
        line = _("The station is told to go on charging.")
        return self._asked(request, obj, Kind.RESUME, _("Resume charging?"), line, _("Resume"))

    def _asked(
        self, request: HttpRequest, obj: AuthorizationInUse, kind: str, title: str, line: str, button: str
    ) -> HttpResponse:
        if not may_command(request) or obj.station is None:
            raise ValidationError(_("Your role gives no commands."))
        if request.POST.get("confirmed") != "yes":
            lines = [line, _("It is in use at %(place)s.") % {"place": self.where(obj)}]
            return self.confirmation(request, obj, title=title, lines=lines, button=button, danger=kind == Kind.STOP)
        give(request, Order(kind, obj.station, obj.evse))
        return HttpResponseRedirect(self.address("change", obj))


@admin.register(Command)
class CommandAdmin(Told):
    empty = gettext_lazy(
        "What stations were told to do. Commands are given on a charge station's page, under Charging."
    )
    empty_leads = (gettext_lazy("Charge stations"), "admin:locations_chargestation_changelist")
    list_display = ("what", "where", "given", "shown_state", "detail", "user")
    list_select_related = ("location", "station", "evse", "user")
    list_filter = (("kind", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter), ("location", PartyFilter))
    fields = ("what", "where", "state_said", "detail", "given", "answered", "user")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @display(description=gettext_lazy("Command"))
    def what(self, command: Command) -> str:
        return str(command.get_kind_display())

    @display(description=gettext_lazy("Given (UTC)"))
    def given(self, command: Command) -> str:
        return when(command.created_at)

    @display(description=gettext_lazy("Answered (UTC)"))
    def answered(self, command: Command) -> str:
        return when(command.answered_at)

    @display(description=gettext_lazy("State"))
    def state_said(self, command: Command) -> str:
        return str(command.get_state_display())

    @display(description=gettext_lazy("State"), label=COMMAND_COLOURS)
    def shown_state(self, command: Command) -> tuple[str, Any]:
        return command.state, command.get_state_display()


def may_command(request: HttpRequest) -> bool:
    return scope_of_request(request).may("chargers.add_command")


def give(request: HttpRequest, order: Order) -> bool:
    """Gives the command and says what became of it; whether it was given. Raises ValidationError for what is asked
    wrongly."""
    user: Any = request.user
    try:
        command = commands.give(order, Caller(0, f"session of {user}", user=user), clock.now())
    except BadQuestion as error:
        raise ValidationError(error.detail) from None
    except NothingThere as error:
        messages.error(request, _(str(error)))
        return False
    except NoRules:
        messages.error(request, _("There is no answer now: the rules cannot be read."))
        return False
    if command.state == Command.State.REFUSED:
        why = {"why": message(Reason(command.detail)), "reason": command.detail}
        messages.error(request, _("Not started. %(why)s (%(reason)s)") % why)
    else:
        said = _("%(command)s: the station is being told.") % {"command": command.get_kind_display().capitalize()}
        messages.success(request, said)
    return True


class CommandForm(forms.Form):
    """A command for a station."""

    command = forms.ChoiceField(
        label=gettext_lazy("Command"), choices=Kind.choices, initial=Kind.START, widget=UnfoldAdminSelectWidget
    )
    evse = forms.ModelChoiceField(
        EVSE.objects.none(), label="EVSE", required=False, widget=UnfoldAdminSelectWidget,
        empty_label=gettext_lazy("the whole station"),
    )  # fmt: skip
    token = forms.CharField(
        label=gettext_lazy("Charge token"), required=False, max_length=255, widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "Auth ID or Chip ID. A start authorizes it, if it may charge here; another command finds by it which "
            "authorization is meant."
        ),
    )  # fmt: skip
    token_type = forms.ChoiceField(
        label=gettext_lazy("Presented as"), required=False, widget=UnfoldAdminSelectWidget,
        choices=[("", gettext_lazy("find out")), *((t, t) for t in TOKEN_TYPES if t != NO_AUTHORIZATION)],
    )  # fmt: skip

    def __init__(self, station: ChargeStation, scope: Scope, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.scope = scope
        self.fields["evse"].queryset = EVSE.objects.filter(station=station)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("command") == Kind.START and not cleaned.get("token"):
            self.add_error("token", _("A start needs a charge token to authorize."))
        elif cleaned.get("token") and not cleaned.get("token_type"):
            self._find_out(cleaned)
        return cleaned

    def _find_out(self, cleaned: dict[str, Any]) -> None:
        try:
            meant = tokens_meant(cleaned["token"], self.scope)
        except BadId as error:
            self.add_error("token", str(error))
            return
        if len(meant) > 1:
            self.add_error("token_type", _("It may be one of several: say as what it is presented."))
        cleaned["token_type"] = meant[0].body["token_type"]

    def order(self, station: ChargeStation) -> Order:
        given = self.cleaned_data
        presented = {"id_token": given["token"], "token_type": given["token_type"]} if given["token"] else None
        return Order(given["command"], station, given["evse"], presented)


class ChargingStationPages(StationPages):
    """A station's pages, with what is in use there and what it was told to do."""

    object_pages = (
        *StationPages.object_pages,
        ObjectPage("charging", gettext_lazy("Charging"), "chargers.view_authorizationinuse"),
        ObjectPage("command", "", "chargers.add_command", changes=True),
    )

    def charging_page(self, request: HttpRequest, obj: ChargeStation) -> HttpResponse:
        listings = [in_use_of(request, obj), commands_of(request, obj)]
        return self.page_of(request, obj, "admin/listings.html", {"listings": listings}, at="charging")

    def command_page(self, request: HttpRequest, obj: ChargeStation) -> HttpResponse:
        form = CommandForm(obj, scope_of_request(request), request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                give(request, form.order(obj))
            except ValidationError as error:
                form.add_error("token", error)
            else:
                return HttpResponseRedirect(self.address("charging", obj))
        title = _("Command for %(station)s") % {"station": obj}
        return self.page_of(request, obj, "admin/station_command.html", {"form": form}, at="charging", title=title)


def in_use_of(request: HttpRequest, station: ChargeStation) -> Listing:
    rows = visible_to(scope_of_request(request), AuthorizationInUse.objects.filter(station=station))
    columns = [
        Column("EVSE", lambda use: use.evse or "–"),
        Column(_("Charge token"), lambda use: card_of(request, use)),
        Column(_("Since (UTC)"), lambda use: when(use.began_at), _address("authorizationinuse")),
        Column(_("State"), lambda use: STATES[state_of(use)], label=lambda use: COLOURS[state_of(use)]),
        Column(_("Ended by"), lambda use: use.get_ended_by_display() or "–"),
    ]
    return Listing(
        request,
        "uses",
        rows.select_related("evse").order_by("-began_at", "-pk"),
        columns,
        _("Nobody is authorized here, and nobody was: chargers begin it with Josev's messages, OCPP or a command."),
        title=_("Authorizations in use"),
    )


def commands_of(request: HttpRequest, station: ChargeStation) -> Listing:
    rows = visible_to(scope_of_request(request), Command.objects.filter(station=station))
    columns = [
        Column(_("Given (UTC)"), lambda command: when(command.created_at), _address("command")),
        Column(_("Command"), lambda command: command.get_kind_display()),
        Column("EVSE", lambda command: command.evse or "–"),
        Column(
            _("State"), lambda command: command.get_state_display(),
            label=lambda command: COMMAND_COLOURS[command.state],
        ),
        Column(_("Detail"), lambda command: command.detail or "–"),
    ]  # fmt: skip
    address = reverse("admin:locations_chargestation_command", args=(station.pk,))
    return Listing(
        request,
        "commands",
        rows.select_related("evse").order_by("-created_at", "-pk"),
        columns,
        _("No command was given yet."),
        title=_("Commands"),
        add=Button(_("Give a command"), address) if may_command(request) else None,
    )


def _address(model: str) -> Any:
    return lambda row: reverse(f"admin:chargers_{model}_change", args=(row.pk,))


admin.site.unregister(ChargeStation)
admin.site.register(ChargeStation, ChargingStationPages)
