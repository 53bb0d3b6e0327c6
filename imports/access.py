"""Who may import what. An import is its owner's, for as long as the party that it goes into is the owner's too."""

from typing import Any

from django.db.models import Q

from imports.models import TARGETS, Import, Kind, Status
from locations.access import NOTHING, Scope, managed_by, rule, within
from tokens.access import emsps

# What a role has to allow for each kind; the target has to be managed as well.
NEEDED = {
    Kind.TOKENS: ("tokens.add_token", "tokens.change_token"),
    Kind.AUTHORIZATION_LIST: ("locations.change_location",),
    Kind.GROUP_MEMBERS: ("authorization.change_exceptiongroup",),
    Kind.LOCATIONS: ("locations.add_location", "locations.change_location"),
}


def may_import(scope: Scope, kind: str) -> bool:
    """Whether a role of the user allows an import of this kind at all."""
    return all(scope.may(permission) for permission in NEEDED[Kind(kind)])


def _own(scope: Scope) -> Q:
    if scope.user is None:
        return NOTHING
    into_own = (
        within("emsp", emsps(scope))
        | within("location__cpo", scope.cpos)
        | within("cpo", scope.cpos)
        | within("group__owner_cpo", scope.cpos)
        | within("group__owner_emsp", emsps(scope))
    )
    return Q(owner=scope.user) & into_own


def past(scope: Scope, kind: Kind, into: Any) -> Any:
    """The imports into one eMSP, location, group or CPO, for who manages it: one's own, and what others finalised."""
    mine = managed_by(scope, type(into)._default_manager.filter(pk=into.pk)).order_by().values("pk")
    found = Import.objects.filter(**{"kind": kind, f"{TARGETS[kind]}__in": mine})
    return found if scope.everything else found.filter(Q(owner=scope.user) | Q(status=Status.FINALISED))


rule(Import, managed=_own)
