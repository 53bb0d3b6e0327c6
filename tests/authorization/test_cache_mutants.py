"""Mistakes planted into how the compiled copy is read, one at a time: answers then differ from the database's."""

from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authorization.cache import store as original
from authorization.questions import BadQuestion
from authorization.services import NoRules
from authorization.store import DatabaseStore, Store
from tests.authorization.random_changes import Dice
from tests.authorization.served_copy import served_copy
from tests.authorization.test_cache_decision import _answers, _asks, _begin, _callers, _in_order
from tests.engine.random_worlds import Case, cases
from tokens.models import EMSP, Customer, Driver, Token

pytestmark = pytest.mark.django_db

# What stands in authorization/cache/store.py, and what is planted in its place.
MUTANTS = [
    ("blocked = not valid", "blocked = False"),
    ("groups = document.pop() if document[4] is None else _NONE", "groups, document = _NONE, document[:7]"),
    ("blocked, groups = blocked or holder_blocked, groups + more if more else groups", "groups = groups + more"),
    ("groups + more if more else groups", "groups"),
    ("if customer is not None and (raw", "if False and (raw"),
    ("if driver is not None and (raw", "if False and (raw"),
    ('raw = self.get(b"g" + auth_id.encode())', "raw = None"),
    ("expiry = None if expires_at is None else", "expiry = None if True else"),
    ("timedelta(microseconds=expires_at)\n        every", "timedelta(microseconds=2 * expires_at)\n        every"),
    ("found or (token.customer is not None and", "found or (False and"),
    ("        if token.auth_id is not None:\n            found", "        if False:\n            found"),
    ("(pk, zone, _united(groups, above)", "(pk, zone, tuple(groups)"),
    ("(pk, zone, _united(groups, above)", "(pk, zone, tuple(above)"),
    ("above), private, published, False)", "above), False, published, False)"),
    ("above), private, published, False)", "above), private, True, False)"),
    ("StationRow(pk, location, required)", "StationRow(pk, location, True)"),
    ("new(StationRow, (station, location, required))", "StationRow(station, location, True)"),
    ("for each in orjson.loads(raw)\n", "for each in orjson.loads(raw)[:1]\n"),
    ("blocked, expiry, emsp is None, False)", "blocked, expiry, False, False)"),
    ('each.startswith("EMAID:")', "False"),
    ("for pk in self.cpo(cpo)[3]", "for pk in [cpo]"),
    ("if admin:\n        return Reach(everything=True)", "if admin:\n        return Reach()"),
]
caught: set[tuple[str, str]] = set()


def planted(old: str, new: str) -> Any:
    """The store of a copy of the module with the mistake in it."""
    path = Path(str(original.__file__))
    text = path.read_text()
    assert old in text, f"{path.name} has no {old!r} any more"
    module = ModuleType("planted")
    exec(compile(text.replace(old, new, 1), str(path), "exec"), module.__dict__)
    return module.CacheStore  # type: ignore[attr-defined]


@settings(
    max_examples=24, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)  # fmt: skip
@given(cases(), st.integers(0, 2**32 - 1))
def test_against_the_database(tmp_path_factory: pytest.TempPathFactory, case: Case, seed: int) -> None:
    dice = Dice(seed, case.jump)
    with transaction.atomic():
        _begin(case)
        Token.objects.filter(pk__in=dice.sample(list(Token.objects.values_list("pk", flat=True)), 1)).update(
            valid=False
        )
        Token.objects.exclude(external=True).update(expires_at=case.at + timedelta(hours=1))
        if dice.flag():
            Customer.objects.update(blocked=True)
        elif dice.flag():
            EMSP.objects.update(blocked=True)
        elif dice.flag():
            Driver.objects.update(blocked=True)
        with served_copy(tmp_path_factory.mktemp("copies")) as copy:
            asks, callers = _asks(dice, case.at), _callers(dice)
            for caller in callers:
                true = _seen(DatabaseStore(), asks, caller, case.at)
                assert _seen(copy.store, asks, caller, case.at) == true
                for mutant in [each for each in MUTANTS if each not in caught]:
                    copy.reader._current()._memo = -1, {}  # what the one before read is not read by this one
                    if _seen(planted(*mutant)(copy.reader, DatabaseStore()), asks, caller, case.at) != true:
                        caught.add(mutant)
        transaction.set_rollback(True)


def _seen(store: Store, asks: Any, caller: Any, at: datetime) -> Any:
    try:
        answers = _answers(store, asks, caller, at)
    except NoRules:
        return None
    return [each.code if isinstance(each, BadQuestion) else (each.verdict, _in_order(each.facts)) for each in answers]


@pytest.mark.parametrize(("old", "new"), MUTANTS)
def test_caught(old: str, new: str) -> None:
    """By the test above, which ran first, in the same process."""
    assert (old, new) in caught
