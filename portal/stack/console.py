"""What the person who typed `make run` sees: one line per step, and one line when something is wrong."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StackError(Exception):
    """Set-up cannot go on. The text is one line (or a few) for a person, and says what to do."""


class Stopped(BaseException):
    """Somebody asked us to stop (Ctrl-C, SIGTERM, SIGHUP). Not an Exception: no handler may swallow it."""


def prepare_output() -> None:
    """Make printing safe in every locale: a terminal that has no "…" shows "?" instead of stopping the portal."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", line_buffering=True)
    # A Ctrl-C in the middle of a query is no news.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class _Line:
    """Whether the last line printed still waits for its end ("Starting PostgreSQL …")."""

    is_open = False


def _print(text: str, end: str = "\n") -> None:
    # A reader that went away (`make run | head`) is no reason to stop.
    try:
        print(text, end=end, flush=True)
    except OSError:
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115  (kept for the life of the process)


def say(text: str) -> None:
    """One line of progress."""
    if _Line.is_open:
        _print("")
    _Line.is_open = False
    _print(text)


def complain(text: str) -> None:
    """The one line that says what is wrong."""
    if _Line.is_open:
        _print("")
        _Line.is_open = False
    print(f"chargeward: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step at once, and say on the same line how long it took when it is done."""
    started = time.monotonic()
    say_open(f"{title} …")
    yield
    took = f"{time.monotonic() - started:.1f} s"
    _print(f" {took}" if _Line.is_open else f"{title}: {took}")
    _Line.is_open = False


def say_open(text: str) -> None:
    """A line that step() ends."""
    if _Line.is_open:
        _print("")
    _print(text, end="")
    _Line.is_open = True
