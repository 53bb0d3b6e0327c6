"""Josev's authorization messages: what may stand in them, and what they mean here. No rules.

Source: the external MQTT API of Josev, message "authorization" (request and response on cs/josev and josev/cs, and
updates of what was authorized elsewhere).
"""

import re
import uuid
from typing import Any, NamedTuple

from authorization.questions import NO_AUTHORIZATION, BadQuestion, Question, parse

NAME = "authorization"
REQUEST_TYPES = ("ISO14443", "ISO15693", "key_code", "local", NO_AUTHORIZATION, "mac_address")
UPDATE_TYPES = (*REQUEST_TYPES, "e_maid", "central")
ACCEPTED, REJECTED, DEAUTHORIZED = STATUSES = ("accepted", "rejected", "deauthorized")
# What a station says of an update beside Josev's own words: how it came about.
OFFLINE_LIST, OFFLINE_UNKNOWN, SMART_BUTTON = SOURCES = ("offline_list", "offline_unknown", "smart_button")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class BadMessage(ValueError):
    """A message that cannot be understood: 400 with `code` and `detail`."""

    def __init__(self, detail: str, code: str = "invalid") -> None:
        super().__init__(detail)
        self.detail, self.code = detail, code


class Message(NamedTuple):
    """A request, or an update with its status. question: what the decision is asked, or would be."""

    id: str
    type: str
    question: Question
    status: str = ""
    source: str = ""


def read(body: Any) -> Message:
    """A request or an update. Raises BadMessage, with what is wrong."""
    if not isinstance(body, dict):
        raise BadMessage("A message is a JSON object.")
    id_ = body.get("id")
    if not isinstance(id_, str) or not is_uuid(id_):
        raise BadMessage("id is a UUID, like 57828133-8cfe-477d-b829-0b60aff90c2a.")
    if body.get("name") != NAME:
        raise BadMessage(f'name is "{NAME}".')
    type_ = body.get("type")
    if type_ not in ("request", "update"):
        raise BadMessage('type is "request" or "update".')
    data = body.get("data")
    if not isinstance(data, dict):
        raise BadMessage("data is a JSON object.")
    question = _question(id_, data, UPDATE_TYPES if type_ == "update" else REQUEST_TYPES)
    if type_ == "request":
        return Message(id_, type_, question)
    return Message(id_, type_, question, _word(data, "status", STATUSES), _word(data, "source", SOURCES, needed=False))


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _question(id_: str, data: dict[str, Any], token_types: tuple[str, ...]) -> Question:
    token_type = _word(data, "token_type", token_types)
    if token_type == NO_AUTHORIZATION and data.get("id_token") is not None:
        raise BadMessage(f"token_type {NO_AUTHORIZATION} goes without id_token.")
    asked = {"id": id_, "token_type": token_type, "id_token": data.get("id_token"), "evse_id": data.get("evse_id")}
    try:
        return parse(asked)
    except BadQuestion as error:
        raise BadMessage(error.detail, error.code) from None


def _word(data: dict[str, Any], key: str, words: tuple[str, ...], *, needed: bool = True) -> str:
    value = data.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or value not in words:
        raise BadMessage(f"data.{key} is one of {', '.join(words)}.")
    return value


def response(id_: str, status: str) -> dict[str, Any]:
    return {"id": id_, "name": NAME, "type": "response", "data": {"status": status}}


def update(
    id_: uuid.UUID, status: str, *, token_type: str, id_token: str | None, evse_id: str | None
) -> dict[str, Any]:
    """What a station is told of an authorization that came about, or ended, here."""
    data = {"evse_id": evse_id, "id_token": id_token, "token_type": token_type, "status": status}
    kept = {name: value for name, value in data.items() if value is not None}
    return {"id": str(id_), "name": NAME, "type": "update", "data": kept}


def command(
    id_: uuid.UUID, kind: str, *, evse_id: str | None, token_type: str | None = None, id_token: str | None = None,
    until: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What a station is to do; it answers with a `response` of the same id and `accepted` or `rejected`."""
    data = {"command": kind, "evse_id": evse_id, "token_type": token_type, "id_token": id_token, "until": until}
    kept = {name: value for name, value in data.items() if value is not None}
    return {"id": str(id_), "name": "command", "type": "request", "data": kept}
