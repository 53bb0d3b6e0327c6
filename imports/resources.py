"""What each kind of file holds: columns, their names elsewhere, how a cell is cleaned, what is wrong with a row.

The frame is django-import-export's: a Resource of Fields with Widgets, for files that come in and files that go out.
Only its row by row saving is not used; `staging` writes what a Resource has cleaned.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import Widget

from imports.dates import BadDate, parse
from imports.models import Import, Kind
from imports.recognise import Wanted
from locations import ids as place_ids
from locations.ids import BadId
from tokens import ids
from tokens.models import TokenType, Whitelist

NEVER = "infinity"  # of an expiry that is taken away; PostgreSQL's word
# How Excel writes a long number that it took for one: "4.0E+12", with any decimal sign.
_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d+)?E[+-]\d+", re.IGNORECASE | re.ASCII)
_EXPORTED_FORMULA = re.compile(r"'[=+\-@\t\r]")
# Bytes of an RFID card's uid, in hex digits; of a MAC address.
_USUAL_LENGTHS = {"RFID": (8, 14, 16, 20), "MAC_ADDRESS": (12, 16)}
_TRUE = {"true", "1", "yes", "y", "ja", "oui", "si", "sí", "wahr", "waar", "vrai", "verdadero", "accepted", "active",
         "enabled", "valid", "x"}  # fmt: skip
_FALSE = {"false", "0", "no", "n", "nein", "nee", "non", "falsch", "onwaar", "faux", "falso", "blocked", "inactive",
          "disabled", "invalid", "expired"}  # fmt: skip


class Problem(NamedTuple):
    """What is wrong with one cell: the column as we call it, the value as it stands, a sentence."""

    column: str
    value: str
    message: str


class Text(Widget):  # type: ignore[misc]
    """Text up to a length. What Excel made of a long number is not taken for the number."""

    def __init__(self, most: int, *, numbers_break: bool = False) -> None:
        super().__init__()
        self.most, self.numbers_break = most, numbers_break

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        if len(value) > self.most:
            raise ValueError(f"This has {len(value)} characters, at most {self.most} fit.")
        if self.numbers_break and _SCIENTIFIC.fullmatch(value):
            raise ValueError(
                "A spreadsheet has turned this into a rounded number: the digits behind it are lost. Format the column"
                " as text and paste it anew."
            )
        return value


class Id(Text):
    """An id that `normal` can read: printable ASCII. Kept as it was entered."""

    def __init__(self, normal: Any, most: int = 255) -> None:
        super().__init__(most, numbers_break=True)
        self.normal = normal

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        text = super().clean(value)
        self.normal(text)
        return text


class Choice(Widget):  # type: ignore[misc]
    """One of OCPI's words, in any case, with a space or a dash for its underscore."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__()
        self.choices = frozenset(choices)

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        word = re.sub(r"[ -]+", "_", value).upper()
        if word not in self.choices:
            raise ValueError(f"This is none of {', '.join(sorted(self.choices))}.")
        return word


class Flag(Widget):  # type: ignore[misc]
    def clean(self, value: str, row: Any = None, **kwargs: Any) -> bool:
        word = value.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ValueError("This is neither true nor false.")

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "true" if value else "false"


class Instant(Widget):  # type: ignore[misc]
    """An instant, or NEVER. import-export's own refuses ISO 8601 with an offset."""

    style = "iso"

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> datetime | str:
        return _instant(value, self.style)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return value.isoformat().replace("+00:00", "Z") if value else ""


@lru_cache(maxsize=1024)  # a file's tokens expire on a few days
def _instant(value: str, style: str) -> datetime | str:
    return parse(value, style) or NEVER


class Language(Widget):  # type: ignore[misc]
    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        if not re.fullmatch("[A-Za-z]{2}", value):
            raise ValueError("This is no language of ISO 639-1, like nl.")
        return value.lower()


class Column(Field):  # type: ignore[misc]
    """A column of a kind. aliases: its names in other systems, as recognise.plain leaves them, the best first."""

    def __init__(self, name: str, widget: Widget, sql: str, aliases: str = "", attribute: str = "") -> None:
        super().__init__(attribute=attribute or name, column_name=name, widget=widget)
        self.sql = sql
        self.aliases = (re.sub("[^a-z0-9]", "", name), *aliases.split())


class Rows(Resource):  # type: ignore[misc]
    """The columns of one kind, and what is wrong with a row that has them."""

    required: tuple[str, ...] = ()
    alone: str | None = None
    dates: tuple[str, ...] = ()

    @classmethod
    @cache
    def columns(cls) -> dict[str, Column]:
        return dict(cls().fields)

    @classmethod
    def wanted(cls) -> Wanted:
        aliases = {name: column.aliases for name, column in cls.columns().items()}
        return Wanted(aliases, cls.required, cls.alone, cls.dates)

    def take(self, cells: dict[str, str]) -> tuple[dict[str, Any], list[Problem]]:
        """What the row says, by column, and what is wrong with it. An empty cell says nothing."""
        said: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, cell in cells.items():
            text = cell.strip()
            if not text:
                continue
            if "\0" in text:
                problems.append(Problem(name, text, "This holds a NUL character."))
                continue
            if _EXPORTED_FORMULA.match(text):
                text = text[1:]  # as our own exports quote it
            try:
                said[name] = self.fields[name].widget.clean(text)
            except (ValueError, BadDate) as error:
                problems.append(Problem(name, text, str(error)))
        if not problems:
            problems = self.check(said)
        return said, problems

    def check(self, said: dict[str, Any]) -> list[Problem]:
        """What is wrong with a row as a whole; completes it."""
        if not any(name in said for name in self.required):
            needed = " or ".join(self.required)
            return [Problem(self.required[0], "", f"This row has no {needed}.")]
        return []


class TokenRows(Rows):
    required = ("uid", "auth_id")
    dates = ("expires_at",)

    uid = Column(
        "uid",
        Text(255, numbers_break=True),
        "text",
        "chipid rfid rfiduid tagid idtag cardidtag tokenuid taguid carduid rfidtag rfidnumber rfidid"
        " chargekeyidentifier chargekey hexuid ids id",
    )
    auth_id = Column(
        "auth_id", Id(ids.auth_id), "text", "contractid emaid emaidid evcoid evco contract authorizationid"
    )
    type = Column("type", Choice(TokenType.values), "text", "tokentype")
    visual_number = Column(
        "visual_number", Text(64, numbers_break=True), "text", "visualid cardnumber printednumber label cardlabel"
    )
    issuer = Column("issuer", Text(64), "text", "issuername")
    customer_external_id = Column(
        "customer_external_id", Text(100, numbers_break=True), "text", "customerid customer", "customer__external_id"
    )
    driver_external_id = Column(
        "driver_external_id", Text(100, numbers_break=True), "text", "driverid driver", "driver__external_id"
    )
    valid = Column("valid", Flag(), "boolean", "active isactive enabled cardstatus status")
    whitelist = Column("whitelist", Choice(Whitelist.values), "text", "whitelisttype")
    expires_at = Column(
        "expires_at",
        Instant(),
        "timestamptz",
        "expirydate expires expiry expirationdate expiresdate validuntil validto",
    )
    language = Column("language", Language(), "text", "languagecode lang")

    def check(self, said: dict[str, Any]) -> list[Problem]:
        if problems := super().check(said):
            return problems
        kind, uid, auth_id = said.get("type"), said.get("uid"), said.get("auth_id")
        if kind == TokenType.EMAID:
            # Its uid is its Auth ID: one that is given alone brings the other.
            said["uid"], said["auth_id"] = str(uid or auth_id), str(auth_id or uid)
            try:
                same = ids.auth_id(said["uid"]) == ids.auth_id(said["auth_id"])
            except BadId as error:
                return [Problem("uid", said["uid"], str(error))]
            return [] if same else [Problem("uid", said["uid"], "The uid of an EMAID token is its Auth ID.")]
        if uid is not None:
            kind = said.setdefault("type", TokenType.RFID.value)
            return _uid_problems(kind, uid)
        return []


def _uid_problems(kind: str, uid: str) -> list[Problem]:
    try:
        ids.uid(kind, uid)
    except BadId as error:
        return [Problem("uid", uid, str(error))]
    usual = _USUAL_LENGTHS.get(kind)
    if usual and uid.isdigit() and uid[0] != "0" and len(uid) not in usual:
        text = (
            f"A number of {len(uid)} digits is no {kind.replace('_', ' ')}'s uid: has a spreadsheet dropped its zeros?"
        )
        return [Problem("uid", uid, text)]
    return []


class ListRows(Rows):
    """An authorization list: one column counts."""

    required = ("auth_id",)
    alone = "auth_id"

    auth_id = Column("auth_id", Id(ids.auth_id), "text", " ".join(TokenRows().fields["auth_id"].aliases[1:]))


class TokenMembers(ListRows):
    """A group of charge tokens names Auth IDs, as a list does."""


class CustomerMembers(Rows):
    required = ("external_id",)
    alone = "external_id"

    external_id = Column("external_id", Text(100, numbers_break=True), "text", "customerexternalid customerid customer")


class DriverMembers(Rows):
    """A driver's external ID is unique with its customer; where that is needed, a second column says whose."""

    required = ("external_id",)
    alone = "external_id"

    external_id = Column(
        "external_id", Text(100, numbers_break=True), "text", "driverexternalid driverid driver", "external_id"
    )
    customer_external_id = Column(
        "customer_external_id", Text(100, numbers_break=True), "text", "customerid customer", "customer__external_id"
    )


def _party(text: str) -> None:
    place_ids.party(text)


class LocationMembers(Rows):
    """A location's id is unique with its CPO; where that is needed, a second column says whose, like NL-GFX."""

    required = ("location_id",)
    alone = "location_id"

    location_id = Column("location_id", Text(39, numbers_break=True), "text", "locationid location id")
    cpo = Column("cpo", Id(_party, 10), "text", "cpocode operator", "cpo__code")


class CpoMembers(Rows):
    required = ("cpo",)
    alone = "cpo"

    cpo = Column("cpo", Id(_party, 10), "text", "party partyid code operator", "code")


class EmspMembers(Rows):
    required = ("emsp",)
    alone = "emsp"

    emsp = Column("emsp", Id(_party, 10), "text", "party partyid code provider", "code")


MEMBERS: dict[str, type[Rows]] = {
    "token": TokenMembers,
    "customer": CustomerMembers,
    "driver": DriverMembers,
    "location": LocationMembers,
    "cpo": CpoMembers,
    "emsp": EmspMembers,
}


def resource_of(of: Import) -> type[Rows]:
    """The columns of an import's file. Locations come as OCPI objects and have none."""
    if of.kind == Kind.TOKENS:
        return TokenRows
    if of.kind == Kind.AUTHORIZATION_LIST:
        return ListRows
    group: Any = of.group
    return MEMBERS[group.category]
