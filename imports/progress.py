"""How far a file is: written beside the work's own transaction, so that others see it before that one commits."""

import time
from types import TracebackType

from django.db import connections
from django.utils import timezone

from imports.models import Import

EVERY = 1.0  # seconds


class Gone(Exception):
    """The import was cancelled while it was worked on."""


class Progress:
    """Phase and rows of an import, and how much of the phase that is. A small one is over before anybody asks."""

    def __init__(self, of: Import, small: int = 512 * 1024) -> None:
        self._of = of
        self._said = 0.0
        # Inside somebody's transaction (a test's) the row may not be there for another connection to see.
        own = of.size > small
        self._connection = connections.create_connection("default") if own else None

    def __enter__(self) -> "Progress":
        if self._connection is not None:
            self._write("attempts = attempts + 1, ", self._of.phase, 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def enter(self, phase: str) -> None:
        """A new phase begins."""
        self._of.phase, self._of.percent = phase, None
        if self._connection is not None:
            self._write("", phase, self._of.rows_done)

    def tick(self, rows: int) -> None:
        """So many rows are done. Raises Gone where the import was cancelled meanwhile."""
        self._of.rows_done = rows
        if self._of.phase == "applying":
            self._of.percent = _percent(rows, self._of.totals.get("rows", 0))
        self._say(rows)

    def seen(self, count: int) -> None:
        """So many bytes of the file are read. Raises Gone."""
        self._of.percent = _percent(count, self._of.size)
        self._say(self._of.rows_done)

    def _say(self, rows: int) -> None:
        if self._connection is not None and time.monotonic() - self._said > EVERY:
            self._write("", self._of.phase, rows)

    def _write(self, more: str, phase: str, rows: int) -> None:
        assert self._connection is not None  # noqa: S101
        self._said = time.monotonic()
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE imports_import SET {more}phase = %s, rows_done = %s, percent = %s, touched_at = %s"
                " WHERE id = %s AND status = %s",
                [phase, rows, self._of.percent, timezone.now(), self._of.pk, self._of.status],
            )
            if not cursor.rowcount:
                raise Gone


def _percent(done: int, of: int) -> int | None:
    return min(100, 100 * done // of) if of else None
