"""Asking a database that may hang, rather than die: nobody is kept waiting for longer than a moment."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextvars import copy_context
from datetime import datetime
from typing import Any, TypeVar

from django.db import OperationalError, connections

from authorization.questions import Question
from authorization.services.keys import Caller
from authorization.spool import Log, Row
from authorization.store import Asked, Loaded, State, Store

T = TypeVar("T")
PER_QUESTION = 1 / 500  # seconds more that a batch may take


class Bounded:
    """Runs work in threads of its own, so many at a time, and waits so long for each.

    A thread that hangs is left to the server's end; when all of them do, work is refused at once.
    """

    def __init__(self, threads: int, patience: float) -> None:
        self.patience = patience
        self._free = threading.BoundedSemaphore(threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="database")

    def ask(self, work: Callable[[], T], patience: float | None = None) -> T:
        """What `work` returns or raises; OperationalError where there is no answer after `patience` seconds."""
        patience = self.patience if patience is None else patience
        until = time.monotonic() + patience
        if not self._free.acquire(timeout=patience / 2):
            raise OperationalError("Everybody who could ask the database waits for it.")
        future = self._threads.submit(copy_context().run, _with_connection, work)
        future.add_done_callback(self._done)
        try:
            return future.result(max(0.0, until - time.monotonic()))
        except NoAnswer:
            raise OperationalError("The database does not answer in time.") from None

    def _done(self, future: "Future[Any]") -> None:
        self._free.release()


def _with_connection(work: Callable[[], T]) -> T:
    """A thread has a connection of its own, and gives it back to the pool."""
    try:
        return work()
    finally:
        connections.close_all()


class BoundedLog:
    """Another log, written so."""

    def __init__(self, log: Log, bounded: Bounded) -> None:
        self.log = log
        self.bounded = bounded

    def write(self, rows: Sequence[Row]) -> None:
        self.bounded.ask(lambda: self.log.write(rows), self.bounded.patience + len(rows) * PER_QUESTION)


class BoundedStore:
    """Another store, asked so."""

    def __init__(self, store: Store, bounded: Bounded) -> None:
        self.store = store
        self.bounded = bounded

    def caller(self, key: str, now: datetime) -> Caller | None:
        return self.bounded.ask(lambda: self.store.caller(key, now))

    def load(self, questions: Sequence[Question], caller: Caller) -> Loaded:
        patience = self.bounded.patience + len(questions) * PER_QUESTION
        return self.bounded.ask(lambda: self.store.load(questions, caller), patience)

    def ask(self, key: str, questions: Sequence[Question], now: datetime) -> Asked | None:
        patience = self.bounded.patience + len(questions) * PER_QUESTION
        return self.bounded.ask(lambda: self.store.ask(key, questions, now), patience)

    def state(self) -> State:
        return self.bounded.ask(self.store.state)
