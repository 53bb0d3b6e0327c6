"""Which groups, exceptions, decisions and keys a portal user sees and manages."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from authorization.models import ApiKey, ChargeException, Decision, ExceptionGroup, Owned
from locations.access import NOTHING, Scope, rule, visible_to, within
from tokens.access import directories, emsps

GLOBAL = Q(owner_cpo=None, owner_emsp=None)


def owned(scope: Scope) -> Q:
    """What the user's parties made."""
    return within("owner_cpo", scope.cpos) | within("owner_emsp", emsps(scope))


def owned_or_global(scope: Scope) -> Q:
    """An Admin's are everybody's to see and use; who is nobody's manager sees none."""
    return owned(scope) | GLOBAL if scope.cpos or emsps(scope) else NOTHING


def sees_owned(scope: Scope, row: Owned) -> bool:
    """As owned_or_global, of a row at hand and for a manager of something."""
    if row.owner_cpo_id is None and row.owner_emsp_id is None:
        return True
    return row.owner_cpo_id in scope.cpos or row.owner_emsp_id in emsps(scope)


def shown_groups(scope: Scope, groups: Iterable[ExceptionGroup]) -> list[ExceptionGroup | str]:
    """The groups of an exception at hand, for its reader. An Admin may have put another party's group into it."""
    return [
        group if scope.everything or sees_owned(scope, group) else _("a group of another party") for group in groups
    ]


def seen_among(rows: Sequence[Any], column: str, scope: Scope) -> set[int]:
    """Of list entries or group members: which of the objects that they name by this column the user may see."""
    pks = {getattr(row, f"{column}_id") for row in rows} - {None}
    if scope.everything or not pks:
        return pks
    model = rows[0]._meta.get_field(column).related_model
    return set(visible_to(scope, model._default_manager.filter(pk__in=pks)).values_list("pk", flat=True))


for _model in (ExceptionGroup, ChargeException):
    rule(_model, managed=owned, visible=owned_or_global)


def _taken_there_or_about(scope: Scope) -> Q:
    return within("cpo", scope.cpos) | within("emsp", emsps(scope))


rule(Decision, managed=_taken_there_or_about)


class Sight(NamedTuple):
    """What of a decision a user may read. place: how the caller named place and question, read by whoever managed the
    place then. key: who asked.
    """

    token: bool
    place: bool
    key: bool
    rule: bool


def sight(decision: Decision, scope: Scope) -> Sight:
    """As visible_to would say of what the row names, without a query where those are at hand.

    A CPO's manager reads of another's token that it was asked about; an eMSP's manager of the place its name.
    """
    if scope.everything:
        return Sight(True, True, True, True)
    token, rule = decision.token, decision.rule
    return Sight(
        token=token is not None and token.emsp_id in emsps(scope) | directories(scope),
        place=decision.cpo_id in scope.cpos,
        key=_sees_key(decision.api_key, scope),
        rule=rule is not None and sees_owned(scope, rule),
    )


def _sees_key(key: ApiKey | None, scope: Scope) -> bool:
    """Keys may be gone: the log outlives them."""
    if key is None:
        return False
    at = key.cpo_id if key.station is None else key.station.location.cpo_id
    return at in scope.cpos or key.user_id == scope.user


def _keys_of_places(scope: Scope) -> Q:
    return within("cpo", scope.cpos) | within("station__location__cpo", scope.cpos)


def _keys_of_places_and_own(scope: Scope) -> Q:
    return _keys_of_places(scope) | (Q(user=scope.user) if scope.user is not None else NOTHING)


# A key of one's own, as a portal user, is an Admin's to make and to prolong.
rule(ApiKey, managed=_keys_of_places, visible=_keys_of_places_and_own)
