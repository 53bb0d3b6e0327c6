"""The decision once more, written row by row from the contract's table over a plain world.

Slow and simple on purpose: it shares no code with the engine, so that a mistake would have to be made twice.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.worlds import Ask, ChargeException, Group, Location, Token, World

ROWS = [
    "UNKNOWN_LOCATION", "FREE_CHARGING", "AUTHORIZATION_REQUIRED", "UNKNOWN_TOKEN", "TOKEN_BLOCKED", "TOKEN_EXPIRED",
    "BLACKLISTED", "NOT_WHITELISTED_AT_LOCATION", "TOKEN_TIED_ELSEWHERE", "NOT_ON_AUTHORIZATION_LIST",
    "LOCATION_NOT_PUBLISHED", "EXTERNAL_TOKEN_NOT_LISTED", "ALLOWED",
]  # fmt: skip


def answer(world: World, ask: Ask, at: datetime) -> str:
    """The reason. `at`: aware UTC."""
    location = find_place(world, ask)
    if location is None:
        return "UNKNOWN_LOCATION"
    station = ask.station
    if ask.evse is not None:
        station = location.evses[ask.evse]
    if station is not None and location.stations[station] is False:
        return "FREE_CHARGING"
    if ask.no_authorization:
        return "AUTHORIZATION_REQUIRED"
    tokens = find_tokens(world, ask)
    if not tokens:
        return "UNKNOWN_TOKEN"
    standings = [standing(world, token, at) for token in tokens]
    good = [token for token, bad in zip(tokens, standings, strict=True) if bad is None]
    reasons = [admission(world, location, token, at) for token in good] if good else [bad for bad in standings if bad]
    return min(reasons, key=ROWS.index)


def find_place(world: World, ask: Ask) -> Location | None:
    for location in world.locations.values():
        if location.id == ask.location or ask.station in location.stations or ask.evse in location.evses:
            if ask.by is None:
                return location
            cpo = world.cpos[location.cpo]
            while cpo.id != ask.by:
                if cpo.parent is None:
                    return None
                cpo = world.cpos[cpo.parent]
            return location
    return None


def find_tokens(world: World, ask: Ask) -> list[Token]:
    if ask.token:
        return [world.tokens[ask.token]]
    if ask.uid:
        return [token for token in world.tokens.values() if token.uid == ask.uid and token.type == ask.type]
    found = [token for token in world.tokens.values() if same_auth_id(token.auth_id, ask.auth_id)]
    emaid = [token for token in found if token.type == "EMAID"]
    return emaid if emaid else found


def same_auth_id(one: str | None, other: str | None) -> bool:
    return bool(one and other) and str(one).upper().replace("-", "") == str(other).upper().replace("-", "")


def standing(world: World, token: Token, at: datetime) -> str | None:
    if not token.valid:
        return "TOKEN_BLOCKED"
    if token.driver and world.drivers[token.driver].blocked:
        return "TOKEN_BLOCKED"
    if token.customer and world.customers[token.customer].blocked:
        return "TOKEN_BLOCKED"
    if token.emsp and world.emsps[token.emsp].blocked:
        return "TOKEN_BLOCKED"
    if token.expires_at and token.expires_at <= at:
        return "TOKEN_EXPIRED"
    return None


def admission(world: World, location: Location, token: Token, at: datetime) -> str:
    active = [rule for rule in world.exceptions.values() if is_active(world, location, rule, at)]
    for rule in active:
        if rule.action == "blacklist" and covers_both(world, rule, location, token):
            return "BLACKLISTED"
    whitelists = [rule for rule in active if rule.action == "whitelist"]
    at_place = [r for r in whitelists if r.direction == "emsp_for_cpo" and covers_place(world, r, location)]
    if at_place and not any(covers_token(world, rule, token) for rule in at_place):
        return "NOT_WHITELISTED_AT_LOCATION"
    of_token = [r for r in whitelists if r.direction == "cpo_for_emsp" and covers_token(world, r, token)]
    if of_token and not any(covers_place(world, rule, location) for rule in of_token):
        return "TOKEN_TIED_ELSEWHERE"
    private = bool(location.list_customers or location.list_tokens or location.list_auth_ids)
    listed = token.customer in location.list_customers or names_token(
        world, location.list_tokens, location.list_auth_ids, token
    )
    if private and not listed:
        return "NOT_ON_AUTHORIZATION_LIST"
    if not private and not location.published:
        return "LOCATION_NOT_PUBLISHED"
    if token.external and not listed and not any(covers_both(world, rule, location, token) for rule in whitelists):
        return "EXTERNAL_TOKEN_NOT_LISTED"
    return "ALLOWED"


def is_active(world: World, location: Location, rule: ChargeException, at: datetime) -> bool:
    offset = at.astimezone(ZoneInfo(location.zone or world.cpos[location.cpo].zone)).utcoffset()
    assert offset is not None
    wall_clock = at.astimezone(UTC).replace(tzinfo=None) + offset
    if rule.valid_from is not None and wall_clock < rule.valid_from:
        return False
    if rule.valid_until is not None and wall_clock >= rule.valid_until:
        return False
    return rule.enabled


def covers_both(world: World, rule: ChargeException, location: Location, token: Token) -> bool:
    return covers_place(world, rule, location) and covers_token(world, rule, token)


def covers_place(world: World, rule: ChargeException, location: Location) -> bool:
    return any(group_covers_place(world, world.groups[name], location) for name in rule.cpo_groups)


def group_covers_place(world: World, group: Group, location: Location) -> bool:
    if group.category == "location":
        return location.id in group.members
    cpo: str | None = location.cpo
    while cpo is not None:
        if cpo in group.members:
            return True
        cpo = world.cpos[cpo].parent
    return False


def covers_token(world: World, rule: ChargeException, token: Token) -> bool:
    return any(group_covers_token(world, world.groups[name], token) for name in rule.emsp_groups)


def group_covers_token(world: World, group: Group, token: Token) -> bool:
    if group.category == "token":
        return names_token(world, group.members, group.auth_ids, token)
    return {"emsp": token.emsp, "customer": token.customer, "driver": token.driver}[group.category] in group.members


def names_token(world: World, members: tuple[str, ...], auth_ids: tuple[str, ...], token: Token) -> bool:
    if token.id in members:
        return True
    if any(same_auth_id(auth_id, token.auth_id) for auth_id in auth_ids):
        return True
    return any(same_auth_id(world.tokens[member].auth_id, token.auth_id) for member in members)
