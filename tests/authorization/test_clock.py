"""A machine whose clock is off decides by the database's."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from authorization import clock
from authorization.cache.snapshot import Reader
from authorization.cache.store import CacheStore
from authorization.services import charging, create_key
from authorization.store import DatabaseStore
from tests import factories
from tests.authorization.test_follower import ADDRESS, Following
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db(transaction=True)
OFF = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_database", None)


@pytest.fixture
def asked() -> tuple[ApiClient, dict[str, dict[str, str]]]:
    """A client, and what it asks about: a card that expired while a clock that is behind has not noticed, and one that
    has yet to expire."""
    evse = factories.evse()
    over = factories.token(expires_at=timezone.now() - OFF / 2)
    valid = factories.token(expires_at=timezone.now() + OFF / 2)
    cards = {"TOKEN_EXPIRED": over, "ALLOWED": valid}
    questions = {reason: {"evse_id": evse.evse_id, "id_token": card.uid} for reason, card in cards.items()}
    return ApiClient(create_key(user=factories.admin())[1]), questions


def put_off(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + by)


def reasons(asked: tuple[ApiClient, dict[str, dict[str, str]]]) -> list[str]:
    client, questions = asked
    return [client.post("/api/v1/authorize", question).json()["reason"] for question in questions.values()]


@pytest.mark.parametrize("by", [-OFF, OFF])
def test_the_database_says_what_time_it_is(asked, monkeypatch, by):
    assert reasons(asked) == list(asked[1])
    put_off(monkeypatch, by)
    assert reasons(asked) == list(asked[1])


@pytest.mark.parametrize("by", [-OFF, OFF])
def test_the_copy_says_what_time_it_is(asked, monkeypatch, tmp_path: Path, by):
    Following(tmp_path).look()
    monkeypatch.setattr(charging, "store", CacheStore(Reader(tmp_path, ADDRESS, 60.0), DatabaseStore()))
    put_off(monkeypatch, by)
    assert charging.store.state().source == "cache"
    assert reasons(asked) == list(asked[1])


def test_a_clock_that_is_nearly_right_is_kept(monkeypatch):
    clock.know(time.time() - time.monotonic() + 0.5)
    right = datetime.now(UTC)
    monkeypatch.setattr(timezone, "now", lambda: right)
    assert clock.now() == right


def test_an_answer_that_came_late_says_nothing():
    asked_at = time.monotonic()
    assert clock.compared(time.time(), asked_at) is not None
    assert clock.compared(time.time(), asked_at - clock.SLOWEST) is None
    clock.know(1.0)
    clock.know(None)
    assert clock._database == 1.0
