"""A store that gives up: a database that hangs, rather than dies, keeps nobody waiting for longer than a moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from datetime import datetime
from typing import TypeVar

from django.db import OperationalError, connections

from authorization.questions import Question
from authorization.services.keys import Caller
from authorization.store import Loaded, Store

T = TypeVar("T")


class BoundedStore:
    """Asks another store in threads of its own, so many at a time, and waits so long for each.

    Raises OperationalError where there is no answer by then. A thread that hangs is left to the server's end; when all
    of them do, questions are refused at once.
    """

    def __init__(self, store: Store, threads: int, patience: float) -> None:
        """patience: seconds for one question, and a little more for each in a batch."""
        self.store = store
        self.patience = patience
        self._free = threading.BoundedSemaphore(threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="database")

    def caller(self, key: str, now: datetime) -> Caller | None:
        return self._ask(lambda: self.store.caller(key, now), self.patience)

    def load(self, questions: Sequence[Question], caller: Caller) -> Loaded:
        return self._ask(lambda: self.store.load(questions, caller), self.patience + len(questions) / 500)

    def _ask(self, work: Callable[[], T], patience: float) -> T:
        if not self._free.acquire(timeout=patience / 2):
            raise OperationalError("Everybody who could ask the database waits for it.")
        future = self._threads.submit(_with_connection, work)
        future.add_done_callback(self._done)
        try:
            return future.result(patience)
        except NoAnswer:
            raise OperationalError("The database does not answer in time.") from None

    def _done(self, future: "Future[T]") -> None:
        self._free.release()


def _with_connection(work: Callable[[], T]) -> T:
    """A thread has a connection of its own, and gives it back to the pool."""
    try:
        return work()
    finally:
        connections.close_all()
