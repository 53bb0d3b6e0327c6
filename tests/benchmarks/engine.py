"""Decisions a second in one process, from rows already in memory: what the rules themselves cost, warm and cold.

Warm: every class and pair of classes has been met. Cold: a fresh snapshot and classes that it has never met, as after
each change of a rule. In the realistic mix a third of the rules have a window, an eMSP-side group is used by about five
rules and a CPO-side group by fifty; in the dense case every rule covers the one place and the one token asked about.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import portal  # noqa: F401 - zone rules of PyPI's tzdata
from authorization.engine.decide import decide, explain
from authorization.engine.rules import Rules, compile_rules
from authorization.engine.types import Place, Request, Rule, Token

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ZONES = ["Europe/Amsterdam", "Europe/Berlin", "Africa/Casablanca", "America/Vancouver", "Asia/Kathmandu"]
PLACES = 2_000
FULL = 10_000  # exceptions
ROUND = 50_000  # decisions a measurement


def run(print: Callable[[str], object] = print) -> dict[str, float]:  # noqa: A002 - it says what to pass
    """Figures by name: `…_per_s` decisions a second, `…_us` microseconds a decision, `…_s` seconds."""
    figures: dict[str, float] = {}

    def note(name: str, value: float) -> None:
        figures[name] = value
        print(f"{name:<44} {value:>14,.1f}")

    for name, value in warm().items():
        note(f"engine_warm_{name}_per_s", value)
    for exceptions in (10, 100, 1_000, FULL):
        median, p99 = cold(exceptions)
        note(f"engine_cold_{exceptions}_exceptions_us", median)
        note(f"engine_cold_{exceptions}_exceptions_p99_us", p99)
    note("engine_mixed_10000_exceptions_per_s", mixed())
    for name, value in dense().items():
        note(f"engine_dense_10000_exceptions_{name}", value)
    note("engine_explain_10000_exceptions_us", explained())
    note("engine_compile_10000_exceptions_s", compiled())
    return figures


class World:
    """Groups grow with the exceptions, as when more parties join."""

    def __init__(self, exceptions: int, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        self.cpo_groups, self.emsp_groups = max(4, exceptions // 33), max(4, exceptions // 3)
        self.rows = [self._rule(number) for number in range(exceptions)]

    def _rule(self, number: int) -> Rule:
        dice, start = self.dice, None
        if dice.random() < 1 / 3:
            start = datetime(2026, 1, 1) + timedelta(days=dice.randrange(600))
        return Rule(
            number,
            f"exception {number}",
            enabled=dice.random() < 0.95,
            blacklist=dice.random() < 0.5,
            emsp_for_cpo=dice.random() < 0.5,
            valid_from=start,
            valid_until=start and start + timedelta(days=dice.randrange(1, 200)),
            cpo_groups=self.some(self.cpo_groups, 2),
            emsp_groups=self.some(self.emsp_groups, 2),
        )

    def some(self, groups: int, most: int) -> tuple[int, ...]:
        return tuple(sorted(self.dice.sample(range(groups), self.dice.randint(1, most))))

    def place(self) -> Place:
        return Place(
            1, self.dice.choice(ZONES), self.some(self.cpo_groups, 4), private=False, published=True, free=False
        )

    def token(self) -> Token:
        expires_at = NOW + timedelta(days=300) if self.dice.random() < 0.5 else None
        return Token(
            1, self.some(self.emsp_groups, 4), blocked=False, expires_at=expires_at, external=False, listed=False
        )


def warm() -> dict[str, float]:
    """Decisions a second, the best of rounds that take turns, so that a busy minute slows all sizes alike."""
    sizes = {f"{exceptions}_exceptions": warmed(exceptions, 100_000) for exceptions in (10, 100, 1_000, FULL)}
    sizes |= {f"{tokens}_tokens": warmed(1_000, tokens) for tokens in (1_000, 10_000, 100_000, 1_000_000)}
    best = dict.fromkeys(sizes, float("inf"))
    for _ in range(10):
        for name, (requests, rules) in sizes.items():
            best[name] = min(best[name], seconds(requests, rules))
    return {name: ROUND / spent for name, spent in best.items()}


def warmed(exceptions: int, tokens: int) -> tuple[list[Request], Rules]:
    """A fleet's cards lie in the same groups, so there are at most 1,000 classes of tokens."""
    world = World(exceptions)
    rules = compile_rules(world.rows)
    classes = [world.token() for _ in range(min(1_000, tokens))]
    cards = [
        Token(number, classes[number % len(classes)].groups, False, NOW + timedelta(days=300), False, False)
        for number in range(tokens)
    ]
    places = [world.place() for _ in range(100)]
    requests = [Request(world.dice.choice(places), (world.dice.choice(cards),)) for _ in range(ROUND)]
    seconds(requests, rules)
    return requests, rules


def cold(exceptions: int, cases: int = 3_000) -> tuple[float, float]:
    """Median and 99th percentile in µs, over cases, of a decision on a new class of places and a new class of tokens.

    Each case counts with the best of three goes, the rules having forgotten everything before each.
    """
    world = World(exceptions)
    rules = compile_rules(world.rows)
    requests = [Request(world.place(), (world.token(),)) for _ in range(cases)]
    best = [float("inf")] * cases
    for _ in range(3):
        for case, request in enumerate(requests):
            rules.forget()
            best[case] = min(best[case], seconds([request], rules))
    best.sort()
    return best[cases // 2] * 1e6, best[cases * 99 // 100] * 1e6


def mixed() -> float:
    """Decisions a second where 2,000 places meet 100,000 classes of tokens, so that most pairs are new."""
    world = World(FULL)
    rules = compile_rules(world.rows)
    places = [world.place() for _ in range(PLACES)]
    tokens = [world.token() for _ in range(100_000)]
    requests = [Request(world.dice.choice(places), (world.dice.choice(tokens),)) for _ in range(ROUND)]
    return ROUND / seconds(requests, rules)


def dense() -> dict[str, float]:
    """Every exception covers the place and the token, and only the last one, by id, is active."""
    start = datetime(2027, 1, 1)
    rows = [
        Rule(number, f"exception {number}", True, number % 2 == 0, number % 4 < 2,
             start + timedelta(minutes=number), None, (1, 2), (3, 4))
        for number in range(FULL)
    ]  # fmt: skip
    rules = compile_rules(rows)
    place = Place(1, ZONES[0], (1, 2), private=False, published=True, free=False)
    request = Request(place, (Token(1, (3, 4), False, None, False, False),))
    first = float("inf")
    for _ in range(5):
        rules.forget()
        first = min(first, seconds([request], rules))
    again = min(seconds([request] * ROUND, rules) for _ in range(3))
    begin = time.perf_counter()
    explain(request, rules, NOW)
    return {"cold_us": first * 1e6, "warm_per_s": ROUND / again, "explain_us": (time.perf_counter() - begin) * 1e6}


def explained(rounds: int = 300) -> float:
    world = World(FULL)
    rules = compile_rules(world.rows)
    requests = [Request(world.place(), (world.token(),)) for _ in range(rounds)]
    start = time.perf_counter()
    for request in requests:
        explain(request, rules, NOW)
    return (time.perf_counter() - start) / rounds * 1e6


def compiled() -> float:
    rows = World(FULL).rows
    start = time.perf_counter()
    compile_rules(rows)
    return time.perf_counter() - start


def seconds(requests: list[Request], rules: Rules) -> float:
    start = time.perf_counter()
    for request in requests:
        decide(request, rules, NOW)
    return time.perf_counter() - start


if __name__ == "__main__":
    run()
