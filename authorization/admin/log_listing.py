"""The authorization log of one object, as a list inside its page; and how a decision's cells are worded."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from authorization.access import sight
from authorization.models import Decision
from locations.access import scope_of_request, visible_to
from locations.admin_format import instant
from locations.admin_listing import Column, Listing

# What a decision's cells read besides its own row.
READ = ("location", "token", "rule", "api_key__station__location")


def log_listing(
    request: HttpRequest,
    *,
    location: Any = None,
    station: Any = None,
    token: Any = None,
    driver: Any = None,
    customer: Any = None,
    emsp: Any = None,
    rule: Any = None,
) -> Listing:
    """The decisions about one of these, newest first, that the user may see. station: those that its own keys asked."""
    named = {
        "location": location,
        "api_key__station": station,
        "token": token,
        "token__driver": driver,
        "token__customer": customer,
        "emsp": emsp,
        "rule": rule,
    }
    about = {field: value for field, value in named.items() if value is not None}
    rows = visible_to(scope_of_request(request), Decision.objects.filter(**about)).select_related(*READ)
    columns = [
        Column(_("When (UTC)"), when, address),
        Column(_("Answer"), outcome, label=colour),
        Column(_("Reason"), lambda decision: decision.reason),
    ]
    if location is None:
        columns.append(Column(_("Place"), lambda decision: place(request, decision)))
    if token is None:
        columns.append(Column(_("Charge token"), lambda decision: card(request, decision)))
    empty = (
        _("Nothing was asked with a key of this station. What others ask for it is in the log of its location.")
        if station is not None
        else _("No charger has asked yet.")
    )
    return Listing(request, "log", rows, columns, empty, title=_("Authorization log"))


def address(decision: Decision) -> str:
    return reverse("admin:authorization_decision_change", args=(decision.pk,))


def when(decision: Decision) -> str:
    return instant(decision.decided_at)


def outcome(decision: Decision) -> str:
    return _("accepted") if decision.accepted else _("rejected")


def colour(decision: Decision) -> str:
    return "success" if decision.accepted else "danger"


def place(request: HttpRequest, decision: Decision) -> str:
    """The location's name; else the place as the caller named it, where that is the user's to read."""
    seen = sight(decision, scope_of_request(request))
    return str(decision.location or (seen.place and decision.place) or "–")


def card(request: HttpRequest, decision: Decision) -> str:
    """The token's name; of an unknown or another party's token what tells it from the next one."""
    if decision.token is not None and sight(decision, scope_of_request(request)).token:
        return str(decision.token)
    if not decision.token_pseudonym:
        return "–"
    known = _("another's card %(mark)s") if decision.token_id else _("unknown card %(mark)s")
    return known % {"mark": decision.token_pseudonym[:8]}
