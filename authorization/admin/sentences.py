"""What a rule does, said in one sentence. Plain text; the pages escape it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.text import get_text_list

# The wall clocks of the world, relative to UTC. Between these, an exception begins or ends zone by zone.
EARLIEST, LATEST = timedelta(hours=14), timedelta(hours=-12)
AT_MOST = 4


def moment(value: datetime) -> str:
    """1 Dec 2026 08:00"""
    return f"{value.day} {value:%b %Y %H:%M}"


def names(groups: Iterable[object]) -> str:
    """Fleet A, Fleet B or Fleet C; a long list is cut."""
    known = [str(group) for group in groups]
    if len(known) > AT_MOST:
        known = [*known[: AT_MOST - 1], f"{len(known) - AT_MOST + 1} more groups"]
    return get_text_list(known, "or")


def validity(valid_from: datetime | None, valid_until: datetime | None) -> str:
    """`, from 1 Dec 2026 08:00 until 31 Jan 2027 18:00, local time at each location`; empty without bounds."""
    bounds = [f"from {moment(valid_from)}"] if valid_from else []
    bounds += [f"until {moment(valid_until)}"] if valid_until else []
    return f", {' '.join(bounds)}, local time at each location" if bounds else ""


def effect(
    action: str,
    direction: str,
    places: Iterable[object],
    tokens: Iterable[object],
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> str:
    """Only cards of Fleet A may charge at Depot North, from 1 Dec 2026 08:00, local time at each location."""
    where, who = names(places), names(tokens)
    when = validity(valid_from, valid_until)
    if action == "blacklist":
        return f"Cards of {who} may not charge at {where}{when}."
    if direction == "cpo_for_emsp":
        return f"Cards of {who} may charge only at {where}{when}."
    return f"Only cards of {who} may charge at {where}{when}."


def state(enabled: bool, valid_from: datetime | None, valid_until: datetime | None, utc: datetime) -> str:
    """`disabled`, `ended`, `scheduled`, `active`; `active in some zones` where the world's clocks disagree.

    `utc`: now in UTC, without a zone, as the bounds are.
    """
    if not enabled:
        return "disabled"
    if valid_until and valid_until <= utc + LATEST:
        return "ended"
    if valid_from and valid_from > utc + EARLIEST:
        return "scheduled"
    begun = valid_from is None or valid_from <= utc + LATEST
    lasting = valid_until is None or valid_until > utc + EARLIEST
    return "active" if begun and lasting else "active in some zones"


def location_state(published: bool, customers: int, tokens: int) -> str:
    """Whether a location is public, private or closed, and why."""
    if customers or tokens:
        listed = [f"{customers:,} customer{'s' * (customers != 1)}"] if customers else []
        listed += [f"{tokens:,} charge token{'s' * (tokens != 1)}"] if tokens else []
        who = " and ".join(listed)
        return f"Private: only the {who} on its authorization list may charge here, and it is not published."
    if published:
        return "Public: every valid charge token may charge here, unless an exception says otherwise."
    return (
        "Closed: nobody may charge here, because it is not published and its authorization list is empty. "
        "Publish it to open it to everyone, or put customers or charge tokens on its list."
    )
