"""Changing the members of exception groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q

from authorization.models import ExceptionGroup, GroupMember
from locations.models import CPO, Location
from tokens.models import EMSP, Customer, Driver, Token
from tokens.services import tokens_named

MEMBER_MODELS: dict[str, type[Model]] = {
    "cpo": CPO,
    "location": Location,
    "emsp": EMSP,
    "customer": Customer,
    "driver": Driver,
    "token": Token,
}


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """added, removed: rows, so a member that was there, or was not, counts for nothing. count: members afterwards."""

    added: int
    removed: int
    count: int


def change_members(
    group: ExceptionGroup, *, add: Iterable[int] = (), remove: Iterable[int] = (), add_auth_ids: Sequence[str] = ()
) -> MembersChanged:
    """Removes, then adds, all or nothing. A token with an Auth ID comes and goes by that, whichever carrier is given.

    Raises ValidationError by field (`add`, `remove`, `add_auth_ids`).
    """
    with transaction.atomic():
        # Two changes to one group happen one after the other, so the numbers below are of this one.
        group = ExceptionGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
        if add_auth_ids and group.category != "token":
            raise ValidationError(
                {"add_auth_ids": ValidationError("Only a group of charge tokens takes Auth IDs.", "category")}
            )
        model = MEMBER_MODELS[group.category]
        added, gone = existing(model, add, "add"), existing(model, remove, "remove")
        before = group.members.count()
        GroupMember.objects.filter(named_by(group.category, gone), group=group).delete()
        between = group.members.count()
        _add(group, [*added, *named(add_auth_ids)])
        after = group.members.count()
    return MembersChanged(after - between, before - between, after)


def _add(group: ExceptionGroup, ids: list[int]) -> None:
    column = f"{group.category}_id"
    rows = [GroupMember(group=group, category=group.category, **{column: pk}) for pk in dict.fromkeys(ids)]
    GroupMember.objects.bulk_create(rows, ignore_conflicts=True)


def existing(model: type[Model], ids: Iterable[int], field: str) -> list[int]:
    """These ids, each once. Raises ValidationError for `field` that says which do not exist."""
    wanted = list(dict.fromkeys(ids))
    found = set(model._default_manager.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    missing = [pk for pk in wanted if pk not in found]
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise ValidationError({field: ValidationError(f"Not found: {shown}.", "does_not_exist")})
    return wanted


def named(auth_ids: Sequence[str], field: str = "add_auth_ids") -> list[int]:
    """The tokens to show for these Auth IDs, made where there are none. Raises ValidationError for `field`."""
    try:
        return tokens_named(auth_ids) if auth_ids else []
    except ValidationError as error:
        raise ValidationError({field: error.error_list}) from None


def named_by(category: str, ids: list[int]) -> Q:
    """The rows that these ids name: for tokens with an Auth ID those with the Auth ID, whichever token they show."""
    rows = Q(**{f"{category}_id__in": ids})
    if category == "token":
        auth_ids = Token.objects.filter(pk__in=ids, auth_id_normal__isnull=False).values("auth_id_normal")
        rows |= Q(auth_id__in=auth_ids)
    return rows
