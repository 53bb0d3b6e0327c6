"""Transactions that overlap on purpose: each runs in a thread with a connection of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connection, transaction

PATIENCE = 10.0


class Step:
    """A transaction that stops before its commit until it is let go."""

    def __init__(self, pool: ThreadPoolExecutor, work: Callable[[], Any]) -> None:
        self.worked, self.go, self.pid = threading.Event(), threading.Event(), 0
        self.result: Future[DatabaseError | None] = pool.submit(self._run, work)

    def _run(self, work: Callable[[], Any]) -> DatabaseError | None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    self.pid = cursor.fetchone()[0]
                work()
                self.worked.set()
                assert self.go.wait(PATIENCE)
        except DatabaseError as error:
            return error
        finally:
            connection.close()
        return None

    def works_or_waits(self) -> "Step":
        """Returns when the work is done, or has failed, or waits for a lock of another transaction."""
        until = time.monotonic() + PATIENCE
        while not (self.worked.is_set() or self.result.done() or _waits(self.pid)):
            assert time.monotonic() < until
            time.sleep(0.005)
        return self

    def waits(self) -> None:
        """Returns when it waits for a lock of another transaction."""
        until = time.monotonic() + PATIENCE
        while not _waits(self.pid):
            assert time.monotonic() < until
            time.sleep(0.005)

    def commit(self) -> DatabaseError | None:
        """Lets it go, and returns what refused it, if anything."""
        self.go.set()
        return self.result.result(PATIENCE)


def _waits(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", [pid])
        return bool(cursor.fetchone()[0])


def interleaved(first: Callable[[], Any], second: Callable[[], Any]) -> list[DatabaseError | None]:
    """Both work before either commits, as far as locks let them; the first commits first. What refused each."""
    with ThreadPoolExecutor(2) as pool:
        one = Step(pool, first).works_or_waits()
        two = Step(pool, second).works_or_waits()
        two.go.set()
        return [one.commit(), two.commit()]


def together(*works: Callable[[], Any]) -> list[DatabaseError | None]:
    """All start at the same moment. What refused each."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> DatabaseError | None:
        try:
            barrier.wait(PATIENCE)
            work()
        except DatabaseError as error:
            return error
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def at_once(*works: Callable[[], Any]) -> list[DatabaseError | None]:
    """All start at the same moment, each a transaction. What refused each."""
    return together(*(transaction.atomic(work) for work in works))
