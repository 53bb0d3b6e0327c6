"""What a drill found, and the tables of all of them."""

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from tests.drills.load import Answer, Load
from tests.drills.oracle import judge
from tests.drills.world import World

PROPERTY = "drill"
OLDER = "of before revision"
SHIPPED_WITHIN = 15.0  # seconds
Figures = dict[str, Any]


def log_of(world: World, load: Load) -> dict[str, tuple[int, str, str, int]]:
    """The decision log by request id: how many rows, and source, reason and revision of one."""
    with world.connect() as connection:
        rows = connection.execute(
            "SELECT request_id, count(*), min(source), min(reason), min(revision) FROM authorization_decision"
            " WHERE request_id LIKE %s GROUP BY request_id",
            [f"{load.run}-%"],
        )
        return {row[0]: row[1:] for row in rows}


def shipped(world: World, load: Load) -> dict[str, tuple[int, str, str, int]]:
    """The log once it has every answer, or when that took too long."""
    until = time.monotonic() + SHIPPED_WITHIN
    answered = {answer.id for answer in load.answers if answer.status == 200}
    while not answered <= (found := log_of(world, load)).keys() and time.monotonic() < until:
        time.sleep(0.2)
    return found


def measure(world: World, load: Load, name: str, over: float) -> tuple[Figures, list[str]]:
    """Figures of a load that has ended, and what was wrong with it. over: when the fault was, at the latest."""
    answers, log = sorted(load.answers, key=lambda answer: answer.start), shipped(world, load)
    said = Said(world, load)
    problems = []
    for answer in answers:
        rows, answer.source, reason, revision = log.get(answer.id, (0, "", "", 0))
        if answer.status == 200 and rows and (reason, revision) != (answer.reason, answer.revision):
            answer.problem = f"logged as {reason} at {revision}"
        if answer.status == 200 and (wrong := judge(answer.reason, _allowed(answer))):
            answer.problem = wrong
        if answer.status == 200 and not answer.problem and answer.revision < (least := said.least(answer)):
            answer.problem = f"{OLDER} {least}"
        if answer.problem and answer.status:
            problems.append(describe(answer))
    answered = [answer for answer in answers if answer.status == 200]
    not_good = [answer.end for answer in answers if answer.end > over and not answer.good]
    figures = {
        "drill": name,
        "answers": len(answered),
        "database": sum(answer.source == "database" for answer in answered),
        "503": sum(answer.status == 503 for answer in answers),
        "broken": sum(answer.status == 0 for answer in answers),
        "other": sum(answer.status not in (0, 200, 503) for answer in answers),
        "longest": max((answer.took for answer in answers if not _stalled(world, answer)), default=0.0),
        "recovery": max((end - over for end in not_good), default=0.0),
        "lost": sum(answer.id not in log for answer in answered),
        "doubled": sum(rows[0] > 1 for rows in log.values()),
        "in force": len(said.everywhere),
        "older": sum(answer.problem.startswith(OLDER) for answer in answers),
        "broke how": dict(Counter(answer.problem for answer in answers if answer.status == 0)),
    } | {kind: sum(answer.problem == kind for answer in answers) for kind in ("wrong accept", "wrong reject")}
    return figures, problems


class Said:
    """What was said during a load: by the portal, that a revision is in force; by a node, that it answers by one."""

    def __init__(self, world: World, load: Load) -> None:
        self.everywhere = sorted(each for each in world.in_force if each[0] >= load.began)
        self._everywhere = _rising(self.everywhere)
        self._of_node = {looker.node.name: _rising(looker.seen) for looker in load.lookers}

    def least(self, answer: Answer) -> int:
        """The revision of which the answer has to be, or a later one, for it was asked for when that had been said."""
        return max(_until(self._everywhere, answer.start), _until(self._of_node.get(answer.node, []), answer.start))


def _rising(said: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    times, revisions = [at for at, _ in said], accumulate((revision for _, revision in said), max)
    return list(zip(times, revisions, strict=True))


def _until(said: Sequence[tuple[float, int]], start: float) -> int:
    found = bisect_left(said, start, key=lambda each: each[0])
    return said[found - 1][1] if found else 0


def _stalled(world: World, answer: Answer) -> bool:
    """Whether its node was stopped meanwhile, and could not answer."""
    return any(
        node == answer.node and answer.start < until and answer.end > since for node, since, until in world.stalls
    )


def _allowed(answer: Answer) -> set[str]:
    return answer.subject.allowed(answer.start, answer.end)


def describe(answer: Answer) -> str:
    """One line about an answer, with the changes of its subject around it."""
    changes = [
        f"{change.reason} {change.begin - answer.start:+.3f}…"
        + (f"{change.end - answer.start:+.3f}" if change.end is not None else "?")
        for change in answer.subject.changes
        if abs(change.begin - answer.start) < 10
    ]
    return (
        f"{answer.problem}: {answer.status} {answer.reason} to {answer.subject.name} at {answer.node}/{answer.worker}"
        f" from {answer.source or '?'} at revision {answer.revision} in {answer.took:.3f} s;"
        f" changes: {', '.join(changes)}"
    )


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def _rate(value: float) -> str:
    return f"{value:,.0f}/s"


_FAULTS: dict[str, Callable[[Any], str]] = {
    "drill": str, "answers": str, "database": str, "503": str, "broken": str, "other": str, "wrong accept": str,
    "wrong reject": str, "in force": str, "older": str, "longest": _seconds, "recovery": _seconds,
    "lost": str, "doubled": str, "changes": str, "failed": str,
}  # fmt: skip
_RUSH: dict[str, Callable[[Any], str]] = {
    "asked meanwhile": str, "limit": _rate, "rate": _rate, "answers": str, "503": str, "other": str, "wrong": str,
    "p50": _milliseconds, "p99": _milliseconds, "longest": _milliseconds,
}  # fmt: skip
_FRESHNESS: dict[str, Callable[[Any], str]] = {
    "changed by": str, "changes": str, "seen": str, "p50": _milliseconds, "p99": _milliseconds, "worst": _milliseconds,
}  # fmt: skip
_ENEMIES: dict[str, Callable[[Any], str]] = {
    "away and elsewhere": str, "pairs": str, "answers": str, "unanswered": str, "mixed": str, "older": str,
}  # fmt: skip
_CLOCK: dict[str, Callable[[Any], str]] = {
    "by the clock": str, "right": str, "5 min ahead": str, "5 min behind": str,
}  # fmt: skip
_TASKS: dict[str, Callable[[Any], str]] = {
    "tasks": str, "delivered": str, "lists": str, "rows to write": str, "rows written": str,
    "objects for a partner": str, "rounds": str, "sent twice": str,
}  # fmt: skip
_IMPORTS: dict[str, Callable[[Any], str]] = {"imports": str, "rows": str, "old": str, "new": str}
_PUSHED: dict[str, Callable[[Any], str]] = {
    "pushed": str, "changes": str, "requests": str, "failures": str, "seconds": str, "memory": str,
    "change to partner": str,
}  # fmt: skip


def tables(figures: Sequence[Figures]) -> Iterator[str]:
    """Lines of text. `broken`: connections that ended without an answer. `failed`: changes that were not confirmed."""
    for title, columns in (
        ("Faults under load", _FAULTS),
        ("Clients that only ask", _RUSH),
        ("A change in every process's answers", _FRESHNESS),
        ("Taken away here, then given there", _ENEMIES),
        ("A node whose clock is off", _CLOCK),
        ("Tasks twice, late and out of order", _TASKS),
        ("The list after its worker was killed", _IMPORTS),
        ("A partner that fails in turns", _PUSHED),
    ):
        first = next(iter(columns))
        rows = [[show(row[name]) for name, show in columns.items()] for row in figures if first in row]
        if rows:
            yield ""
            yield title
            yield from _table([list(columns), *rows])
    for title, name in (("Connections that broke", "broke how"), ("Changes that were not confirmed", "failed how")):
        kinds = sum((Counter(row[name]) for row in figures if name in row), Counter[str]())
        if kinds:
            yield ""
            yield f"{title}, by kind"
            yield from (f"{count:6} {kind}" for kind, count in kinds.most_common())


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
