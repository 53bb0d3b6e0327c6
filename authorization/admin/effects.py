"""What an exception would do, beside its form: the sentence, what is missing or empty, and when it begins and ends."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authorization.access import shown_groups
from authorization.admin import sentences
from authorization.admin.instants import Instants, covered_zones, instants
from authorization.admin.touching import utc_now
from authorization.fields import LocalDateTimeFormField
from authorization.models import Action, ChargeException, Direction, ExceptionGroup, GroupMember
from authorization.services.ownership import SIDES
from locations.access import Scope, scope_of_request, visible_to


class ChosenForm(forms.Form):
    """The choices of an exception's form, whole or not; what cannot be read counts as not chosen."""

    action = forms.ChoiceField(choices=Action.choices, required=False)
    direction = forms.ChoiceField(choices=Direction.choices, required=False)
    enabled = forms.BooleanField(required=False)
    places: Any = forms.ModelMultipleChoiceField(ExceptionGroup.objects.none(), required=False)
    cards: Any = forms.ModelMultipleChoiceField(ExceptionGroup.objects.none(), required=False)
    valid_from = LocalDateTimeFormField(required=False, widget=AdminSplitDateTime)
    valid_until = LocalDateTimeFormField(required=False, widget=AdminSplitDateTime)

    def __init__(self, request: HttpRequest, data: Any) -> None:
        super().__init__(data)
        for name, side in (("places", "cpo"), ("cards", "emsp")):
            groups = ExceptionGroup.objects.filter(category__in=SIDES[side])
            self.fields[name].queryset = visible_to(scope_of_request(request), groups)  # type: ignore[attr-defined]


@dataclass
class Chosen:
    """What an exception is made of so far."""

    action: str = ""
    direction: str = ""
    enabled: bool = True
    places: list[ExceptionGroup] = field(default_factory=list)
    cards: list[ExceptionGroup] = field(default_factory=list)
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def chosen(request: HttpRequest, data: Any, direction: str = "") -> Chosen:
    """data: as a form sends it. direction: where the form does not ask for it."""
    form = ChosenForm(request, data)
    form.is_valid()
    given = form.cleaned_data
    return Chosen(
        given.get("action", ""),
        direction or given.get("direction", ""),
        given.get("enabled", False),
        list(given.get("places", ())),
        list(given.get("cards", ())),
        given.get("valid_from"),
        given.get("valid_until"),
    )


def chosen_by(row: ChargeException) -> Chosen:
    """What an exception is made of."""
    places, cards = list(row.cpo_groups.all()), list(row.emsp_groups.all())
    return Chosen(row.action, row.direction, row.enabled, places, cards, row.valid_from, row.valid_until)


@dataclass
class Effect:
    """sentence: marked up, or what to choose first. state: one of sentences.STATES, or empty. warnings: of what may
    not be meant. covers: the instants of its bounds there, None before places are chosen; covered: where that is."""

    sentence: str
    state: Any = ""
    colour: str = ""
    warnings: list[str] = field(default_factory=list)
    covers: Instants | None = None
    covered: str = ""


def effect_of(request: HttpRequest, what: Chosen) -> Effect:
    """A handful of queries, whatever is behind the groups."""
    scope = scope_of_request(request)
    covers, covered = None, ""
    if what.places:
        covers = instants(covered_zones(what.places, scope), what.valid_from, what.valid_until)
        covered = _covered(covers.locations, scope.everything)
    warnings = _warnings(what, scope)
    # A blacklist says the same in both directions.
    if not (what.action and (what.direction or what.action == Action.BLACKLIST) and what.places and what.cards):
        return Effect(_missing(what), warnings=warnings, covers=covers, covered=covered)
    sentence = sentences.effect_marked(
        what.action,
        what.direction,
        shown_groups(scope, what.places),
        shown_groups(scope, what.cards),
        what.valid_from,
        what.valid_until,
    )
    state = sentences.state(what.enabled, what.valid_from, what.valid_until, utc_now())
    return Effect(sentence, sentences.STATES[state], sentences.STATE_COLOURS[state], warnings, covers, covered)


def _covered(locations: int, everything: bool) -> str:
    """Somebody who is no Admin is told of what they see."""
    number = {"number": f"{locations:,}"}
    if everything:
        text = ngettext("The places cover %(number)s location.", "The places cover %(number)s locations.", locations)
    else:
        text = ngettext(
            "The places cover %(number)s location that you see.",
            "The places cover %(number)s locations that you see.",
            locations,
        )
    return text % number


def _missing(what: Chosen) -> str:
    if not what.action:
        return _("Choose whether to whitelist or to blacklist.")
    if not what.places:
        return _("Choose the places: at least one CPO-side group.")
    if not what.cards:
        return _("Choose the cards: at least one eMSP-side group.")
    return _("Choose what it restricts: who may charge at the places, or where the cards may charge.")


def _warnings(what: Chosen, scope: Scope) -> list[str]:
    said = []
    if what.valid_from and what.valid_until and what.valid_from >= what.valid_until:
        said.append(_("It ends before it begins."))
    empty = without_members([*what.places, *what.cards])
    if empty:
        names = sentences.quoted(shown_groups(scope, empty))
        said.append(_("Without members, and so without effect here: %(names)s.") % {"names": names})
    closes = what.action == Action.WHITELIST and what.direction == Direction.EMSP_FOR_CPO
    if closes and what.cards and all(group in empty for group in what.cards):
        said.append(_("Nobody may then charge at these places: a whitelist without cards lets nobody in."))
    return said


def without_members(groups: list[ExceptionGroup]) -> list[ExceptionGroup]:
    # Group by group one look into an index: a group may have 100,000 members.
    filled = Exists(GroupMember.objects.filter(group=OuterRef("pk")))
    empty = set(
        ExceptionGroup.objects.filter(~filled, pk__in=[group.pk for group in groups])
        .order_by()
        .values_list("pk", flat=True)
    )
    return [group for group in groups if group.pk in empty]
