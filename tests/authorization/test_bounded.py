"""A database that hangs keeps nobody waiting, and what it held is given back when it goes on."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from authorization.bounded import Bounded, BoundedStore
from authorization.questions import Question, parse
from authorization.services import Answer, Caller, authorize, create_key
from authorization.store import DatabaseStore, Loaded
from tests import factories
from tests.authorization.served_copy import answering
from tests.authorization.test_follower import until, url

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
PATIENCE = 0.6


class Hanging:
    """A store that answers nobody until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.inside = 0

    def caller(self, key: str, now: datetime) -> Caller | None:
        self.inside += 1
        assert self.go.wait(10)
        return None

    def load(self, questions: Sequence[Question], caller: Caller) -> Loaded:
        self.inside += 1
        assert self.go.wait(10)
        raise ValueError("a rule that cannot be read")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    store = Hanging()
    yield store
    store.go.set()


def took(bounded: BoundedStore, key: str = "key") -> float:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        bounded.caller(key, NOW)
    return time.monotonic() - began


def test_who_asks_a_store_that_hangs_gets_an_error_in_about_its_patience(hanging: Hanging) -> None:
    bounded = BoundedStore(hanging, Bounded(2, PATIENCE))
    assert PATIENCE <= took(bounded) < PATIENCE + 1
    began = time.monotonic()
    with pytest.raises(OperationalError):
        bounded.load([parse({"id_token": "04", "location_id": "x"})] * 100, Caller(0, ""))
    assert PATIENCE + 0.2 <= time.monotonic() - began < PATIENCE + 1.5  # a batch may take a little longer
    # Now both threads hang: nobody waits for as long any more, and no thread is added.
    assert took(bounded) < PATIENCE
    assert hanging.inside == 2


def test_however_many_ask_only_so_many_wait_for_the_database(hanging: Hanging) -> None:
    bounded = BoundedStore(hanging, Bounded(3, PATIENCE))
    before = threading.active_count()
    times: list[float] = []
    askers = [threading.Thread(target=lambda: times.append(took(bounded))) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert hanging.inside == 3
    assert threading.active_count() - before <= 3
    assert len(times) == 20
    assert max(times) < 2 * PATIENCE + 1


def test_when_it_answers_again_everybody_is_answered(hanging: Hanging) -> None:
    bounded = BoundedStore(hanging, Bounded(2, PATIENCE))
    for _ in range(5):
        took(bounded)
    hanging.go.set()
    until(lambda: bounded.bounded._free._value == 2)
    for _ in range(10):
        assert bounded.caller("key", NOW) is None


def test_what_the_store_says_is_wrong_is_said(hanging: Hanging) -> None:
    hanging.go.set()
    bounded = BoundedStore(hanging, Bounded(1, PATIENCE))
    for _ in range(3):
        with pytest.raises(ValueError, match="a rule that cannot be read"):
            bounded.load([], Caller(0, ""))


def in_use() -> int:
    """Connections of the pool that somebody has."""
    found: dict[str, Any] = connection.pool.get_stats()
    return int(found["pool_size"] - found["pool_available"])


@pytest.mark.django_db(transaction=True)
def test_threads_give_their_connections_back_also_where_nobody_waited_for_the_answer() -> None:
    evse, admin = factories.evse(), factories.admin()
    text = create_key(user=admin)[1]
    caller = Caller(0, "admin", user=admin)
    question = parse({"id_token": "04A1", "evse_id": evse.evse_id})
    bounded = BoundedStore(DatabaseStore(), Bounded(3, PATIENCE))
    connection.close()
    others = in_use()  # a browser's last request may not be over
    with answering(bounded):
        (answer,) = authorize([question], caller, NOW)
        assert isinstance(answer, Answer)
        assert (answer.verdict.reason, answer.source) == ("UNKNOWN_TOKEN", "database")
        assert bounded.caller(text, NOW) is not None
        connection.close()
        with psycopg.connect(url()) as other:
            other.execute("LOCK TABLE tokens_token, authorization_apikey IN ACCESS EXCLUSIVE MODE")
            for _ in range(2):
                with pytest.raises(OperationalError):
                    bounded.load([question], caller)
            assert took(bounded, text) < PATIENCE + 1
        until(lambda: bounded.bounded._free._value == 3)
        connection.close()
        until(lambda: in_use() <= others)
        for _ in range(6):
            (answer,) = authorize([question], caller, NOW)
            assert isinstance(answer, Answer)
    until(lambda: bounded.bounded._free._value == 3)
    connection.close()
    until(lambda: in_use() <= others)
