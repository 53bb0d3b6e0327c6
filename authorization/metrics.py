"""What a process counts for Prometheus. A web node's workers count in files that they share: see portal.folders.

Counting there costs as much as deciding, so what happens with each answer is first noted in lists of this process, and
counted in the shared files a few times a second.
"""

import logging
import threading
import time
from bisect import bisect_left
from collections import Counter as Times
from collections import deque
from typing import Any, TypeVar

from prometheus_client import Counter, Histogram

from authorization.engine.reasons import ROWS

logger = logging.getLogger(__name__)
T = TypeVar("T")
decisions = Counter("chargeward_decisions", "Decisions by outcome, reason and source.", ["status", "reason", "source"])
unanswered = Counter("chargeward_unanswered", "Requests answered with an error.", ["endpoint", "status"])
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_seconds = Histogram("chargeward_answer_seconds", "Time to answer a request.", ["endpoint"], buckets=BOUNDS)
# They are told of before the first answer, too.
for _endpoint in ("authorize", "batch", "explain"):
    _seconds.labels(_endpoint)

# By the follower, whose process counts in the files of the web node that started it.
copy_seconds = Histogram(
    "chargeward_copy_seconds",
    "Time to bring the compiled copy up to date by what changed, or to make it anew.",
    ["how"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
for _how in ("changes", "anew"):
    copy_seconds.labels(_how)

COUNT_EVERY = 0.25  # seconds
MOST = 5_000  # noted, then they are counted at once
# Appending to a deque needs no lock. Rows of the contract's table and sources; endpoints and seconds.
_decided: deque[tuple[int, str]] = deque()
_answered: deque[tuple[str, float]] = deque()
_counting = threading.Lock()


def note_decisions(decisions: list[tuple[int, str]]) -> None:
    """So many decisions were given: the rows of the contract's table that decided, and the sources of the rules."""
    _decided.extend(decisions)
    if len(_decided) > MOST:
        count()


def note_answer(endpoint: str, seconds: float) -> None:
    """One request was answered, or refused, after so long."""
    _answered.append((endpoint, seconds))
    if len(_answered) > MOST:
        count()


def count() -> None:
    """Counts what was noted. No answer is refused because it cannot be counted."""
    try:
        _count()
    except Exception:
        logger.exception("Metrics cannot be counted")


def _count() -> None:
    with _counting:
        for (row, source), times in Times(_taken(_decided)).items():
            reason = ROWS[row - 1].reason
            decisions.labels("accepted" if reason.accepted else "rejected", reason.value, source).inc(times)
        waits: dict[str, list[float]] = {}
        for endpoint, seconds in _taken(_answered):
            waits.setdefault(endpoint, []).append(seconds)
        for endpoint, each in waits.items():
            _observe(_seconds.labels(endpoint), each)


def _taken(noted: deque[T]) -> list[T]:
    # What is appended meanwhile waits for the next time.
    return [noted.popleft() for _ in range(len(noted))]


def _observe(histogram: Any, waits: list[float]) -> None:
    """As histogram.observe() of each: the library has no way to do it for many."""
    histogram._sum.inc(sum(waits))
    for bucket, times in Times([bisect_left(BOUNDS, seconds) for seconds in waits]).items():
        histogram._buckets[bucket].inc(times)


def count_from_now_on() -> None:
    """Counts a few times a second, in a thread of its own: nobody asks each worker of a node."""
    threading.Thread(target=_count_always, name="metrics", daemon=True).start()


def _count_always() -> None:
    while True:
        time.sleep(COUNT_EVERY)
        count()
