"""What a rule does, said in one sentence. Plain text; the pages escape it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from locations.admin_format import moment

# The wall clocks of the world, relative to UTC. Between these, an exception begins or ends zone by zone.
EARLIEST, LATEST = timedelta(hours=14), timedelta(hours=-12)
AT_MOST = 4
# What `state` answers, for people.
STATES = {
    "active": gettext_lazy("active"),
    "changing": gettext_lazy("active in some zones"),
    "scheduled": gettext_lazy("scheduled"),
    "ended": gettext_lazy("ended"),
    "disabled": gettext_lazy("disabled"),
}
STATE_COLOURS = {
    "active": "success",
    "changing": "warning",
    "scheduled": "info",
    "ended": "default",
    "disabled": "default",
}


def names(groups: Iterable[object], mark: Callable[[object], str] = str) -> str:
    """Fleet A, Fleet B or Fleet C; a long list is cut. mark: how to write a name."""
    known = list(groups)
    said = [mark(group) for group in known]
    if len(said) > AT_MOST:
        more = len(said) - AT_MOST + 1
        said = [
            *said[: AT_MOST - 1],
            ngettext("%(number)d more group", "%(number)d more groups", more) % {"number": more},
        ]
    return get_text_list(said, _("or"))


def quoted(known: Sequence[object], most: int = 3) -> str:
    """“One”, “two” and others"""
    said = [f"“{name}”" for name in known[:most]] + ([_("others")] if len(known) > most else [])
    return get_text_list(said, _("and"))


def when(valid_from: datetime | None, valid_until: datetime | None) -> str:
    """`from 1 Dec 2026 08:00 until 31 Jan 2027 18:00`; empty without bounds."""
    bounds = {name: moment(bound) for name, bound in (("begin", valid_from), ("end", valid_until)) if bound}
    if len(bounds) == 2:
        return _("from %(begin)s until %(end)s") % bounds
    return (_("from %(begin)s") if "begin" in bounds else _("until %(end)s") if bounds else "") % bounds


def effect(
    action: str,
    direction: str,
    places: Iterable[object],
    tokens: Iterable[object],
    valid_from: datetime | None,
    valid_until: datetime | None,
    *,
    mark: Callable[[object], str] = str,
) -> str:
    """Only cards of Fleet A may charge at Depot North, from 1 Dec 2026 08:00, local time at each charger."""
    parts = {"where": names(places, mark), "who": names(tokens, mark), "when": when(valid_from, valid_until)}
    if action == "blacklist":
        said = _("Cards of %(who)s may not charge at %(where)s")
    elif direction == "cpo_for_emsp":
        said = _("Cards of %(who)s may charge only at %(where)s")
    else:
        said = _("Only cards of %(who)s may charge at %(where)s")
    return (said + (_(", %(when)s, local time at each charger.") if parts["when"] else ".")) % parts


def effect_marked(*parts: Any) -> SafeString:
    """As `effect`, for a page: the names stand out."""
    return mark_safe(effect(*parts, mark=_strong))  # noqa: S308  # _strong escapes the names


def effect_cell(*parts: Any) -> SafeString:
    """As `effect_marked`, for a cell of a list, whose parts stand side by side on a phone."""
    return format_html("<span>{}</span>", effect_marked(*parts))


def _strong(name: object) -> str:
    return format_html("<strong>{}</strong>", name)


def state(enabled: bool, valid_from: datetime | None, valid_until: datetime | None, utc: datetime) -> str:
    """One of STATES; `changing` where the world's clocks disagree.

    `utc`: now in UTC, without a zone, as the bounds are.
    """
    earliest, latest = (state_at(enabled, valid_from, valid_until, utc + offset) for offset in (EARLIEST, LATEST))
    return earliest if earliest == latest else "changing"


def state_at(enabled: bool, valid_from: datetime | None, valid_until: datetime | None, local: datetime) -> str:
    """One of STATES, at one location. `local`: its wall clock."""
    if not enabled:
        return "disabled"
    if valid_until and valid_until <= local:
        return "ended"
    return "scheduled" if valid_from and valid_from > local else "active"


def location_state(published: bool, customers: int, tokens: int) -> str:
    """Whether a location is public, private or closed, and why."""
    if customers or tokens:
        listed = []
        if customers:
            text = ngettext("%(number)s customer", "%(number)s customers", customers)
            listed.append(text % {"number": intcomma(customers)})
        if tokens:
            text = ngettext("%(number)s charge token", "%(number)s charge tokens", tokens)
            listed.append(text % {"number": intcomma(tokens)})
        text = _("Private: only the %(who)s on its authorization list may charge here, and it is not published.")
        return text % {"who": get_text_list(listed, _("and"))}
    if published:
        return _("Public: every valid charge token may charge here, unless an exception says otherwise.")
    return _(
        "Closed: nobody may charge here, because it is not published and its authorization list is empty. "
        "Publish it to open it to everyone, or put customers or charge tokens on its list."
    )
