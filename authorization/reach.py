"""Which places and tokens a caller may ask about."""

from dataclasses import dataclass, field

from authorization.services.keys import Caller, Partner
from locations.access import granted_cpos, is_admin, with_sub_cpos
from tokens.access import granted_emsps


@dataclass(frozen=True, slots=True)
class Reach:
    """everything: an Admin. cpos: their places, any token. emsps: their tokens, any place. station: only this one.

    partner: these tokens at these places, and neither any other place nor any other token; all_cpos: at any place.
    """

    everything: bool = False
    cpos: frozenset[int] = frozenset()
    emsps: frozenset[int] = frozenset()
    station: int | None = None
    partner: bool = False
    all_cpos: bool = False
    any_place: bool = field(init=False)

    def __post_init__(self) -> None:
        any_place = self.everything or self.all_cpos or (bool(self.emsps) and not self.partner)
        object.__setattr__(self, "any_place", any_place)

    def has_places_of(self, cpo: int) -> bool:
        return self.any_place or cpo in self.cpos

    def any_token_at(self, cpo: int | None) -> bool:
        """Whether any token may be asked about at a place of this CPO. A station's key got no further than its own."""
        return self.everything or self.station is not None or (cpo in self.cpos and not self.partner)


def reach_of_partner(partner: Partner) -> Reach:
    return Reach(cpos=partner.cpos or frozenset(), emsps=partner.emsps, partner=True, all_cpos=partner.cpos is None)


def reach_of(caller: Caller) -> Reach:
    if caller.portal:
        return Reach(everything=True)
    if caller.partner is not None:
        return reach_of_partner(caller.partner)
    if caller.station is not None:
        return Reach(station=caller.station)
    if caller.cpo is not None:
        return Reach(cpos=with_sub_cpos({caller.cpo}))
    if caller.user is None or not caller.user.is_active:
        return Reach()
    if is_admin(caller.user):
        return Reach(everything=True)
    return Reach(cpos=granted_cpos(caller.user), emsps=granted_emsps(caller.user))
