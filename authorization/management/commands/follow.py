"""`manage.py follow`: keeps this node's compiled copy fresh and ships its decision log. Web processes start it."""

import os
import sys
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from authorization.cache import guard
from authorization.cache.follower import Follower, ship


class Command(BaseCommand):
    help = (
        "Keeps this node's compiled copy fresh and ships its decision log. Every web process sees to it that one runs."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--standby", type=int, help="a locked descriptor, let go at work; ends with standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, stopped, standby = settings.CACHE_FOLDER, threading.Event(), options["standby"]
        if standby is not None:
            threading.Thread(target=_stop_with_parent, args=[stopped], daemon=True).start()
        try:
            while (lock := guard.try_lock(folder)) is None:
                if stopped.wait(guard.LOOK_EVERY):
                    return
            self._lock = lock
            if standby is not None:
                os.close(standby)
            self._follow(stopped)
        except KeyboardInterrupt:
            stopped.set()

    def _follow(self, stopped: threading.Event) -> None:
        folder, url = settings.CACHE_FOLDER, settings.DATABASE_URL
        if not url:
            raise CommandError("DATABASE_URL is not set, and no servers run on DATA_DIR.")
        shipping = threading.Thread(target=ship, args=[settings.SPOOL_FOLDER, url, stopped], daemon=True)
        shipping.start()
        for name in settings.BESIDE_THE_FOLLOWER:
            threading.Thread(target=_beside, args=[name, stopped], daemon=True).start()
        follower = Follower(folder, url, settings.DATABASE_ADDRESS)
        threading.Thread(target=self._keep_lock, args=[folder, stopped], daemon=True).start()
        follower.run(stopped)
        os.close(self._lock)  # the next one need not wait until the last rows are shipped
        shipping.join(5)

    def _keep_lock(self, folder: Path, stopped: threading.Event) -> None:
        """Who deletes the folder takes the lock away: it is taken anew, or the work left to whoever was quicker."""
        while not stopped.wait(guard.LOOK_EVERY):
            if not guard.still_ours(self._lock, folder):
                again = guard.try_lock(folder)
                if again is None:
                    stopped.set()
                else:
                    os.close(self._lock)
                    self._lock = again


def _beside(name: str, stopped: threading.Event) -> None:
    # What it needs is imported here: the copy does not wait for it.
    import_string(name)(stopped)


def _stop_with_parent(stopped: threading.Event) -> None:
    # Not through sys.stdin: its lock is still held when this process ends by itself, and Python aborts then.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stopped.set()
