"""What the person who typed `make run` sees: one line per step, and one line when something is wrong."""

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


def say(text: str) -> None:
    """One line of progress. A reader that went away (`make run | head`) is no reason to stop."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115  (kept for the life of the process)


def complain(text: str) -> None:
    """The one line that says what is wrong."""
    print(f"chargeward: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step at once, and say how long it took when it is done."""
    started = time.monotonic()
    say(f"{title} …")
    yield
    say(f"{title} … {time.monotonic() - started:.1f} s")
