"""Writing tokens where one row is not enough: external tokens that are named, and that turn into an eMSP's."""

from collections.abc import Iterable, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from locations.ids import BadId
from tokens import ids
from tokens.models import EMSP, Token, TokenType

MAX_AUTH_ID = 255


def create_token(token: Token) -> Token:
    """Saves a new token of an eMSP, in the place of an external one that has its Auth ID. Raises ValidationError."""
    with transaction.atomic():
        token.clean()
        take_over_external([token])
        token.full_clean()
        token.save()
    return token


def create_tokens(tokens: Sequence[Token]) -> None:
    """Saves many new, cleaned tokens: all or, by an IntegrityError, none. As create_token, but set by set."""
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
