"""Mistakes planted into the decision, one at a time: the comparison with the naive implementation finds each."""

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from authorization import engine
from authorization.engine.types import Decision, Request, Rule
from tests.engine.convert import request_of, rows_of
from tests.engine.random_worlds import QUARTER, Case, cases
from tests.engine.test_volume import asks_of
from tests.naive import answer
from tests.worlds import load_scenarios

# File, what stands there, and what is planted in its place.
MUTANTS = [
    ("decide.py", "if token.blocked:", "if False:"),
    ("decide.py", "token.expires_at <= now", "token.expires_at < now"),
    ("decide.py", "token.expires_at <= now", "False"),
    ("decide.py", "if place.free:", "if False:"),
    ("decide.py", "if place.private and not on_list:", "if False:"),
    ("decide.py", "if not place.private and not place.published:", "if False:"),
    ("decide.py", "if not place.private and not place.published:", "if not place.published:"),
    ("decide.py", "if token.external and not on_list and not verdict.named:", "if False:"),
    ("decide.py", "if token.external and not on_list and not verdict.named:", "if token.external and not on_list:"),
    ("decide.py", "(passes and not best_passes)", "(not passes and best_passes)"),
    ("decide.py", "(row, token.key) < (best_row, best_key)", "(row, token.key) > (best_row, best_key)"),
    ("decide.py", "return _decision(1)", "return _decision(13)"),
    ("decide.py", "return verdict.row, verdict.rule", "return 13, None"),
    ("rules.py", "if known.since <= local < known.until:", "if True:"),
    ("rules.py", "return _verdict(span, 7, rule)", "pass"),
    ("rules.py", "if both is None:", "if True:"),
    ("rules.py", "if tied is None:", "if True:"),
    (
        "rules.py",
        "        if rule is not None:\n                return _verdict(span, 8, rule)",
        "        if False:\n                pass",
    ),
    (
        "rules.py",
        "        if rule is not None:\n                return _verdict(span, 9, rule)",
        "        if False:\n                pass",
    ),
    ("rules.py", "start is not None and local < start", "start is not None and local <= start"),
    ("rules.py", "end is not None and local >= end", "end is not None and local > end"),
    ("rules.py", "until = min(until, start)", "until = until"),
    ("rules.py", "since = max(since, end)", "since = since"),
    ("rules.py", "if self._by_id[rule].enabled]", "]"),
    ("rules.py", "rule.emsp_for_cpo == at_place]", "rule.emsp_for_cpo != at_place]"),
    ("rules.py", "if shutting or wide:", "if wide:"),
    ("rules.py", "if token_group in meets:", "if token_group in meets and wide:"),
    ("rules.py", "if token_group in covers and covers[token_group][0]:", "if False:"),
    ("rules.py", "            if group in meets:\n", "            if group in meets and not found:\n"),
    ("rules.py", "return tuple(ids[: position + 1])", "return tuple(ids[:position])"),
    ("rules.py", "named=both is not None or tied is not None", "named=both is not None"),
    ("clock.py", "if known is not None and known[0] is now:", "if known is not None:"),
    ("clock.py", "now.astimezone(zone).replace(tzinfo=None)", "now.replace(tzinfo=None)"),
]


class Mutant(NamedTuple):
    decide: Callable[[Request, Any, datetime], Decision]
    compile_rules: Callable[[list[Rule]], Any]


class Question(NamedTuple):
    rows: list[Rule]
    request: Request
    at: datetime
    expected: str


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    """Of the scenarios and of random worlds, with the naive implementation's answers."""
    found = [
        Question(rows_of(scenario.world), request_of(scenario.world, ask), ask.at, answer(scenario.world, ask, ask.at))
        for scenario in load_scenarios()
        for ask in scenario.asks
    ]

    @settings(
        max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    @given(cases())
    def collect(case: Case) -> None:
        rows = rows_of(case.world)
        for number, ask in enumerate(asks_of(case.world, case)):
            if number % 3 == 0:
                for offset in (0, -3, 5, 60):
                    at = case.jump + offset * QUARTER
                    found.append(Question(rows, request_of(case.world, ask), at, answer(case.world, ask, at)))

    collect()
    return found


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Callable[..., Mutant]]:
    """planted(file, old, new): a copy of the engine with the mistake in it; the types are the engine's own."""
    name = f"planted_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name

    def plant(file: str, old: str, new: str) -> Mutant:
        shutil.copytree(Path(engine.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path in folder.glob("*.py"):
            text = path.read_text()
            if path.name == file and old:
                assert text.count(old) >= 1, f"{file} has no {old!r} any more"
                text = text.replace(old, new, 1)
            path.write_text(text.replace("from .types import", "from authorization.engine.types import"))
        sys.path.insert(0, str(tmp_path))
        importlib.invalidate_caches()
        try:
            return Mutant(
                importlib.import_module(f"{name}.decide").decide, importlib.import_module(f"{name}.rules").compile_rules
            )
        finally:
            sys.path.remove(str(tmp_path))

    yield plant
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]


def is_caught(mutant: Mutant, questions: list[Question]) -> bool:
    compiled: dict[int, Any] = {}
    for rows, request, at, expected in questions:
        if id(rows) not in compiled:
            compiled[id(rows)] = mutant.compile_rules(rows)
        try:
            if mutant.decide(request, compiled[id(rows)], at).reason != expected:
                return True
        except Exception:
            return True
    return False


def test_the_engine_itself_is_not_caught(planted: Callable[..., Mutant], questions: list[Question]) -> None:
    assert not is_caught(planted("decide.py", "", ""), questions)


@pytest.mark.parametrize(("file", "old", "new"), MUTANTS, ids=[f"{file} {new}"[:50] for file, _, new in MUTANTS])
def test_caught(planted: Callable[..., Mutant], questions: list[Question], file: str, old: str, new: str) -> None:
    assert is_caught(planted(file, old, new), questions)
