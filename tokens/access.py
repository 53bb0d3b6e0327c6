"""Which eMSPs a portal user was granted, and what follows for customers, drivers and tokens."""

from django.db.models import Q

from locations.access import NOTHING, PortalUser, Rule, Scope, granted, rule, within
from tokens.models import EMSP, Customer, DirectoryGrant, Driver, Token

MANAGE_EMSP = "tokens.manage_emsp"


def granted_emsps(user: PortalUser) -> frozenset[int]:
    """Primary keys of the eMSPs granted to the user."""
    return granted(user, MANAGE_EMSP, EMSP)


def emsps(scope: Scope) -> frozenset[int]:
    """Primary keys of the eMSPs granted."""
    return scope.granted.get(MANAGE_EMSP, frozenset())


def directories(scope: Scope) -> frozenset[int]:
    """Primary keys of the eMSPs that let one of the user's CPOs search their directory."""

    def find() -> frozenset[int]:
        if not scope.cpos:
            return frozenset()
        return frozenset(DirectoryGrant.objects.filter(cpo__in=scope.cpos, enabled=True).values_list("emsp", flat=True))

    return scope.once("directories", find)


def _of(column: str) -> tuple[Rule, Rule]:
    """The rule for what is managed and for what is visible of rows that belong to an eMSP by this column."""
    return (
        lambda scope: within(column, emsps(scope)),
        lambda scope: within(column, emsps(scope) | directories(scope)),
    )


for _model, _column in ((EMSP, "pk"), (Customer, "emsp"), (Driver, "customer__emsp"), (Token, "emsp")):
    _managed, _visible = _of(_column)
    rule(_model, managed=_managed, visible=_visible)


def _consents(scope: Scope) -> Q:
    return within("emsp", emsps(scope))


def _consents_and_permits(scope: Scope) -> Q:
    return _consents(scope) | (Q(cpo__in=sorted(scope.cpos), enabled=True) if scope.cpos else NOTHING)


rule(DirectoryGrant, managed=_consents, visible=_consents_and_permits)
