"""Whose groups and exceptions are, and what an owner may say with them: the same for the API and for the portal."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from authorization.models import CPO_SIDE, EMSP_SIDE, Direction, ExceptionGroup, Owned
from locations.access import MANAGE_CPO, Scope, visible_to, with_sub_cpos, within
from tokens.access import emsps

SIDES = {"cpo": CPO_SIDE, "emsp": EMSP_SIDE}
DIRECTIONS = {"cpo": Direction.EMSP_FOR_CPO, "emsp": Direction.CPO_FOR_EMSP}


class Owner(NamedTuple):
    """Primary key of a CPO or of an eMSP; neither: an Admin's."""

    cpo: int | None = None
    emsp: int | None = None

    @property
    def side(self) -> str:
        """`cpo` or `emsp`: the side of an exception that is the owner's own; empty for an Admin's."""
        return "cpo" if self.cpo is not None else "emsp" if self.emsp is not None else ""

    @property
    def parties(self) -> frozenset[int]:
        """The owner, and of a CPO all below it."""
        if self.cpo is not None:
            return with_sub_cpos({self.cpo})
        return frozenset({self.emsp} if self.emsp is not None else ())


def owner_of(row: Owned) -> Owner:
    return Owner(row.owner_cpo_id, row.owner_emsp_id)


def own_parties(scope: Scope) -> list[Owner]:
    """The parties granted, as owners: sub-CPOs come with theirs and are not counted."""
    cpos = scope.granted.get(MANAGE_CPO, frozenset())
    return [Owner(cpo=pk) for pk in sorted(cpos)] + [Owner(emsp=pk) for pk in sorted(emsps(scope))]


def groups_for(owner: Owner, side: str, scope: Scope) -> QuerySet[ExceptionGroup]:
    """The groups that the user may put on a side of an exception of this owner."""
    rows = visible_to(scope, ExceptionGroup.objects.filter(category__in=SIDES[side]))
    if not scope.everything and side == owner.side:
        rows = rows.filter(within(f"owner_{side}", owner.parties))
    return rows


def restrict_own_side_only(owner: Owner, direction: str | None, groups: Iterable[Any]) -> None:
    """A CPO says who may charge at its places, an eMSP where its cards may: nobody the other way round.

    groups: those on the owner's own side. Raises ValidationError for `direction` or for `cpo_groups`, `emsp_groups`.
    """
    side = owner.side
    if direction != DIRECTIONS[side]:
        party = _("a CPO") if side == "cpo" else _("an eMSP")
        text = _("An exception of %(party)s has the direction %(direction)s.") % {
            "party": party,
            "direction": DIRECTIONS[side].value,
        }
        raise ValidationError({"direction": ValidationError(text, "other_side")})
    own = owner.parties
    if any(getattr(group, f"owner_{side}_id") not in own for group in groups):
        text = _("On its own side an exception takes groups of its owner alone; global ones stand on the other side.")
        raise ValidationError({f"{side}_groups": ValidationError(text, "other_side")})
