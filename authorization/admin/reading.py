"""An explained decision in a person's words: what each row looked at, and what would have to change."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from authorization.engine.types import Considered, Reason, Step
from authorization.models import ChargeException
from authorization.services import Answer
from locations.access import managed_by, scope_of_request, visible_to
from locations.admin_format import moment
from locations.models import EVSE, ChargeStation, Location
from tokens.models import Token

QUESTIONS = {
    1: gettext_lazy("Is the place known, and one that the asker may ask about?"),
    2: gettext_lazy("May everybody charge at this station, without a card?"),
    3: gettext_lazy("Was no card presented, where one is needed?"),
    4: gettext_lazy("Is the charge token known?"),
    5: gettext_lazy("Is the token blocked, or its driver, customer or eMSP?"),
    6: gettext_lazy("Has the token expired?"),
    7: gettext_lazy("Does an active blacklist cover this place and this token?"),
    8: gettext_lazy("Do the place's whitelists leave this token out?"),
    9: gettext_lazy("Is the token tied to other places by whitelists?"),
    10: gettext_lazy("Is the location private, and is the token missing on its list?"),
    11: gettext_lazy("Is the location closed to the public?"),
    12: gettext_lazy("Is the token external, and does nothing here name it?"),
    13: gettext_lazy("Otherwise the token may charge."),
}


# What the engine says to chargers, in English, for translation.
MESSAGES = (
    gettext_noop("This charging location is not known here."),
    gettext_noop("Everyone may charge at this station without authorization."),
    gettext_noop("This place requires a charge token."),
    gettext_noop("This charge token is not known here."),
    gettext_noop("This charge token is blocked."),
    gettext_noop("This charge token has expired."),
    gettext_noop("A blacklist keeps this charge token from charging at this location."),
    gettext_noop("This location accepts only whitelisted charge tokens, and this one is not among them."),
    gettext_noop("This charge token may be used only at certain other locations."),
    gettext_noop("This location is private, and this charge token is not on its authorization list."),
    gettext_noop("This location is not open to the public."),
    gettext_noop("This charge token belongs to a provider unknown here, and nothing at this location names it."),
    gettext_noop("This charge token may charge here."),
)
STATES = {"active": gettext_lazy("active"), "disabled": gettext_lazy("disabled")}


def message(reason: Reason) -> str:
    """The reason's sentence, in the reader's language."""
    return _(reason.message)


def _state(why: str) -> str:
    """What the engine says of an exception (`active`, `disabled`, `starts …`, `ended …`) in the reader's language."""
    word, _space, when = why.partition(" ")
    if word == "starts":
        return _("starts %(when)s") % {"when": when}
    return _("ended %(when)s") % {"when": when} if word == "ended" else str(STATES.get(word, why))


class Said(NamedTuple):
    """A sentence, and the page of what it speaks of (empty: none that the user may open)."""

    text: str
    link: str = ""


class Line(NamedTuple):
    """A row of the table as it is read. outcome: pass, match or skipped."""

    row: int
    question: str
    reason: str
    outcome: str
    said: list[Said]


class Links:
    """Addresses of pages that the request's user may open."""

    def __init__(self, request: HttpRequest) -> None:
        self.scope = scope_of_request(request)

    def to(self, obj: Any, page: str = "change") -> str:
        """The object's page, where the user may open it."""
        if obj is None:
            return ""
        options, scope = obj._meta, self.scope
        of_its_own = isinstance(obj, Location | ChargeStation)
        if not scope.may(f"{options.app_label}.view_{options.model_name}") or (
            of_its_own
            and not scope.everything
            and not managed_by(scope, type(obj)._default_manager.filter(pk=obj.pk)).exists()
        ):
            return ""
        return _address(f"{options.app_label}_{options.model_name}_{page}", obj.pk)

    def to_list(self, model: Any) -> str:
        options = model._meta
        may = self.scope.may(f"{options.app_label}.view_{options.model_name}")
        return _address(f"{options.app_label}_{options.model_name}_changelist") if may else ""


class Reading(Links):
    """One explained answer, for one reader."""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        super().__init__(request)
        assert answer.explanation is not None  # noqa: S101 - explain() always has one
        self.answer, self.explanation = answer, answer.explanation
        self.location, self.station = self._location(), self._station()
        self.token = self._token()
        considered = {item.id for step in self.explanation.steps for item in step.considered}
        seen = visible_to(self.scope, ChargeException.objects.filter(pk__in=considered))
        self.exceptions: dict[int, ChargeException] = seen.in_bulk()

    def _location(self) -> Location | None:
        place = self.answer.facts.request.place
        rows = visible_to(self.scope, Location.objects.select_related("cpo"))
        return rows.filter(pk=place.location).first() if place else None

    def _station(self) -> ChargeStation | None:
        question = self.answer.question
        stations = managed_by(self.scope, ChargeStation.objects.all())
        if question.station_normal:
            return stations.filter(identity_normal=question.station_normal).first()
        if question.evse_id_normal:
            at = EVSE.objects.filter(evse_id_normal=question.evse_id_normal).values("station")
            return stations.filter(pk__in=at).first()
        return None

    def _token(self) -> Token | None:
        rows = visible_to(self.scope, Token.objects.select_related("emsp", "customer", "driver"))
        return rows.filter(pk=self.answer.verdict.token).first() if self.answer.verdict.token else None

    @property
    def verdict(self) -> Any:
        return self.answer.verdict

    @property
    def sentence(self) -> str:
        status = _("Accepted") if self.verdict.accepted else _("Rejected")
        return f"{status}: {message(self.verdict.reason)}"

    @property
    def lines(self) -> list[Line]:
        return [
            Line(
                step.row,
                str(QUESTIONS[step.row]),
                step.reason.value,
                step.outcome,
                [] if step.outcome == "skipped" else list(self._looked_at(step)),
            )
            for step in self.explanation.steps
        ]

    def _looked_at(self, step: Step) -> Iterator[Said]:
        place, about = self.answer.facts.request.place, self._decided_on()
        if step.row == 1:
            yield self._place_said()
        elif step.row == 2 and place is not None:
            yield self._station_said()
        elif step.row == 4:
            yield from self._tokens_said()
        elif step.row == 5 and about is not None:
            yield from self._blocked_said(about.blocked)
        elif step.row == 6 and about is not None:
            yield Said(
                _("It expires on %(date)s UTC.") % {"date": moment(about.expires_at)}
                if about.expires_at
                else _("It never expires.")
            )
        elif step.row == 10 and place is not None:
            yield self._list_said(place.private, about is not None and about.listed)
        elif step.row == 11 and place is not None:
            yield Said(_("The location is published.") if place.published else _("The location is not published."))
        elif step.row == 12 and about is not None:
            yield Said(_("The token is external.") if about.external else _("The token is not external."))
        yield from (self._exception_said(item) for item in step.considered)
        if step.row in (7, 8, 9) and not step.considered:
            yield Said(_("There is none."))

    def _decided_on(self) -> Any:
        tokens = self.answer.facts.request.tokens
        return next((token for token in tokens if token.key == self.verdict.token), None)

    def _place_said(self) -> Said:
        if self.location is None:
            return Said(_("No such place among those that may be asked about."))
        return Said(f"{self.location} ({self.location.cpo})", self.to(self.location))

    def _station_said(self) -> Said:
        if self.station is None:
            return Said(_("No charge station was named."))
        text = (
            _("%(station)s requires authorization.")
            if self.station.authorization_required
            else _("%(station)s does not require authorization.")
        )
        return Said(text % {"station": self.station}, self.to(self.station))

    def _tokens_said(self) -> Iterator[Said]:
        keys = [token.key for token in self.answer.facts.request.tokens]
        seen = visible_to(self.scope, Token.objects.select_related("emsp")).in_bulk(keys)
        for key in keys[:10]:
            token = seen.get(key)
            yield (
                Said(f"{token} ({token.emsp or _('external')})", self.to(token))
                if token
                else Said(_("A card of another party."))
            )
        if not keys:
            yield Said(_("No charge token has this id."))

    def _blocked_said(self, blocked: bool) -> Iterator[Said]:
        if not blocked:
            yield Said(_("None of them is."))
        elif self.token is None:
            yield Said(_("Yes: its provider knows which of them."))
        else:
            yield from (Said(_("%(who)s is blocked.") % {"who": who}, self.to(who)) for who in self.blocking())

    def blocking(self) -> list[Any]:
        """The token, driver, customer or eMSP that is blocked, of a token that the user sees."""
        token = self.token
        if token is None:
            return []
        owners = [owner for owner in (token.driver, token.customer, token.emsp) if owner is not None and owner.blocked]
        return ([] if token.valid else [token]) + owners

    def _list_said(self, private: bool, listed: bool) -> Said:
        if not private:
            return Said(_("The location is not private."), self.to(self.location, "authorization"))
        text = _("It is private, and the token is on its list.") if listed else _("It is private; not on its list.")
        return Said(text, self.to(self.location, "authorization"))

    def _exception_said(self, item: Considered) -> Said:
        row = self.exceptions.get(item.id)
        covers = {
            (True, True): _("covers the place and the token"),
            (True, False): _("covers the place, not the token"),
            (False, True): _("covers the token, not the place"),
            (False, False): _("covers neither"),
        }[item.covers_place, item.covers_token]
        name = f"“{item.name}”" if row is not None else _("An exception of another party")
        return Said(f"{name}: {_state(item.why)}; {covers}.", self.to(row))

    @property
    def remedies(self) -> list[Said]:
        """What would have to change for the other answer. Rows further down are asked then, and may refuse too."""
        match self.verdict.reason:
            case Reason.UNKNOWN_LOCATION:
                return [Said(_("Check the id of the EVSE, station or location, and whose key asks; or add the place."))]
            case Reason.FREE_CHARGING:
                return [Said(_("Have the station require authorization."), self.to(self.station))]
            case Reason.AUTHORIZATION_REQUIRED:
                return [
                    Said(_("Present a charge token, or let the station charge without one."), self.to(self.station))
                ]
            case Reason.UNKNOWN_TOKEN:
                return [Said(_("Check the id and its type; or the eMSP adds the charge token."), self.to_list(Token))]
            case Reason.TOKEN_BLOCKED:
                blocking = self.blocking()
                if not blocking:
                    return [Said(_("Its provider unblocks it."))]
                return [Said(_("Unblock %(who)s.") % {"who": who}, self.to(who)) for who in blocking]
            case Reason.TOKEN_EXPIRED:
                return [Said(_("Give the token a later expiry date, or none."), self.to(self.token))]
            case Reason.BLACKLISTED:
                text = _("End or disable %(name)s, or take the token or the place out of its groups.")
                return list(self._each(7, text, covering=True))
            case Reason.NOT_WHITELISTED_AT_LOCATION:
                text = _("Put the token, its driver, customer or eMSP into a group of %(name)s, or end it.")
                return list(self._each(8, text))
            case Reason.TOKEN_TIED_ELSEWHERE:
                text = _("Put the location or its CPO into a group of %(name)s, or end it.")
                return list(self._each(9, text))
            case Reason.NOT_ON_AUTHORIZATION_LIST:
                text = _("Put the token or its customer on the location's authorization list.")
                return [Said(text, self.to(self.location, "authorization"))]
            case Reason.LOCATION_NOT_PUBLISHED:
                return [Said(_("Publish the location."), self.to(self.location, "publish"))]
            case Reason.EXTERNAL_TOKEN_NOT_LISTED:
                text = _("Name the token on the location's list, or in a whitelist's group that also has the place.")
                return [Said(text, self.to(self.location, "authorization"))]
        return [
            Said(_("Block the token."), self.to(self.token)),
            Said(_("Make a blacklist that covers the place and the token."), self.to_list(ChargeException)),
            Said(_("Make the location private with a list without it."), self.to(self.location, "authorization")),
        ]

    def _each(self, row: int, text: str, *, covering: bool = False) -> Iterator[Said]:
        step = next(step for step in self.explanation.steps if step.row == row)
        for item in step.considered:
            if item.active and (not covering or (item.covers_place and item.covers_token)):
                seen = self.exceptions.get(item.id)
                if seen is None:
                    yield Said(_("The party whose exception this is ends or changes it: you may not see it."))
                else:
                    yield Said(text % {"name": f"“{item.name}”"}, self.to(seen))


def _address(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)
