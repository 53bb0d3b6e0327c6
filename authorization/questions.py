"""A charger's question as it arrives: checked, and put into the normal forms that places and tokens are found by."""

import random
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from locations import ids as place_ids
from locations.ids import BadId
from tokens import ids as token_ids

MAX_ID = 64
MAX_VALUE = 255
NO_AUTHORIZATION = "no_authorization"
DEFAULT_TYPE = "ISO14443"
# Which tokens' uids a token_type speaks of (contract, section 4). e_maid speaks of Auth IDs.
UID_TYPES: dict[str, tuple[str, ...]] = {
    "ISO14443": ("RFID",),
    "ISO15693": ("RFID",),
    "mac_address": ("MAC_ADDRESS",),
    "key_code": ("KEY_CODE",),
    "local": ("APP_USER", "AD_HOC_USER", "OTHER"),
    "central": ("APP_USER", "AD_HOC_USER", "OTHER"),
}
_PLAIN = re.compile(r"[!-~]+").fullmatch  # most values; what remains is looked at closely
_HEX = re.compile(r"[0-9A-F]{1,255}").fullmatch
_ISO_EVSE = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,31}").fullmatch
_OTHER_PARTS = frozenset({"location_id", "cpo", "station", "auth_id"})
TOKEN_TYPES = (*UID_TYPES, "e_maid", NO_AUTHORIZATION)


class BadQuestion(ValueError):
    """A question that cannot be answered: 400 with `code` and `detail`. `id` is the caller's own, if good."""

    def __init__(self, detail: str, code: str = "invalid", id: str | None = None) -> None:  # noqa: A002
        super().__init__(detail)
        self.detail, self.code, self.id = detail, code, id


class Question(NamedTuple):
    """Who wants to charge where.

    uids: (token type, normal uid) pairs that match. auth_id: normal Auth ID that matches. Both empty: an id of the
    wrong form, which no token has. The place's parts are as the caller wrote them; the *_normal ones
    are what is compared. placeless: only whether one of its tokens is in good standing is asked.
    """

    id: str
    token_type: str
    presented: str | None
    uids: tuple[tuple[str, str], ...]
    auth_id: str | None
    evse_id: str | None
    evse_id_normal: str | None
    location_id: str | None
    cpo: str | None
    cpo_party: tuple[str, str] | None
    station: str | None
    station_normal: str | None
    placeless: bool = False

    @property
    def no_authorization(self) -> bool:
        return self.token_type == NO_AUTHORIZATION

    @property
    def place(self) -> str:
        """The place as the caller named it, for the log."""
        if self.location_id is self.cpo is self.station is None and self.evse_id is not None:
            return "evse_id=" + self.evse_id
        named = (
            ("evse_id", self.evse_id),
            ("location_id", self.location_id),
            ("cpo", self.cpo),
            ("station", self.station),
        )
        return " ".join(f"{name}={value}" for name, value in named if value is not None)


def parse(body: Any, *, with_auth_id: bool = False) -> Question:
    """A Question from a JSON object; with_auth_id allows `auth_id` in place of `id_token`. Raises BadQuestion."""
    if not isinstance(body, dict):
        raise BadQuestion("A request is a JSON object.")
    own_id = _own_id(body) if "id" in body else None
    plain = _card_at_evse(body, own_id)
    if plain is not None:
        return plain
    try:
        return _parse(body, own_id or _new_id(), with_auth_id)
    except BadQuestion as error:
        error.id = own_id
        raise


def _card_at_evse(body: dict[str, Any], own_id: str | None) -> Question | None:
    """What most chargers send, in upper case: an RFID card's uid and an EVSE id. The same as _parse(), sooner."""
    if not _OTHER_PARTS.isdisjoint(body) or body.get("token_type", DEFAULT_TYPE) != DEFAULT_TYPE:
        return None
    presented, evse_id = body.get("id_token"), body.get("evse_id")
    if type(presented) is not str or type(evse_id) is not str or not _HEX(presented) or not _ISO_EVSE(evse_id):
        return None
    return tuple.__new__(Question, (
        own_id or _new_id(), DEFAULT_TYPE, presented, (("RFID", presented),), None,
        evse_id, evse_id.replace("*", ""), None, None, None, None, None, False,
    ))  # fmt: skip


def _parse(body: dict[str, Any], id: str, with_auth_id: bool) -> Question:  # noqa: A002
    token_type = (_text(body, "token_type") if "token_type" in body else None) or DEFAULT_TYPE
    if token_type not in TOKEN_TYPES:
        raise BadQuestion(f"token_type is one of {', '.join(TOKEN_TYPES)}.")
    presented = None
    if with_auth_id and body.get("auth_id") is not None:
        if body.get("id_token") is not None:
            raise BadQuestion("Give id_token or auth_id, not both.")
        presented, token_type = _text(body, "auth_id"), "e_maid"
    elif token_type != NO_AUTHORIZATION:
        presented = _text(body, "id_token")
        if presented is None:
            raise BadQuestion("id_token is missing. Only token_type no_authorization goes without one.")
    uids, auth_id = _token_forms(token_type, presented)
    evse_id, location_id, station, cpo = [
        _text(body, key) if key in body else None for key in ("evse_id", "location_id", "station", "cpo")
    ]
    return Question(
        id=id,
        token_type=token_type,
        presented=presented,
        uids=uids,
        auth_id=auth_id,
        evse_id=evse_id,
        evse_id_normal=place_ids.evse_id(evse_id) if evse_id is not None else None,
        location_id=location_id,
        cpo=cpo,
        cpo_party=_party(cpo),
        station=station,
        station_normal=place_ids.identity(station) if station is not None else None,
    )


def _new_id() -> str:
    """A random UUID, version 4; the uuid module's way takes five times as long. Nothing hangs on guessing it."""
    text = f"{random.getrandbits(120):030x}"
    return f"{text[:8]}-{text[8:12]}-4{text[12:15]}-a{text[15:18]}-{text[18:]}"


def _own_id(body: dict[str, Any]) -> str | None:
    value = body.get("id")
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID or not value.isprintable():
        raise BadQuestion(f"id is a text of 1 to {MAX_ID} printable characters.")
    return value


def _text(body: dict[str, Any], key: str) -> str | None:
    """A value of 1 to 255 printable ASCII characters; None where the key is absent or null."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadQuestion(f"{key} is a text.")
    if len(value) > MAX_VALUE:
        raise BadQuestion(f"{key} is longer than {MAX_VALUE} characters.")
    if _PLAIN(value):
        return value
    try:
        place_ids.printable_ascii(value, key)
    except BadId as error:
        raise BadQuestion(str(error)) from None
    return value


def of_types(question: Question, types: Iterable[str]) -> Question:
    """The same, asked about tokens of these types with the uid that was presented."""
    uids = []
    for type_ in types:
        try:
            uids.append((type_, token_ids.uid(type_, question.presented or "")))
        except BadId:
            continue  # no token of this type has such a uid
    return question._replace(uids=tuple(uids), auth_id=None)


def _token_forms(token_type: str, presented: str | None) -> tuple[tuple[tuple[str, str], ...], str | None]:
    if presented is None:
        return (), None
    try:
        if token_type == "e_maid":  # noqa: S105
            return (), token_ids.auth_id(presented)
        return tuple((type_, token_ids.uid(type_, presented)) for type_ in UID_TYPES[token_type]), None
    except BadId:
        return (), None  # the wrong form for its type: a token that nobody has


def _party(value: str | None) -> tuple[str, str] | None:
    """(country_code, party_id); ("", "") for what is no party: no CPO is called that."""
    if value is None:
        return None
    try:
        return place_ids.party(value)
    except BadId:
        return "", ""
