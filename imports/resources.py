"""What each kind of file holds: columns, their names elsewhere, how a cell is cleaned, what is wrong with a row.

The frame is django-import-export's: a Resource of Fields with Widgets, for files that come in and files that go out.
Only its row by row saving is not used; `staging` writes what a Resource has cleaned.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import Widget

from imports.dates import parse
from imports.models import Import, Kind
from imports.recognise import Wanted
from locations import ids as place_ids
from tokens import ids
from tokens.models import TokenType, Whitelist

NEVER = "infinity"  # of an expiry that is taken away; PostgreSQL's word
# How Excel writes a long number that it took for one: "4.0E+12", with any decimal sign.
_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d+)?E[+-]\d+", re.IGNORECASE | re.ASCII)
_EXPORTED_FORMULA = re.compile(r"'[=+\-@\t\r]")
_NUL = "This holds a NUL character."
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


Said = dict[str, list[Any]]  # by column, a value for each row; None where the row says nothing
Wrong = dict[int, list[Problem]]  # by the place of a row among the rows, from 0


class Taken(NamedTuple):
    """Rows, cleaned, column by column. A row with something wrong says nothing."""

    said: Said
    wrong: Wrong

    def refuse(self, nth: int, problems: list[Problem]) -> None:
        """This one says nothing, for these reasons."""
        self.wrong[nth] = problems
        for column in self.said.values():
            column[nth] = None


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
    """An id, kept as it was entered. Its normal form is a column beside it (`Rows.beside`)."""

    def __init__(self, most: int = 255) -> None:
        super().__init__(most, numbers_break=True)


class Party(Text):
    """A party, like NL-GFX."""

    def __init__(self) -> None:
        super().__init__(10, numbers_break=True)

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        text = super().clean(value)
        place_ids.party(text)
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
    """An instant in ISO 8601, or NEVER. import-export's own refuses ISO 8601 with an offset."""

    style = "iso"

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        return _instant(value, self.style)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return value.isoformat().replace("+00:00", "Z") if value else ""


@lru_cache(maxsize=1024)  # a file's tokens expire on a few days
def _instant(value: str, style: str) -> str:
    found = parse(value, style)
    return found.isoformat() if found else NEVER


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
    beside: tuple[str, ...] = ()  # columns that `check` adds: normal forms of ids

    @classmethod
    @cache
    def columns(cls) -> dict[str, Column]:
        return dict(cls().fields)

    @classmethod
    def get_display_name(cls) -> str:
        """As import-export's screens ask."""
        return cls.__name__

    @classmethod
    def wanted(cls) -> Wanted:
        aliases = {name: column.aliases for name, column in cls.columns().items()}
        return Wanted(aliases, cls.required, cls.alone, cls.dates)

    def take(self, names: Sequence[str | None], rows: Sequence[Sequence[str]]) -> Taken:
        """Rows of cells, whose columns are read as `names`, cleaned. An empty cell says nothing."""
        said: Said = {}
        wrong: Wrong = {}
        for index, name in enumerate(names):
            if name is not None:
                cells = [row[index] if index < len(row) else "" for row in rows]
                said[name] = _mapped(name, cells, self._cell(name), wrong)
        self.check(said, len(rows), wrong)
        taken = Taken(said, wrong)
        for nth, problems in wrong.items():
            taken.refuse(nth, problems)
        return taken

    def _cell(self, name: str) -> Callable[[str], Any]:
        clean = self.fields[name].widget.clean

        def cleaned(cell: str) -> Any:
            text = cell.strip()
            if not text:
                return None
            if "\0" in text:
                raise ValueError(_NUL)
            if text[0] == "'" and _EXPORTED_FORMULA.match(text):
                text = text[1:]  # as our own exports quote it
            return clean(text)

        return cleaned

    def check(self, said: Said, count: int, wrong: Wrong) -> None:
        """What is wrong with `count` rows, each as a whole; completes them."""
        needed = [said[name] for name in self.required if name in said]
        for nth, values in enumerate(zip(*needed, strict=True)):
            if not any(values) and nth not in wrong:
                wrong[nth] = [Problem(self.required[0], "", f"This row has no {' or '.join(self.required)}.")]


def _mapped(name: str, values: Sequence[Any], function: Callable[[Any], Any], wrong: Wrong) -> list[Any]:
    """The function of each value, computed once for those that are equal; what it refuses is wrong."""
    known: dict[Hashable, Any] = {None: None}
    refused = False
    for value in set(values):
        if value is not None:
            try:
                known[value] = function(value)
            except ValueError as error:
                known[value], refused = Problem(name, value.strip(), str(error)), True
    found = [known[value] for value in values]
    if refused:
        for nth, value in enumerate(found):
            if isinstance(value, Problem):
                found[nth] = None
                wrong.setdefault(nth, []).append(value)
    return found


class TokenRows(Rows):
    required = ("uid", "auth_id")
    dates = ("expires_at",)
    beside = ("uid_normal", "auth_normal")

    uid = Column(
        "uid",
        Text(255, numbers_break=True),
        "text",
        "chipid rfid rfiduid tagid idtag cardidtag tokenuid taguid carduid rfidtag rfidnumber rfidid"
        " chargekeyidentifier chargekey hexuid ids id",
    )
    auth_id = Column("auth_id", Id(), "text", "contractid emaid emaidid evcoid evco contract authorizationid")
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

    def check(self, said: Said, count: int, wrong: Wrong) -> None:
        super().check(said, count, wrong)
        nothing = [None] * count
        kinds, uids, auth_ids = (said.setdefault(name, list(nothing)) for name in ("type", "uid", "auth_id"))
        normals = said["uid_normal"] = list[Any](nothing)
        for nth, (kind, uid) in enumerate(zip(kinds, uids, strict=True)):
            if nth in wrong:
                continue
            if kind == TokenType.EMAID:
                # Its uid is its Auth ID: one that is given alone brings the other.
                uids[nth], auth_ids[nth] = uid or auth_ids[nth], auth_ids[nth] or uid
            elif uid is None:
                continue
            elif kind is None:
                kinds[nth] = kind = TokenType.RFID.value
            try:
                normals[nth] = _normal_uid(kind, uids[nth], auth_ids[nth])
            except ValueError as error:
                wrong[nth] = [Problem("uid", uids[nth], str(error))]
        said["auth_normal"] = _mapped("auth_id", auth_ids, ids.auth_id, wrong)


def _normal_uid(kind: str, uid: str, auth_id: str | None) -> str:
    normal = ids.uid(kind, uid)
    if kind == TokenType.EMAID and (auth_id is None or ids.auth_id(auth_id) != normal):
        raise ValueError("The uid of an EMAID token is its Auth ID.")
    if uid[0] != "0" and uid.isdigit() and len(uid) not in _USUAL_LENGTHS.get(kind, (len(uid),)):
        raise ValueError(
            f"A number of {len(uid)} digits is no {kind.replace('_', ' ')}'s uid: has a spreadsheet dropped its zeros?"
        )
    return normal


class ListRows(Rows):
    """An authorization list: one column counts."""

    required = ("auth_id",)
    alone = "auth_id"
    beside = ("auth_normal",)

    auth_id = Column("auth_id", Id(), "text", " ".join(TokenRows().fields["auth_id"].aliases[1:]))

    def check(self, said: Said, count: int, wrong: Wrong) -> None:
        super().check(said, count, wrong)
        said["auth_normal"] = _mapped("auth_id", said["auth_id"], ids.auth_id, wrong)


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


class LocationMembers(Rows):
    """A location's id is unique with its CPO; where that is needed, a second column says whose, like NL-GFX."""

    required = ("location_id",)
    alone = "location_id"

    location_id = Column("location_id", Text(39, numbers_break=True), "text", "locationid location id")
    cpo = Column("cpo", Party(), "text", "cpocode operator", "cpo__code")


class CpoMembers(Rows):
    required = ("cpo",)
    alone = "cpo"

    cpo = Column("cpo", Party(), "text", "party partyid code operator", "code")


class EmspMembers(Rows):
    required = ("emsp",)
    alone = "emsp"

    emsp = Column("emsp", Party(), "text", "party partyid code provider", "code")


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
