"""The thirteen rows of the decision table: their names, whether they let a car charge, how each protocol says it."""

# ruff: noqa: S105 - these tokens are charge tokens, no secrets

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    UNKNOWN_LOCATION = "UNKNOWN_LOCATION"
    FREE_CHARGING = "FREE_CHARGING"
    AUTHORIZATION_REQUIRED = "AUTHORIZATION_REQUIRED"
    UNKNOWN_TOKEN = "UNKNOWN_TOKEN"
    TOKEN_BLOCKED = "TOKEN_BLOCKED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    BLACKLISTED = "BLACKLISTED"
    NOT_WHITELISTED_AT_LOCATION = "NOT_WHITELISTED_AT_LOCATION"
    TOKEN_TIED_ELSEWHERE = "TOKEN_TIED_ELSEWHERE"
    NOT_ON_AUTHORIZATION_LIST = "NOT_ON_AUTHORIZATION_LIST"
    LOCATION_NOT_PUBLISHED = "LOCATION_NOT_PUBLISHED"
    EXTERNAL_TOKEN_NOT_LISTED = "EXTERNAL_TOKEN_NOT_LISTED"
    ALLOWED = "ALLOWED"

    @property
    def entry(self) -> "Row":
        return BY_REASON[self]

    @property
    def row(self) -> int:
        """1 to 13; the first row that matches gives the reason."""
        return BY_REASON[self].number

    @property
    def accepted(self) -> bool:
        return BY_REASON[self].accepted

    @property
    def message(self) -> str:
        """One plain sentence, for the person at the charger."""
        return BY_REASON[self].message


class Row(NamedTuple):
    """One row. `ocpi` is an AllowedType, except `2003` (an OCPI status code) and `404` (an HTTP status)."""

    number: int
    reason: Reason
    accepted: bool
    message: str
    ocpi: str
    ocpp16: str
    ocpp201: str


ROWS: tuple[Row, ...] = (
    Row(1, Reason.UNKNOWN_LOCATION, False,
        "This charging location is not known here.",
        "2003", "Invalid", "Invalid"),
    Row(2, Reason.FREE_CHARGING, True,
        "Everyone may charge at this station without authorization.",
        "ALLOWED", "Accepted", "Accepted"),
    Row(3, Reason.AUTHORIZATION_REQUIRED, False,
        "This place requires a charge token.",
        "NOT_ALLOWED", "Invalid", "Invalid"),
    Row(4, Reason.UNKNOWN_TOKEN, False,
        "This charge token is not known here.",
        "404", "Invalid", "Unknown"),
    Row(5, Reason.TOKEN_BLOCKED, False,
        "This charge token is blocked.",
        "BLOCKED", "Blocked", "Blocked"),
    Row(6, Reason.TOKEN_EXPIRED, False,
        "This charge token has expired.",
        "EXPIRED", "Expired", "Expired"),
    Row(7, Reason.BLACKLISTED, False,
        "A blacklist keeps this charge token from charging at this location.",
        "NOT_ALLOWED", "Blocked", "NotAtThisLocation"),
    Row(8, Reason.NOT_WHITELISTED_AT_LOCATION, False,
        "This location accepts only whitelisted charge tokens, and this one is not among them.",
        "NOT_ALLOWED", "Invalid", "NotAtThisLocation"),
    Row(9, Reason.TOKEN_TIED_ELSEWHERE, False,
        "This charge token may be used only at certain other locations.",
        "NOT_ALLOWED", "Invalid", "NotAtThisLocation"),
    Row(10, Reason.NOT_ON_AUTHORIZATION_LIST, False,
        "This location is private, and this charge token is not on its authorization list.",
        "NOT_ALLOWED", "Invalid", "NotAtThisLocation"),
    Row(11, Reason.LOCATION_NOT_PUBLISHED, False,
        "This location is not open to the public.",
        "NOT_ALLOWED", "Invalid", "NotAtThisLocation"),
    Row(12, Reason.EXTERNAL_TOKEN_NOT_LISTED, False,
        "This charge token belongs to a provider unknown here, and nothing at this location names it.",
        "NOT_ALLOWED", "Invalid", "Unknown"),
    Row(13, Reason.ALLOWED, True,
        "This charge token may charge here.",
        "ALLOWED", "Accepted", "Accepted"),
)  # fmt: skip

BY_REASON: dict[Reason, Row] = {row.reason: row for row in ROWS}
