"""Writing tokens where one row is not enough: external tokens that are named, and that turn into an eMSP's; and
refusing and accepting all of an owner's at once."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from locations.ids import BadId
from tokens import ids
from tokens.models import EMSP, Customer, Driver, Token, TokenType

MAX_AUTH_ID = 255
# By model, the field that says whether it is refused, and what stands in it then.
_REFUSES: dict[type[models.Model], tuple[str, bool]] = {
    EMSP: ("blocked", True),
    Customer: ("blocked", True),
    Driver: ("blocked", True),
    Token: ("valid", False),
}


def is_blocked(row: models.Model) -> bool:
    """Whether the row itself is refused, whatever it belongs to."""
    field, refused = _REFUSES[type(row)]
    return bool(getattr(row, field) is refused)


def set_blocked(rows: models.QuerySet[Any], blocked: bool) -> int:
    """Blocks or unblocks eMSPs, customers, drivers or tokens; how many were not so before."""
    field, refused = _REFUSES[rows.model]
    value = refused if blocked else not refused
    return rows.order_by().filter(**{field: not value}).update(**{field: value})


def whole_change(before: Token, given: dict[str, Any]) -> dict[str, Any]:
    """What a token is given (field → value), with what follows from it. Raises ValidationError, by field.

    The uid of an EMAID token is its Auth ID: one that is given alone brings the other. Taking the customer away while
    a driver stays, or the eMSP while a customer does, contradicts itself. before: the row, or Token() for a new one.
    """
    given = dict(given)
    ids_ = {name: given.get(name, getattr(before, name)) for name in ("uid", "auth_id")}
    if given.get("type", before.type) == TokenType.EMAID:
        for one, other in (("auth_id", "uid"), ("uid", "auth_id")):
            if given.get(one) and not given.get(other):
                given[other] = ids_[other] = given[one]
        if not _same(ids_["uid"], ids_["auth_id"]):
            raise ValidationError({"uid": "The uid of an EMAID token is its Auth ID."})
    if not any(ids_.values()):
        raise ValidationError("Give a Chip ID (uid), an Auth ID (auth_id), or both.")
    if not before._state.adding:
        for field, below in (("customer", "driver"), ("emsp", "customer")):
            if field in given and given[field] is None and given.get(below, getattr(before, below)) is not None:
                raise ValidationError({field: f"A token with a {below} has that {below}'s {field}."})
    return given


def _same(uid: str | None, auth_id: str | None) -> bool:
    try:
        return not (uid and auth_id) or ids.auth_id(uid) == ids.auth_id(auth_id)
    except BadId:
        return True  # the model says which of them is none


def create_tokens(tokens: Sequence[Token]) -> None:
    """Saves many new, cleaned tokens: all or, by an IntegrityError, none. Each takes the place of an external one
    that has its Auth ID."""
    with transaction.atomic():
        take_over_external(tokens)
        taken_over = [token for token in tokens if not token._state.adding]
        Token.objects.bulk_create([token for token in tokens if token._state.adding])
        for token in taken_over:
            token.save()


def take_over_external(tokens: Sequence[Token]) -> None:
    """Gives a new token the row of the external one with its Auth ID, so that it is saved as that one, with its id.

    Lists and groups keep naming the row. Of several new tokens the first takes it. Call in a transaction: it is locked.
    """
    names = {ids.auth_id(token.auth_id): token for token in reversed(tokens) if token.auth_id}
    externals = Token.objects.filter(external=True, auth_id_normal__in=names).select_for_update().order_by("pk")
    for pk, auth_id in externals.values_list("pk", "auth_id_normal"):
        names[auth_id].pk = pk
        names[auth_id]._state.adding = False


def tokens_named(auth_ids: Iterable[str]) -> dict[int, str]:
    """One token for each Auth ID: one that carries it, an eMSP's before an external one, or a new external token.

    Primary key → the Auth ID as it was entered. Auth IDs that are equal in normal form are one. Raises ValidationError,
    with every value that is no Auth ID. Call in a transaction.
    """
    wanted = _normal_forms(auth_ids)
    carriers = _carriers(wanted)
    missing = [
        Token(type=TokenType.OTHER, auth_id=raw, external=True)
        for normal, raw in wanted.items()
        if normal not in carriers
    ]
    if missing:
        # Somebody else may name the same one at the same time: then theirs is taken.
        Token.objects.bulk_create(missing, ignore_conflicts=True)
        carriers = _carriers(wanted)
    return {carriers[normal]: raw for normal, raw in wanted.items()}


def begins_with_party(normal: str, emsp: EMSP) -> bool:
    """Whether an Auth ID in normal form is of the eMSP's own: eMAIDs begin with country and party."""
    return normal.startswith(emsp.country_code + emsp.party_id)


def named_by_party(auth_ids: Iterable[str], emsp: EMSP) -> set[str]:
    """Those of the Auth IDs, as entered, that the eMSP may name as its own; and what is no Auth ID at all."""
    normal: dict[str, str] = {}
    own: set[str] = set()
    for raw in auth_ids:
        try:
            normal[raw] = _normal(raw)
        except BadId:
            own.add(raw)
    carried = set(
        Token.objects.filter(emsp=emsp, auth_id_normal__in=set(normal.values())).values_list(
            "auth_id_normal", flat=True
        )
    )
    return own | {raw for raw, form in normal.items() if form in carried or begins_with_party(form, emsp)}


def _normal_forms(auth_ids: Iterable[str]) -> dict[str, str]:
    """Normal form → the value as it was entered first."""
    wanted: dict[str, str] = {}
    errors = []
    for raw in auth_ids:
        try:
            wanted.setdefault(_normal(raw), raw.strip(" "))
        except BadId as error:
            errors.append(f"{raw[:64]!r}: {error}")
    if errors:
        more = [f"and {len(errors) - 10} more"] if len(errors) > 10 else []
        raise ValidationError([ValidationError(message, code="auth_id") for message in errors[:10] + more])
    return wanted


def _normal(raw: str) -> str:
    if len(raw) > MAX_AUTH_ID:
        raise BadId(f"An Auth ID has at most {MAX_AUTH_ID} characters.")
    return ids.auth_id(raw)


def _carriers(wanted: Iterable[str]) -> dict[str, int]:
    rows = Token.objects.filter(auth_id_normal__in=list(wanted)).order_by("external", "pk")
    carriers: dict[str, int] = {}
    for normal, pk in rows.values_list("auth_id_normal", "pk"):
        carriers.setdefault(normal, pk)
    return carriers
