"""What OCPP 1.6 and 2.0.1 call what we know: kinds of tokens, answers, offline lists."""

from typing import Any

from authorization.engine.types import Decision
from chargers.services.local_lists import Answer, Entry

V16, V201 = "ocpp1.6", "ocpp2.0.1"
FORMATS = (V16, V201)
LONGEST = {V16: 20, V201: 36}  # characters of an idTag, of an idToken
# OCPP 2.0.1's IdTokenEnumType and our token_type.
TOKEN_TYPES = {
    "ISO14443": "ISO14443", "ISO15693": "ISO15693", "KeyCode": "key_code", "Local": "local", "Central": "central",
    "eMAID": "e_maid", "MacAddress": "mac_address", "NoAuthorization": "no_authorization",
}  # fmt: skip
ID_TOKEN_TYPES = {ours: theirs for theirs, ours in TOKEN_TYPES.items()}
# Under which type a token of ours stands on a list.
LISTED_AS = {
    "RFID": "ISO14443", "EMAID": "eMAID", "MAC_ADDRESS": "MacAddress", "KEY_CODE": "KeyCode", "APP_USER": "Central",
    "AD_HOC_USER": "Central", "OTHER": "Central",
}  # fmt: skip


def status16(verdict: Decision) -> str:
    return verdict.reason.entry.ocpp16


def status201(verdict: Decision) -> str:
    return verdict.reason.entry.ocpp201


def too_long(entries: list[Entry], version: str) -> int:
    """How many ids do not fit into the protocol's."""
    return sum(len(entry.uid) > LONGEST[version] for entry in entries if not entry.gone)


def send_local_list(answer: Answer, version: str) -> dict[str, Any]:
    """The payload of SendLocalList. In 1.6 an id has no kind, so that two tokens with one id are one entry."""
    kind = "Full" if answer.full else "Differential"
    fitting = [entry for entry in answer.entries if len(entry.uid) <= LONGEST[version]]
    if version == V16:
        by_tag: dict[str, dict[str, Any]] = {}
        for entry in sorted(fitting, key=lambda entry: entry.gone):
            by_tag.setdefault(entry.uid, _entry16(entry))
        return {"listVersion": answer.version, "updateType": kind, "localAuthorizationList": list(by_tag.values())}
    payload: dict[str, Any] = {"versionNumber": answer.version, "updateType": kind}
    # An empty array is not allowed; none at all empties the list, or changes nothing.
    return payload | ({"localAuthorizationList": [_entry201(entry) for entry in fitting]} if fitting else {})


def _entry16(entry: Entry) -> dict[str, Any]:
    if entry.gone:
        return {"idTag": entry.uid}
    info = {"status": "Accepted"} | ({"expiryDate": entry.expires} if entry.expires else {})
    return {"idTag": entry.uid, "idTagInfo": info}


def _entry201(entry: Entry) -> dict[str, Any]:
    token = {"idToken": {"idToken": entry.uid, "type": LISTED_AS[entry.type]}}
    if entry.gone:
        return token
    info = {"status": "Accepted"} | ({"cacheExpiryDateTime": entry.expires} if entry.expires else {})
    return token | {"idTokenInfo": info}
