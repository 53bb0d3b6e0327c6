"""The connectors of an EVSE: one form for what OCPI 2.1.1 and 2.2.1 say of them.

It has the names of 2.2.1, which can say more: `id`, `standard`, `format`, `power_type`, `max_voltage` (volts, line to
neutral), `max_amperage` (amperes), and where they are said `max_electric_power` (watts), `tariff_ids` and
`terms_and_conditions`. `last_updated` is not kept: a connector changes with its location, as its EVSE does.

A connector without a field that OCPI requires is none that a partner could be told, and is left out. Sources: OCPI
2.1.1 and 2.2.1 `mod_locations`.
"""

import re
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict, cast

from django.core.exceptions import ValidationError

from locations.ocpi_values import Bad, Problem, identifier, short_enough, shown, string


class Connector(TypedDict):
    id: str
    standard: str
    format: str
    power_type: str
    max_voltage: int
    max_amperage: int
    max_electric_power: NotRequired[int]
    tariff_ids: NotRequired[list[str]]
    terms_and_conditions: NotRequired[str]


STANDARDS_211 = (
    "CHADEMO", *(f"DOMESTIC_{letter}" for letter in "ABCDEFGHIJKL"), "IEC_60309_2_single_16", "IEC_60309_2_three_16",
    "IEC_60309_2_three_32", "IEC_60309_2_three_64", "IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2",
    "IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C", "TESLA_R", "TESLA_S",
)  # fmt: skip
STANDARDS = (
    *STANDARDS_211, "CHAOJI", "DOMESTIC_M", "DOMESTIC_N", "DOMESTIC_O", "GBT_AC", "GBT_DC", "NEMA_5_20", "NEMA_6_30",
    "NEMA_6_50", "NEMA_10_30", "NEMA_10_50", "NEMA_14_30", "NEMA_14_50", "PANTOGRAPH_BOTTOM_UP", "PANTOGRAPH_TOP_DOWN",
)  # fmt: skip
FORMATS = ("SOCKET", "CABLE")
POWER_TYPES_211 = ("AC_1_PHASE", "AC_3_PHASE", "DC")
POWER_TYPES = (*POWER_TYPES_211, "AC_2_PHASE", "AC_2_PHASE_SPLIT")
MAX_ID = 36
MAX_URL = 255
MAX_NUMBER = 100_000_000  # volts, amperes or watts: beyond any connector, and whole in every JSON reader
MOST = 50  # connectors of an EVSE, tariffs of a connector
_NUMBER = re.compile(r"([0-9]{1,9})(\.0{0,9})?")
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)


def read(given: object) -> tuple[list[Connector], list[Problem]]:
    """The connectors in a list of OCPI objects of either version, and what is wrong with those that are left out."""
    if not isinstance(given, list):
        return [], [Problem("connectors", f"{shown(given)} is no list")]
    if len(given) > MOST:
        return [], [Problem("connectors", f"are {len(given)}, at most {MOST} fit")]
    found: dict[str, Connector] = {}
    problems: list[Problem] = []
    for index, obj in enumerate(given):
        one = _read(obj)
        if not isinstance(one, Problem) and one["id"] in found:
            one = Problem("id", f"{shown(one['id'])} stands twice in this EVSE")
        if isinstance(one, Problem):
            problems.append(Problem(".".join(filter(None, (f"connectors[{index}]", one.field))), one.text))
        else:
            found[one["id"]] = one
    return list(found.values()), problems


def validate(value: object) -> None:
    """A list in the form that is kept, for the model's field."""
    found, problems = read(value)
    if problems:
        raise ValidationError([f"{problem.field} {problem.text}" for problem in problems])
    if found != value:
        raise ValidationError("These connectors are not in the form in which they are kept.")


def described(connectors: list[Connector]) -> str:
    """In a line, for people: `1: IEC_62196_T2, CABLE, AC_3_PHASE, 230 V, 16 A, tariff 11`."""
    return "; ".join(f"{each['id']}: {', '.join(_said(each))}" for each in connectors)


def _said(connector: Connector) -> list[str]:
    said = [connector["standard"], connector["format"], connector["power_type"]]
    said += [f"{connector['max_voltage']} V", f"{connector['max_amperage']} A"]
    if "max_electric_power" in connector:
        said.append(f"{connector['max_electric_power']} W")
    return [*said, *connector.get("tariff_ids", ()), *filter(None, (connector.get("terms_and_conditions"),))]


def _read(obj: object) -> Connector | Problem:
    if not isinstance(obj, dict):
        return Problem("", f"{shown(obj)} is no connector object")
    kept: dict[str, Any] = {}
    for field, names, take in _FIELDS:
        name = next((each for each in names if obj.get(each) not in (None, "", [])), "")
        if not name and field in Connector.__optional_keys__:
            continue
        try:
            kept[field] = take(obj, name or names[-1])
        except Bad as error:
            return Problem(name or names[-1], str(error))
    return cast("Connector", kept)


def _id(obj: dict[str, Any], name: str) -> str:
    return identifier(obj, name, MAX_ID)


def _one_of(*values: str) -> Callable[[dict[str, Any], str], str]:
    """A value of an enumeration, as OCPI writes it whatever the case."""
    by_case = {value.upper(): value for value in values}

    def take(obj: dict[str, Any], name: str) -> str:
        text = string(obj, name)
        if not text:
            raise Bad("is missing")
        if text.upper() not in by_case:
            raise Bad(f"{shown(text)} is none of OCPI's")
        return by_case[text.upper()]

    return take


def _number(obj: dict[str, Any], name: str) -> int:
    """A whole number, or text or a number with zeros after the point that says one."""
    value = obj.get(name)
    if value is None:
        raise Bad("is missing")
    text = value.strip() if isinstance(value, str) else "" if isinstance(value, bool) else f"{value!r}"
    match = _NUMBER.fullmatch(text)
    if not match or int(match[1]) > MAX_NUMBER:
        raise Bad(f"{shown(value)} is no whole number from 0 to {MAX_NUMBER:,}")
    return int(match[1])


def _tariffs(obj: dict[str, Any], name: str) -> list[str]:
    value = obj[name] if isinstance(obj[name], list) else [obj[name]]
    if len(value) > MOST:
        raise Bad(f"are {len(value)}, at most {MOST} fit")
    return list(dict.fromkeys(identifier({name: each}, name, MAX_ID) for each in value))


def _url(obj: dict[str, Any], name: str) -> str:
    text = short_enough(string(obj, name) or "", MAX_URL)
    if not _URL.fullmatch(text):
        raise Bad(f"{shown(text)} is no address that begins with http")
    return text


# Where each field is found: the first of these names that says something.
_FIELDS: tuple[tuple[str, tuple[str, ...], Callable[[dict[str, Any], str], Any]], ...] = (
    ("id", ("id",), _id),
    ("standard", ("standard",), _one_of(*STANDARDS)),
    ("format", ("format",), _one_of(*FORMATS)),
    ("power_type", ("power_type",), _one_of(*POWER_TYPES)),
    ("max_voltage", ("max_voltage", "voltage"), _number),
    ("max_amperage", ("max_amperage", "amperage"), _number),
    ("max_electric_power", ("max_electric_power",), _number),
    ("tariff_ids", ("tariff_ids", "tariff_id"), _tariffs),
    ("terms_and_conditions", ("terms_and_conditions",), _url),
)
