"""What partners send of their own: checked against OCPI's object, then saved as the portal's rows."""

from collections.abc import Iterable
from typing import Any

from authorization.services.names import TAKEN, may_carry
from locations.access import Scope
from locations.ids import BadId
from subscriptions.models import Version
from subscriptions.ocpi.envelope import INVALID, Refusal
from subscriptions.ocpi.pages import read_instant
from subscriptions.ocpi.token_objects import CONTRACT, TYPES, token_named, types_of
from tokens import ids, services
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP, Token, TokenType, Whitelist

# Field → most characters; the bool and the words are looked at apart.
TEXTS = {"uid": 36, "auth_id": 36, "issuer": 64, "visual_number": 64, "language": 2}
REQUIRED = ("uid", "type", "auth_id", "issuer", "valid", "whitelist", "last_updated")
PARTY = ("country_code", "party_id")
OPTIONAL = ("visual_number", "language")
KEPT = ("auth_id", "issuer", "visual_number", "language", "valid", "whitelist")


def text_of(value: Any, field: str, most: int) -> str:
    """A text of 1 to `most` characters. Raises Refusal."""
    if not isinstance(value, str) or not 1 <= len(value) <= most or "\0" in value:
        raise Refusal(INVALID, f"{field} is a text of 1 to {most} characters.")
    return value


def fields_of(body: Any, version: str, *, whole: bool) -> dict[str, Any]:
    """The known fields of a Token object, checked; of a whole one all that are required. Raises Refusal.

    In our words: 2.2.1's contract_id is the auth_id.
    """
    if not isinstance(body, dict):
        raise Refusal(INVALID, "Send a Token object.")
    called = {"auth_id": CONTRACT[Version(version)]}
    names = {field: called.get(field, field) for field in (*REQUIRED, *OPTIONAL)}
    required = [names[field] for field in REQUIRED] + (list(PARTY) if version == Version.V221 else [])
    missing = [name for name in required if body.get(name) is None and (whole or name in body)]
    if missing:
        raise Refusal(INVALID, f"Missing: {', '.join(missing)}.")
    given = {field: body[name] for field, name in names.items() if body.get(name) is not None}
    for field, most in TEXTS.items():
        if field in given:
            text_of(given[field], names[field], most)
    if not isinstance(given.get("valid", True), bool):
        raise Refusal(INVALID, "valid is true or false.")
    if given.get("whitelist", "NEVER") not in Whitelist.values:
        raise Refusal(INVALID, f"whitelist is one of {', '.join(Whitelist.values)}.")
    _check_type(given.get("type", "RFID"), version)
    if "last_updated" in given and read_instant(given["last_updated"]) is None:
        raise Refusal(INVALID, "last_updated is a date and time like 2015-06-29T20:39:09Z.")
    if not whole:
        # Null takes an optional field away.
        given |= {field: "" for field in OPTIONAL if field in body and body[field] is None}
    return given


def _check_type(given: Any, version: str) -> None:
    types = TYPES[Version(version)]
    if given not in types:
        raise Refusal(INVALID, f"type is {', '.join(types[:-1])} or {types[-1]}.")


def put(emsp: EMSP, uid: str, body: Any, version: str) -> tuple[Token, bool]:
    """Makes the token or replaces it; whether it is new. Raises Refusal, ValidationError, IntegrityError."""
    given = fields_of(body, version, whole=True)
    types = types_of(given["type"], version) or ()
    if not _same(types, given["uid"], uid):
        raise Refusal(INVALID, "The uid in the object is not the one in the address.")
    token = _locked(token_named(emsp.pk, uid, types))
    new = token is None
    if token is None:
        token = Token(emsp=emsp, type=TokenType(given["type"]))
    # What is optional and not in the object is not there any more.
    _save(token, dict.fromkeys(OPTIONAL, "") | given | {"uid": given["uid"]})
    return token, new


def patch(emsp: EMSP, uid: str, body: Any, version: str) -> Token | None:
    """Changes what is given; None where there is no such token. Raises as put() does."""
    given = fields_of(body, version, whole=False)
    types = types_of(given["type"], version) or () if "type" in given else ()
    token = _locked(token_named(emsp.pk, uid, types) if types else token_named(emsp.pk, uid))
    if token is None:
        return None
    if "uid" in given and not _same((token.type,), given["uid"], uid):
        raise Refusal(INVALID, "The uid of a token stays: put another one.")
    _save(token, given)
    return token


def _locked(token: Token | None) -> Token | None:
    return None if token is None else Token.objects.select_for_update(no_key=True).filter(pk=token.pk).first()


def _same(types: Iterable[str], one: str, other: str) -> bool:
    for type_ in types:
        try:
            if ids.uid(type_, one) == ids.uid(type_, other):
                return True
        except BadId:
            continue
    return False


def _save(token: Token, given: dict[str, Any]) -> None:
    """As an eMSP's manager would: the same rules of whose an Auth ID is."""
    before = (token.auth_id, token.emsp_id) if token.pk else (None, None)
    for field in KEPT:
        if field in given:
            setattr(token, field, given[field])
    if "uid" in given:
        token.uid = given["uid"]
    if token.type == TokenType.EMAID and "auth_id" in given:
        token.uid = given["auth_id"]
    token.full_clean(exclude=["emsp", "customer", "driver"], validate_unique=False, validate_constraints=False)
    scope = Scope(granted={MANAGE_EMSP: frozenset({token.emsp_id or 0})})
    if not may_carry(token, scope, before):
        raise Refusal(INVALID, TAKEN)
    if token.pk is None:
        services.take_over_external([token])
    token.save()
