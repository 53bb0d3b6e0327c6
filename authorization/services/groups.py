"""Changing the members of exception groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from authorization.handles import handle, split
from authorization.models import ExceptionGroup, GroupMember
from locations.access import Scope, visible_to, with_sub_cpos, within
from locations.models import CPO, Location
from tokens.models import EMSP, Customer, Driver, Token
from tokens.services import named_by_party, tokens_named

MEMBER_MODELS: dict[str, type[Model]] = {
    "cpo": CPO,
    "location": Location,
    "emsp": EMSP,
    "customer": Customer,
    "driver": Driver,
    "token": Token,
}
# By category, the column that says whose a member is.
_OF_CPO = {"cpo": "pk", "location": "cpo"}
_OF_EMSP = {"emsp": "pk", "customer": "emsp", "driver": "customer__emsp", "token": "emsp"}
ADMIN = Scope(everything=True)


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """added, removed: rows, so a member that was there, or was not, counts for nothing. count: members afterwards."""

    added: int
    removed: int
    count: int


def change_members(
    group: ExceptionGroup,
    *,
    add: Iterable[int] = (),
    remove: Iterable[int] = (),
    add_auth_ids: Sequence[str] = (),
    scope: Scope = ADMIN,
) -> MembersChanged:
    """Removes, then adds, all or nothing. A token with an Auth ID comes and goes by that, whichever carrier is given.

    scope: whose request it is; what that user may not see is not found. Raises ValidationError by field
    (`add`, `remove`, `add_auth_ids`).
    """
    with transaction.atomic():
        # Two changes to one group happen one after the other, so the numbers below are of this one.
        group = ExceptionGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
        if add_auth_ids and group.category != "token":
            raise ValidationError(
                {"add_auth_ids": ValidationError("Only a group of charge tokens takes Auth IDs.", "category")}
            )
        added = existing(candidates(group, scope), add, "add")
        gone = _going(group, remove, scope)
        before = group.members.count()
        GroupMember.objects.filter(gone, group=group).delete()
        between = group.members.count()
        _add(group, dict.fromkeys(added) | _named(group, add_auth_ids, scope))
        after = group.members.count()
    return MembersChanged(after - between, before - between, after)


def candidates(group: ExceptionGroup, scope: Scope) -> QuerySet[Any]:
    """What the user may put into the group. On its owner's own side that is the owner's alone: a rule with this group
    may not close another party's sites, nor lock another party's cards."""
    rows: QuerySet[Any] = MEMBER_MODELS[group.category]._default_manager.all()
    if scope.everything:
        return rows
    if group.owner_cpo_id is not None and group.category in _OF_CPO:
        rows = rows.filter(within(_OF_CPO[group.category], with_sub_cpos({group.owner_cpo_id})))
    if group.owner_emsp_id is not None and group.category in _OF_EMSP:
        rows = rows.filter(within(_OF_EMSP[group.category], frozenset({group.owner_emsp_id})))
    return visible_to(scope, rows)


def _named(group: ExceptionGroup, auth_ids: Sequence[str], scope: Scope) -> dict[int, str | None]:
    if auth_ids and group.owner_emsp is not None and not scope.everything:
        own = named_by_party(auth_ids, group.owner_emsp)
        if strange := [raw for raw in auth_ids if raw not in own]:
            shown = ", ".join(repr(raw[:64]) for raw in strange[:10])
            text = f"No Auth ID of this eMSP: {shown}. It begins with the eMSP's party, or a token of it carries it."
            raise ValidationError({"add_auth_ids": ValidationError(text, "does_not_exist")})
    return named(auth_ids)


def _going(group: ExceptionGroup, ids: Iterable[int], scope: Scope) -> Q:
    """The group's rows that these ids mean: of members, or handles of rows."""
    objects, rows = split(ids)
    members = existing(visible_to(scope, MEMBER_MODELS[group.category]._default_manager.all()), objects, "remove")
    existing(GroupMember.objects.filter(group=group), rows, "remove", shown=handle)
    return named_by(group.category, members) | Q(pk__in=rows)


def _add(group: ExceptionGroup, ids: dict[int, str | None]) -> None:
    column = f"{group.category}_id"
    rows = [
        GroupMember(group=group, category=group.category, auth_id_entered=entered, **{column: pk})
        for pk, entered in ids.items()
    ]
    GroupMember.objects.bulk_create(rows, ignore_conflicts=True)


def existing(rows: QuerySet[Any], ids: Iterable[int], field: str, shown: Any = int) -> list[int]:
    """These ids, each once. Raises ValidationError for `field` that says which are not among the rows."""
    wanted = list(dict.fromkeys(ids))
    found = set(rows.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    missing = [shown(pk) for pk in wanted if pk not in found]
    if missing:
        text = ", ".join(map(str, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise ValidationError({field: ValidationError(f"Not found: {text}.", "does_not_exist")})
    return wanted


def named(auth_ids: Sequence[str], field: str = "add_auth_ids") -> dict[int, str | None]:
    """The tokens to show for these Auth IDs, made where there are none, each with the Auth ID as it was entered.

    Raises ValidationError for `field`.
    """
    try:
        return dict(tokens_named(auth_ids)) if auth_ids else {}
    except ValidationError as error:
        raise ValidationError({field: error.error_list}) from None


def named_by(category: str, ids: list[int]) -> Q:
    """The rows that these ids name: for tokens with an Auth ID those with the Auth ID, whichever token they show."""
    rows = Q(**{f"{category}_id__in": ids})
    if category == "token":
        auth_ids = Token.objects.filter(pk__in=ids, auth_id_normal__isnull=False).values("auth_id_normal")
        rows |= Q(auth_id__in=auth_ids)
    return rows
