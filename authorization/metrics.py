"""What a process counts for Prometheus. A web node's workers count in files that they share: see portal.folders."""

from typing import Any

from prometheus_client import Counter, Histogram

decisions = Counter("chargeward_decisions", "Decisions by outcome, reason and source.", ["status", "reason", "source"])
unanswered = Counter("chargeward_unanswered", "Requests answered with an error.", ["endpoint", "status"])
_seconds = Histogram(
    "chargeward_answer_seconds",
    "Time to answer a request.",
    ["endpoint"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
seconds = {endpoint: _seconds.labels(endpoint) for endpoint in ("authorize", "batch", "explain")}

_decided: dict[tuple[str, str, str], Any] = {}


def count(status: str, reason: str, source: str, times: int = 1) -> None:
    """So many decisions alike. Finding a counter by its labels costs more than counting, so they are kept."""
    key = (status, reason, source)
    counter = _decided.get(key)
    if counter is None:
        counter = _decided[key] = decisions.labels(*key)
    counter.inc(times)
