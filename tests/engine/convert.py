"""A plain world as the engine's rows, as authorization/selectors.py makes them from the database."""

from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Place, Request, Rule, Token
from tests import worlds
from tests.worlds import Ask, World, normal_auth_id


def rules_of(world: World, *, backwards: bool = False) -> Rules:
    rows = rows_of(world)
    return compile_rules(reversed(rows) if backwards else rows)


def rows_of(world: World) -> list[Rule]:
    numbers = _numbers(world.groups)
    return [
        Rule(
            id=number,
            name=exception.id,
            enabled=exception.enabled,
            blacklist=exception.action == "blacklist",
            emsp_for_cpo=exception.direction == "emsp_for_cpo",
            valid_from=exception.valid_from,
            valid_until=exception.valid_until,
            cpo_groups=tuple(sorted(numbers[group] for group in exception.cpo_groups)),
            emsp_groups=tuple(sorted(numbers[group] for group in exception.emsp_groups)),
        )
        for number, exception in enumerate(world.exceptions.values(), start=1)
    ]


def request_of(world: World, ask: Ask) -> Request:
    location = _location_of(world, ask)
    place = None if location is None else _place(world, location, _is_free(location, ask))
    tokens = tuple(_token(world, location, token) for token in _matching(world, ask))
    return Request(place, tokens, ask.no_authorization)


def _location_of(world: World, ask: Ask) -> worlds.Location | None:
    for location in world.locations.values():
        named = ask.location == location.id or ask.station in location.stations or ask.evse in location.evses
        if named and (ask.by is None or ask.by in world.cpo_and_above(location.cpo)):
            return location
    return None


def _is_free(location: worlds.Location, ask: Ask) -> bool:
    station = ask.station or (location.evses[ask.evse] if ask.evse else None)
    return station is not None and not location.stations[station]


def _place(world: World, location: worlds.Location, free: bool) -> Place:
    chain = set(world.cpo_and_above(location.cpo))
    covering = {
        group.id
        for group in world.groups.values()
        if (group.category == "location" and location.id in group.members)
        or (group.category == "cpo" and chain & set(group.members))
    }
    numbers = _numbers(world.groups)
    return Place(
        location=_numbers(world.locations)[location.id],
        zone=world.zone_of(location),
        groups=tuple(sorted(numbers[group] for group in covering)),
        private=location.private,
        published=location.published,
        free=free,
    )


def _matching(world: World, ask: Ask) -> list[worlds.Token]:
    tokens = world.tokens.values()
    if ask.token is not None:
        return [world.tokens[ask.token]]
    if ask.uid is not None:
        return [token for token in tokens if (token.type, token.uid) == (ask.type, ask.uid)]
    if ask.auth_id is None:
        return []
    same = [each for each in tokens if each.auth_id and normal_auth_id(each.auth_id) == normal_auth_id(ask.auth_id)]
    return [token for token in same if token.type == "EMAID"] or same


def _token(world: World, location: worlds.Location | None, token: worlds.Token) -> Token:
    holders = {"driver": token.driver, "customer": token.customer, "emsp": token.emsp}
    covering = {
        group.id
        for group in world.groups.values()
        if (group.category == "token" and _names(world, group.members, group.auth_ids, token))
        or (group.category in holders and holders[group.category] in group.members)
    }
    numbers = _numbers(world.groups)
    return Token(
        key=_numbers(world.tokens)[token.id],
        groups=tuple(sorted(numbers[group] for group in covering)),
        blocked=_is_blocked(world, token),
        expires_at=token.expires_at,
        external=token.external,
        listed=location is not None
        and (
            token.customer in location.list_customers
            or _names(world, location.list_tokens, location.list_auth_ids, token)
        ),
    )


def _is_blocked(world: World, token: worlds.Token) -> bool:
    return (
        not token.valid
        or (token.driver is not None and world.drivers[token.driver].blocked)
        or (token.customer is not None and world.customers[token.customer].blocked)
        or (token.emsp is not None and world.emsps[token.emsp].blocked)
    )


def _names(world: World, ids: tuple[str, ...], auth_ids: tuple[str, ...], token: worlds.Token) -> bool:
    """Naming a token names its Auth ID, where it has one."""
    named = {normal_auth_id(auth_id) for auth_id in auth_ids}
    named |= {normal_auth_id(each.auth_id) for each in map(world.tokens.__getitem__, ids) if each.auth_id}
    return token.id in ids or (token.auth_id is not None and normal_auth_id(token.auth_id) in named)


def _numbers(things: dict[str, worlds.Group] | dict[str, worlds.Location] | dict[str, worlds.Token]) -> dict[str, int]:
    return {name: number for number, name in enumerate(things, start=1)}
