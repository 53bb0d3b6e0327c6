"""Keeps processes running: what ends on its own is started again, with growing pauses, and not for ever."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from portal.stack.children import Child
from portal.stack.console import StackError, say

TICK = 0.2
QUICK = 30.0  # a process that ran for less did not really work
MOST_QUICK_DEATHS = 5
LONGEST_PAUSE = 8.0


@dataclass
class Watched:
    """One process that has to run. `start` starts it (again), `child` is the process that runs now."""

    title: str
    start: Callable[[], None]
    child: Callable[[], Child | None]
    started_at: float = 0.0
    quick_deaths: int = 0
    restart_at: float | None = None

    @classmethod
    def process(cls, child: Child) -> "Watched":
        """A process that needs no more than to be started."""
        return cls(f"The {child.name}", child.start, lambda: child)

    def begin(self) -> None:
        self.started_at = time.monotonic()
        self.start()

    def tick(self, now: float) -> None:
        """Look whether it still runs; start it again when its pause is over. Raises StackError to give up."""
        if self.restart_at is not None:
            if now >= self.restart_at:
                self.restart_at = None
                self.begin()
                say(f"{self.title} is started again")
            return
        child = self.child()
        code = child.exit_code() if child else None
        if child is None or code is None:
            return
        child.sweep()
        self.quick_deaths = self.quick_deaths + 1 if now - self.started_at < QUICK else 1
        if self.quick_deaths >= MOST_QUICK_DEATHS:
            raise StackError(f"{self.title} keeps ending ({ending(code)}): {child.last_words()} (see {child.log})")
        pause = min(LONGEST_PAUSE, 0.5 * 2 ** (self.quick_deaths - 1))
        say(f"{self.title} ended ({ending(code)}); starting it again in {pause:g} s (see {child.log})")
        self.restart_at = now + pause


def ending(code: int) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def watch(watched: list[Watched], until: Callable[[], bool]) -> None:
    """Look after the processes until `until` says so. Raises StackError when one cannot be kept running."""
    while not until():
        now = time.monotonic()
        for each in watched:
            each.tick(now)
        time.sleep(TICK)
