"""`tokens/{uid}/authorize`: from OCPI's words to a charger's question, and from its answer back.

There is one decision, and this asks it: each EVSE named is a question of its own, all at one instant and revision.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from authorization.engine.reasons import ROWS
from authorization.questions import BadQuestion, of_types, parse
from authorization.services import Answer, authorize
from subscriptions.models import Version
from subscriptions.ocpi.envelope import INVALID, NOT_ENOUGH, UNKNOWN_LOCATION, UNKNOWN_TOKEN, Refusal
from subscriptions.ocpi.locations import location_named
from subscriptions.ocpi.receiving import text_of
from subscriptions.ocpi.token_objects import TYPES, token_object, types_of
from subscriptions.services import Sight

MOST = 1000  # EVSEs that one request names
NOWHERE = {"cpo": "-"}  # no CPO is called that: row 1


def authorization_info(sight: Sight, uid: str, ocpi_type: str, references: Any, now: datetime) -> dict[str, Any]:
    """An AuthorizationInfo object. references: the body, None where there is none. Raises Refusal, NoRules."""
    types = types_of(ocpi_type, sight.version)
    if types is None:
        raise Refusal(INVALID, f"type is one of {', '.join(TYPES[Version(sight.version)])}.")
    token = {"id_token": uid, "token_type": "ISO14443" if types == ("RFID",) else "central"}
    try:
        if references is None or references == {}:
            asked = [of_types(parse(token), types)._replace(placeless=True)]
            chosen = _best(authorize(asked, sight.caller(), now))
            return _whole(sight, chosen, _info(sight, chosen), now)
        location_id, evse_uids, connector_ids = _references(references)
        places = _places(sight, location_id, evse_uids)
        questions = [of_types(parse(token | place), types) for place in places]
    except BadQuestion as error:
        raise Refusal(INVALID, error.detail) from None
    answers = authorize(questions, sight.caller(), now)
    chosen = _best(answers)
    info = _info(sight, chosen)
    if info["allowed"] == "ALLOWED":
        at: dict[str, Any] = {"location_id": location_id}
        if evse_uids:
            at["evse_uids"] = [evse for evse, answer in zip(evse_uids, answers, strict=True) if _is_accepted(answer)]
        if connector_ids and sight.version == Version.V211:
            at["connector_ids"] = connector_ids
        info = {"allowed": info["allowed"], "location": at, "info": info["info"]}
    return _whole(sight, chosen, info, now)


def _whole(sight: Sight, answer: Answer, info: dict[str, Any], now: datetime) -> dict[str, Any]:
    """2.2.1 shows the token as well, and a name for the answer: the decision's in the log. Raises Refusal."""
    if sight.version == Version.V211:
        return info
    token = answer.verdict.token
    shape = None if token is None else token_object(sight, token, now)
    if shape is None:
        # Free for all, whatever is presented: still there is no token to speak of.
        raise Refusal(UNKNOWN_TOKEN[Version.V221], "This charge token is not known.", 404)
    return info | {"token": shape, "authorization_reference": answer.question.id}


def _references(body: Any) -> tuple[str, list[str], list[str]]:
    """location_id, evse_uids, connector_ids of a LocationReferences object. Raises Refusal."""
    if not isinstance(body, dict):
        raise Refusal(INVALID, "Send a LocationReferences object, or nothing.")
    if body.get("location_id") is None:
        raise Refusal(NOT_ENOUGH, "location_id is missing.")
    lists = []
    for field, most in (("evse_uids", 39), ("connector_ids", 36)):
        values = body.get(field) or []
        if not isinstance(values, list) or len(values) > MOST:
            raise Refusal(INVALID, f"{field} is a list of at most {MOST} texts.")
        lists.append([text_of(value, field, most) for value in values])
    return text_of(body["location_id"], "location_id", 39), lists[0], lists[1]


def _places(sight: Sight, location_id: str, evse_uids: Sequence[str]) -> list[dict[str, str]]:
    """How a charger would name each place. One that the partner does not see is unknown, as one that is not there."""
    unknown = {"location_id": location_id} | NOWHERE
    location = location_named(sight, location_id)
    if location is None:
        return [unknown for _ in evse_uids] or [unknown]
    whole = {"location_id": location_id, "cpo": location.cpo.code}
    if not evse_uids:
        return [whole]
    found = {evse.uid: evse for evse in location.evses.select_related("station")}
    # An EVSE is at its location whatever its own id is; what more it says is its station.
    stations = {uid: {"station": evse.station.identity} if evse.station else {} for uid, evse in found.items()}
    return [whole | stations[uid] if uid in found else unknown for uid in evse_uids]


def _is_accepted(answer: Answer | BadQuestion) -> bool:
    return isinstance(answer, Answer) and answer.verdict.accepted


def _best(answers: Sequence[Answer | BadQuestion]) -> Answer:
    """Of several EVSEs' answers one that accepts, or else the one that came furthest. Raises Refusal."""
    for answer in answers:
        if isinstance(answer, BadQuestion):
            raise Refusal(NOT_ENOUGH if answer.code == "no_place" else INVALID, answer.detail)
    given = [answer for answer in answers if isinstance(answer, Answer)]
    return max(given, key=lambda answer: (answer.verdict.accepted, answer.verdict.row))


def _info(sight: Sight, answer: Answer) -> dict[str, Any]:
    """What an answer is in OCPI. Raises Refusal for what is no AuthorizationInfo there."""
    row = ROWS[answer.verdict.row - 1]
    if row.ocpi == "2003":
        raise Refusal(UNKNOWN_LOCATION, row.message)
    if row.ocpi == "404":
        raise Refusal(UNKNOWN_TOKEN[Version(sight.version)], row.message, 404)
    return {"allowed": row.ocpi, "info": {"language": "en", "text": row.message}}
