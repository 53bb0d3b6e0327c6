"""A change, made in any way, is in the answers of every process of both nodes in time, while others ask and change."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from tests.drills.changes import Csv, Way
from tests.drills.churn import Churn
from tests.drills.clock import now
from tests.drills.conftest import LONG
from tests.drills.load import Answer, Load
from tests.drills.oracle import GRACE, Subject
from tests.drills.report import describe, measure, percentile
from tests.drills.rush import rush
from tests.drills.world import WORKERS, World
from tests.stack.driver import wait_for

ROUNDS = 40 if LONG else 2  # changes a way
LARGE_EVERY = 4  # rounds: a list that the worker brings takes seconds
PAUSE = (0.3, 0.9) if LONG else (0.1, 0.4)  # seconds between them
BURST = 5.0  # seconds
MOSTLY = 1.0  # seconds, p99
Commits = list[tuple[str, float, str]]  # the way, when, and the reason from then on


def measure_freshness(world: World, note: Callable[[dict[str, Any]], None]) -> None:
    card = world.cards[-1]
    others = [subject for subject in world.subjects if subject is not card]

    def choose() -> Subject:
        """Half of the questions are about the card, so that each process is asked often."""
        return card if random.random() < 0.5 else random.choice(others)

    with (
        _at_half_of_the_limit(world, note) if LONG else nullcontext(),
        Load(world.nodes, world.cast["charger"], world.subjects, pause=0.01, choose=choose) as load,
        Churn(world),
    ):
        wait_for(lambda: len({key for key in load.workers() if key[1]}) == len(world.nodes) * WORKERS, 20)
        commits = _change(world, card)
        time.sleep(GRACE)
    figures, problems = measure(world, load, "freshness", now())
    stale = [answer for answer in load.answers if _is_stale(answer, commits, card)]
    lags = [found for answers in _by_process(load, card).values() for found in _lags(answers, commits)]
    print(figures, *problems[:20], *map(describe, stale[:20]), sep="\n")
    spreads = []
    for way, changes in Counter(way for way, _, _ in commits).items():
        found = [lag for its, lag in lags if its == way]
        spread = {"p50": percentile(found, 0.5), "p99": percentile(found, 0.99), "worst": max(found)}
        note({"changed by": way, "changes": changes, "seen": len(found)} | spread)
        spreads.append(spread)
    assert max(spread["worst"] for spread in spreads) <= GRACE
    assert not LONG or percentile([lag for _, lag in lags], 0.99) <= MOSTLY
    assert not problems
    assert not stale
    assert figures["lost"] == figures["doubled"] == figures["503"] == figures["broken"] == 0


@contextmanager
def _at_half_of_the_limit(world: World, note: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Other clients ask half as much as the nodes can answer, which is found out first."""
    with rush(world) as clients:
        limit = clients.limit(BURST)
        clients.begin(limit / 2)
        try:
            yield
        finally:
            found = clients.end()
    note({"asked meanwhile": "at half of the limit", "limit": limit} | found)
    print(found)
    assert found["wrong"] == found["503"] == found["other"] == 0


def _change(world: World, card: Subject) -> Commits:
    """Off and on again, in every way in turn, by hundreds of milliseconds so that each change is seen by itself."""
    commits: Commits = []
    ways: dict[str, Way] = {**world.ways("freshness"), "CSV": world.csv(Csv.SMALL)}
    large = {"CSV, by the worker": world.csv(Csv.LARGE)} if LONG else {}
    for number in range(ROUNDS):
        for name, way in (ways | (large if number % LARGE_EVERY == 0 else {})).items():
            commits.append(_turn(world, card, name, way))
            time.sleep(random.uniform(*PAUSE))
    if not card.is_on():
        commits.append(_turn(world, card, "sql", ways["sql"]))
    return commits


def _turn(world: World, card: Subject, name: str, way: Way) -> tuple[str, float, str]:
    """Off, or on again."""
    on = not card.is_on()
    with card.changing(on):
        way.set_valid(card.token, on)
    return name, _commit(world, card), card.changes[-1].reason


def _commit(world: World, card: Subject) -> float:
    """When the card's row was last committed, by the server's clock, which is ours."""
    with world.connect() as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM tokens_token WHERE id = %s", [card.token]
        ).fetchone()
    assert row is not None
    return float(row[0])


def _by_process(load: Load, card: Subject) -> dict[tuple[str, int], list[Answer]]:
    found: dict[tuple[str, int], list[Answer]] = {}
    for answer in sorted(load.answers, key=lambda answer: answer.start):
        if answer.subject is card and answer.status == 200:
            found.setdefault((answer.node, answer.worker), []).append(answer)
    return found


def _lags(answers: list[Answer], commits: Commits) -> list[tuple[str, float]]:
    """For each commit, by its way: after how long the first question was asked from which on every answer was new.

    It may have been visible earlier: nobody asked this process in between.
    """
    lags = []
    for (way, commit, reason), following in zip(commits, [*commits[1:], None], strict=True):
        until = following[1] if following else float("inf")
        asked = [answer for answer in answers if commit <= answer.start and answer.end < until]
        old = [number for number, answer in enumerate(asked) if answer.reason != reason]
        new = asked[old[-1] + 1 :] if old else asked
        if asked:
            lags.append((way, (new[0].start if new else until) - commit))
    return lags


def _is_stale(answer: Answer, commits: Commits, card: Subject) -> bool:
    """Whether it is of before a commit that was more than 2 s old when it was asked for."""
    if answer.subject is not card or answer.status != 200:
        return False
    settled = [reason for _, commit, reason in commits if commit + GRACE <= answer.start][-1:]
    later = {reason for _, commit, reason in commits if answer.start - GRACE < commit < answer.end}
    return bool(settled) and answer.reason not in {*settled, *later}
