"""`manage.py drain`: before a web node is stopped."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from authorization import spool

SHIP_SECONDS = 10.0
LOOK_EVERY = 0.1


class Command(BaseCommand):
    help = (
        "Takes this web node out of service before it is stopped: /readyz says 503 from now on, while all that comes "
        "is still answered. Returns after DRAIN_SECONDS, when its decisions are in the log, or 10 s later where the "
        "database does not take them: then they stay in the spool. The next start puts the node back."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=int, default=settings.DRAIN_SECONDS, help="[DRAIN_SECONDS]")

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DRAINING_FILE.touch(mode=0o600)
        time.sleep(options["seconds"])
        until = time.monotonic() + SHIP_SECONDS
        while (left := _unshipped()) and time.monotonic() < until:
            time.sleep(LOOK_EVERY)
        if left:
            self.stderr.write(f"{left} bytes of decisions are still in the spool, {settings.SPOOL_FOLDER}. Keep it.")


def _unshipped() -> int:
    """Bytes; all that is there where the database does not say how much of it is in the log."""
    try:
        return spool.unshipped(settings.SPOOL_FOLDER)
    except DatabaseError:
        return spool.backlog(settings.SPOOL_FOLDER)
