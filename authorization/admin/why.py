"""Why?: a token, a place and a time; the answer in a sentence, each step to it, and what would change it."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from authorization.admin.reading import Reading
from authorization.clock import now
from authorization.questions import NO_AUTHORIZATION, TOKEN_TYPES, BadQuestion, parse
from authorization.services import Caller, NoRules, explain
from authorization.services.asking import Meant, place_of, places_meant, tokens_meant
from locations.access import scope_of_request, visible_to
from locations.admin_format import moment
from locations.ids import BadId
from locations.models import EVSE, ChargeStation, Location

AUTOMATIC = ""
AT_PLACE, AT_UTC = "place", "utc"


class LocalInput(forms.DateTimeInput):
    """The browser's own date and time, in the dress of the other inputs."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, "%Y-%m-%dT%H:%M")


class WhyForm(forms.Form):
    """What to ask. `meant` afterwards: the one question, or what to choose from."""

    token = forms.CharField(
        label=gettext_lazy("Charge token"),
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": gettext_lazy("Auth ID or Chip ID"), "autofocus": True}),
        help_text=gettext_lazy("As it is written on the card, in the log, or by the charger."),
    )
    token_type = forms.ChoiceField(
        label=gettext_lazy("Presented as"),
        required=False,
        choices=[(AUTOMATIC, gettext_lazy("find out")), *((name, name) for name in TOKEN_TYPES)],
        widget=UnfoldAdminSelectWidget,
    )
    place = forms.CharField(
        label=gettext_lazy("Place"),
        max_length=255,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": gettext_lazy("EVSE ID, charge station or location")}),
        help_text=gettext_lazy("An EVSE ID, a station's identity, a location ID, or a location's name."),
    )
    at = forms.DateTimeField(
        label=gettext_lazy("When"),
        required=False,
        widget=LocalInput(),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text=gettext_lazy("Empty: now."),
    )
    clock = forms.ChoiceField(
        label=gettext_lazy("By the clock"),
        required=False,
        choices=[(AT_PLACE, gettext_lazy("at the location")), (AT_UTC, "UTC")],
        widget=UnfoldAdminSelectWidget,
    )

    # Chosen among several that the place's words mean.
    location = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)

    def clean_at(self) -> datetime | None:
        """As it was typed, without a zone: which clock shows it is said beside it."""
        at: datetime | None = self.cleaned_data["at"]
        if at is not None and not 1971 <= at.year <= 9997:
            raise ValidationError(_("Choose a year between 1971 and 9997."))
        return at.replace(tzinfo=None) if at is not None else None


@admin.site.admin_view
def why(request: HttpRequest) -> HttpResponse:
    """The form, and below it the answer to what was asked. Nothing is written; ids stay out of the address."""
    if not scope_of_request(request).may("authorization.view_decision"):
        raise PermissionDenied
    form = WhyForm(request.POST or None)
    asked = ask(request, form) if request.method == "POST" else None
    context = {
        **admin.site.each_context(request),
        "title": _("Why?"),
        "form": form,
        "asked": asked,
        "choices": asked.choices if asked else None,
        "reading": asked.reading if asked else None,
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/why.html", context)


class Asked(NamedTuple):
    """reading: the answer. Otherwise choices, by the form's field, where words may mean several things."""

    reading: Reading | None = None
    choices: dict[str, list[Meant]] | None = None
    note: str = ""


def ask(request: HttpRequest, form: WhyForm) -> Asked | None:
    """The form's question, answered for its user; None where it cannot be asked, and the form says why."""
    if not form.is_valid():
        return None
    scope, given = scope_of_request(request), form.cleaned_data
    body: dict[str, str] = {}
    chosen = visible_to(scope, Location.objects.select_related("cpo")).filter(pk=given["location"]).first()
    choices: dict[str, list[Meant]] = {}
    for field, find in (("place", places_meant), ("token", tokens_meant)):
        if field == "place" and chosen is not None:
            body |= place_of(chosen)
            continue
        if field == "token" and given["token_type"]:
            body |= {"token_type": given["token_type"]}
            body |= {"id_token": given["token"]} if given["token_type"] != NO_AUTHORIZATION else {}
            continue
        if not given[field]:
            form.add_error(field, _("Say which charge token, or choose no_authorization for none."))
            return None
        try:
            meant = find(given[field], scope)
        except BadId as error:
            form.add_error(field, str(error))
            return None
        if len(meant) > 1:
            choices[field] = meant
        else:
            body |= meant[0].body
    if choices:
        return Asked(choices=choices)
    return _answer(request, form, body)


def _answer(request: HttpRequest, form: WhyForm, body: dict[str, str]) -> Asked | None:
    given = form.cleaned_data
    try:
        question = parse(body)
        at, note = _instant(given["at"], given["clock"] or AT_PLACE, body, request)
        user: Any = request.user
        answer = explain(question, Caller(key=0, label=f"session of {user}", user=user), at)
    except BadQuestion as error:
        form.add_error(None, error.detail)
        return None
    except NoRules:
        form.add_error(None, _("There is no answer now: the rules cannot be read. Chargers are told to try again."))
        return None
    return Asked(Reading(request, answer), note=note)


def _instant(typed: datetime | None, clock: str, body: dict[str, str], request: HttpRequest) -> tuple[datetime, str]:
    """The instant that was typed, and what is odd about it."""
    if typed is None:
        return now(), ""
    zone = _zone(body, request) if clock == AT_PLACE else "UTC"
    if zone is None:
        return typed.replace(tzinfo=UTC), _("The place is not known, and so not its clock: the time is taken as UTC.")
    at = typed.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    again = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if again != typed:
        return at, _("The clocks there skip this time: %(then)s is asked about.") % {"then": moment(again)}
    if typed.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC) != at:
        return at, _("The clocks there show this time twice: the first time is asked about.")
    return at, ""


def _zone(body: dict[str, str], request: HttpRequest) -> str | None:
    """The time zone of the place asked about, where the user sees it."""
    scope = scope_of_request(request)
    rows = visible_to(scope, Location.objects.all())
    if "location_id" in body:
        country, party = body["cpo"].split("-")
        rows = rows.filter(location_id=body["location_id"], cpo__country_code=country, cpo__party_id=party)
    elif "station" in body:
        named = ChargeStation.objects.filter(identity_normal=body["station"].upper())
        rows = rows.filter(pk__in=visible_to(scope, named).values("location"))
    else:
        evses = EVSE.objects.filter(evse_id=body.get("evse_id"))
        rows = rows.filter(pk__in=visible_to(scope, evses).values("location"))
    return rows.values_list("time_zone", flat=True).first()
