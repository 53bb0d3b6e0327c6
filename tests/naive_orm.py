"""The decision a third time, over the ORM: row by row, object by object, as the contract's table reads.

Shares nothing with the engine or the selectors. Slow; `make bench` uses it as the answer to beat.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from authorization.models import AuthorizationListEntry, ChargeException, ExceptionGroup
from locations.models import Location
from tests.naive import ROWS
from tokens.models import Token


def answer(place: Location | None, free: bool, tokens: list[Token] | None, now: datetime) -> str:
    """The reason. place None: unknown. free: its station is known, and free. tokens None: no_authorization."""
    if place is None:
        return "UNKNOWN_LOCATION"
    if free:
        return "FREE_CHARGING"
    if tokens is None:
        return "AUTHORIZATION_REQUIRED"
    if not tokens:
        return "UNKNOWN_TOKEN"
    reasons = {token.pk: standing(token, now) or admission(place, token, now) for token in tokens}
    good = [reason for token in tokens if not standing(token, now) for reason in [reasons[token.pk]]]
    return min(good or reasons.values(), key=ROWS.index)


def standing(token: Token, now: datetime) -> str:
    holders = [holder for holder in (token.driver, token.customer, token.emsp) if holder is not None]
    if not token.valid or any(holder.blocked for holder in holders):
        return "TOKEN_BLOCKED"
    return "TOKEN_EXPIRED" if token.expires_at is not None and token.expires_at <= now else ""


def admission(place: Location, token: Token, now: datetime) -> str:
    rules = [rule for rule in ChargeException.objects.all() if is_active(rule, place, now)]
    if any(rule.action == "blacklist" and at(rule, place) and of(rule, token) for rule in rules):
        return "BLACKLISTED"
    white = [rule for rule in rules if rule.action == "whitelist"]
    here = [rule for rule in white if rule.direction == "emsp_for_cpo" and at(rule, place)]
    if here and not any(of(rule, token) for rule in here):
        return "NOT_WHITELISTED_AT_LOCATION"
    theirs = [rule for rule in white if rule.direction == "cpo_for_emsp" and of(rule, token)]
    if theirs and not any(at(rule, place) for rule in theirs):
        return "TOKEN_TIED_ELSEWHERE"
    entries = list(AuthorizationListEntry.objects.filter(location=place))
    listed = any(names(entry, token) for entry in entries)
    if entries and not listed:
        return "NOT_ON_AUTHORIZATION_LIST"
    if not entries and not place.published:
        return "LOCATION_NOT_PUBLISHED"
    if token.external and not listed and not any(at(rule, place) and of(rule, token) for rule in white):
        return "EXTERNAL_TOKEN_NOT_LISTED"
    return "ALLOWED"


def names(entry: AuthorizationListEntry, token: Token) -> bool:
    if entry.customer is not None:
        return entry.customer == token.customer
    if entry.auth_id is not None:
        return entry.auth_id == token.auth_id_normal
    return entry.token == token


def is_active(rule: ChargeException, place: Location, now: datetime) -> bool:
    wall = now.astimezone(ZoneInfo(place.time_zone)).replace(tzinfo=None)
    begun = rule.valid_from is None or rule.valid_from <= wall
    return rule.enabled and begun and (rule.valid_until is None or wall < rule.valid_until)


def at(rule: ChargeException, place: Location) -> bool:
    cpos, cpo = [], place.cpo
    while cpo is not None:
        cpos.append(cpo)
        cpo = cpo.parent
    return any(
        member.location == place if group.category == "location" else member.cpo in cpos
        for group in rule.cpo_groups.all()
        for member in group.members.all()
    )


def of(rule: ChargeException, token: Token) -> bool:
    return any(holds(group, token) for group in rule.emsp_groups.all())


def holds(group: ExceptionGroup, token: Token) -> bool:
    if group.category != "token":
        holder = getattr(token, group.category)
        return holder is not None and any(getattr(member, group.category) == holder for member in group.members.all())
    return any(
        member.auth_id == token.auth_id_normal if member.auth_id is not None else member.token == token
        for member in group.members.all()
    )
