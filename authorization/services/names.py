"""Whose an Auth ID is: what another party has named or carries is not a manager's to take."""

from collections.abc import Iterable, Sequence
from zlib import crc32

from django.db import connection
from django.db.models import Q

from authorization.models import AuthorizationListEntry, GroupMember
from locations.access import Scope
from tokens import ids
from tokens.access import emsps
from tokens.models import Token
from tokens.services import begins_with_party

TAKEN = "This Auth ID is taken."
# The class of the advisory locks, and how many there are: one for each name would fill the database's lock table.
LOCKS, STRIPES = 0x617574, 256


def may_carry(token: Token, scope: Scope, before: tuple[str | None, int | None] = (None, None)) -> bool:
    """Whether the user may give the token its Auth ID. before: its Auth ID and eMSP as they were, which stay its own,
    whoever has named them since. As others_auth_ids."""
    return (token.auth_id, token.emsp_id) == before or not others_auth_ids([token], scope)


def others_auth_ids(tokens: Sequence[Token], scope: Scope) -> set[str]:
    """Auth IDs of these tokens, as entered, that the user may not give them: another party has named them, or carries
    them, and they do not begin with the eMSP's own party. The tokens are cleaned; an Admin may give any.

    Call in the transaction that saves them: until it ends, nobody else is told that the same Auth IDs are free.
    """
    if scope.everything:
        return set()
    forms: dict[str, str] = {}
    for token in tokens:
        if token.auth_id and token.emsp is not None:
            form = ids.auth_id(token.auth_id)
            if not begins_with_party(form, token.emsp):
                forms[token.auth_id] = form
    if not forms:
        return set()
    _lock(forms.values())
    taken = _of_others(set(forms.values()), scope)
    return {raw for raw, form in forms.items() if form in taken}


def _lock(forms: Iterable[str]) -> None:
    stripes = sorted({crc32(form.encode()) % STRIPES for form in forms})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, stripe) FROM unnest(%s::int[]) AS stripe", [LOCKS, stripes])


def _of_others(forms: set[str], scope: Scope) -> set[str]:
    named = Q(auth_id__in=forms)
    own_groups = Q(group__owner_cpo__in=scope.cpos) | Q(group__owner_emsp__in=emsps(scope))
    members = GroupMember.objects.filter(named).exclude(own_groups)
    entries = AuthorizationListEntry.objects.filter(named).exclude(location__cpo__in=scope.cpos)
    # An external token is nobody's here, whoever named it.
    carriers = Token.objects.filter(auth_id_normal__in=forms).exclude(emsp__in=emsps(scope))
    return {
        *members.values_list("auth_id", flat=True),
        *entries.values_list("auth_id", flat=True),
        *carriers.values_list("auth_id_normal", flat=True),
    } - {None}
