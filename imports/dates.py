"""Dates as spreadsheets write them. A date that could be two days is an error, never a guess."""

import re
from datetime import UTC, datetime, timedelta, timezone

NEVER_FROM = 2999  # "2999-01-01" and later is how other systems write "never"
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_OTHER = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII)
# Year first with other signs than ISO's is still year, month, day.
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII)


class BadDate(ValueError):
    """Text that is no date, or could be two. The message says what to do."""


def evidence(text: str) -> str | None:
    """What a cell tells about the order of day and month: `day_first`, `month_first`, `unknown`, or nothing."""
    match = _OTHER.fullmatch(text.strip())
    if not match:
        return None
    first, sign, second = int(match[1]), match[2], int(match[3])
    if sign == "." or first > 12:
        return "day_first"
    if second > 12:
        return "month_first"
    # The same day both ways.
    return "unknown" if first != second else None


def parse(text: str, style: str) -> datetime | None:
    """An instant, UTC where no offset is given, midnight where no time is; None for "never". Raises BadDate."""
    text = text.strip()
    if match := _ISO.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        year, month, day, hour, minute, second, fraction, zone = [*map(_text, match.groups()), "", ""][:8]
    elif match := _OTHER.fullmatch(text):
        first, sign, other, year, hour, minute, second = match.groups()
        day, month = _ordered(text, first, other, "day_first" if sign == "." else style)
        fraction = zone = ""
    else:
        raise BadDate("This is no date. Write it like 2027-12-31, or 2027-12-31T23:59:59Z.")
    if int(year) >= NEVER_FROM:
        return None
    try:
        return datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int(fraction.ljust(6, "0")[:6]), tzinfo=_zone(zone),
        )  # fmt: skip
    except (ValueError, OverflowError):
        raise BadDate("There is no such date or time.") from None


def _text(group: str | None) -> str:
    return group or ""


def _ordered(text: str, first: str, second: str, style: str) -> tuple[str, str]:
    """(day, month)."""
    if style == "month_first" and int(second) <= 31 and int(first) <= 12:
        return second, first
    if style == "day_first" and int(second) <= 12:
        return first, second
    if style in ("unknown", "iso") and first != second:
        raise BadDate("Is this day and month, or month and day? Say so (date_style), or write it like 2027-12-31.")
    if first == second:
        return first, second
    raise BadDate(f"Other dates of this file are {style.replace('_', ' ')}, and this one cannot be.")


def _zone(text: str) -> timezone:
    if not text or text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
