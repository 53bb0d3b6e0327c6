"""Lists page by page: oldest (first made) first, so that a change shifts nothing.

`offset` and `limit` are OCPI's. The `Link` to the next page also says behind which row it begins (`after`), so that a
partner who follows it meets every row once, in the same time per page, whatever is added and deleted meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.utils.dateparse import parse_datetime

from subscriptions.ocpi.envelope import INVALID, OcpiView, Refusal, envelope

LIMIT = 1000
MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True)
class Asked:
    """What of a list is asked for. after: the primary key behind which the page begins; None: `offset` counts."""

    limit: int
    offset: int
    after: int | None
    date_from: datetime | None
    date_to: datetime | None


def asked(query: QueryDict) -> Asked:
    """Raises Refusal."""
    limit = _number(query, "limit")
    return Asked(
        limit=min(LIMIT if limit is None else limit, LIMIT),
        offset=_number(query, "offset") or 0,
        after=_number(query, "after"),
        date_from=_instant(query, "date_from"),
        date_to=_instant(query, "date_to"),
    )


Rows = Sequence[tuple[int, Any]]


def page(view: OcpiView, path: str, total: Callable[[Asked], int], rows: Callable[[Asked], Rows]) -> HttpResponse:
    """path: of this version. rows: up to limit + 1 of (primary key, object), in their keys' order. Raises Refusal."""
    wanted = asked(view.request.GET)
    found = rows(wanted)
    shown = found[: wanted.limit]
    headers = {"X-Total-Count": str(total(wanted)), "X-Limit": str(wanted.limit)}
    if len(found) > wanted.limit and shown:
        further = {name: view.request.GET[name] for name in ("date_from", "date_to") if name in view.request.GET}
        position = {"offset": wanted.offset + len(shown), "limit": wanted.limit, "after": shown[-1][0]}
        headers["Link"] = f'<{view.module_url(path)}?{urlencode(further | position)}>; rel="next"'
    return envelope([shape for _, shape in shown], headers=headers)


def _number(query: QueryDict, name: str) -> int | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > MAX_NUMBER:
        raise Refusal(INVALID, f"{name} is a whole number, 0 or more.")
    return int(text)


def _instant(query: QueryDict, name: str) -> datetime | None:
    """A DateTime; without a zone it is UTC."""
    text = query.get(name)
    if text is None or text == "":
        return None
    at = read_instant(text)
    if at is None:
        raise Refusal(INVALID, f"{name} is a date and time like 2015-06-29T20:39:09Z.")
    return at


def read_instant(text: Any) -> datetime | None:
    """None for what is no DateTime. A `+` that came as it is, unquoted, has become a space."""
    try:
        at = parse_datetime(text.strip().replace(" ", "+") if "T" in text else text) if len(text) <= 40 else None
        if at is None or not 1970 <= at.year <= 9998:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError):
        return None
