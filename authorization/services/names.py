"""Whose an Auth ID is: what another party has named or carries is not a manager's to take."""

from collections.abc import Sequence

from django.db.models import Q

from authorization.models import AuthorizationListEntry, GroupMember
from locations.access import Scope
from tokens import ids
from tokens.access import emsps
from tokens.models import Token
from tokens.services import begins_with_party


def others_auth_ids(tokens: Sequence[Token], scope: Scope) -> set[str]:
    """Auth IDs of these tokens, as entered, that the user may not give them: another party has named them, or carries
    them, and they do not begin with the eMSP's own party. The tokens are cleaned; an Admin may give any."""
    if scope.everything:
        return set()
    forms: dict[str, str] = {}
    for token in tokens:
        if token.auth_id and token.emsp is not None:
            form = ids.auth_id(token.auth_id)
            if not begins_with_party(form, token.emsp):
                forms[token.auth_id] = form
    taken = _of_others(set(forms.values()), scope) if forms else set()
    return {raw for raw, form in forms.items() if form in taken}


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
