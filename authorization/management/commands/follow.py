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
        folder, standby = settings.CACHE_FOLDER, options["standby"]
        self._ended, self._over = threading.Event(), threading.Event()
        self._shipping: list[threading.Thread] = []
        if standby is not None:
            threading.Thread(target=self._stop_with_parent, daemon=True).start()
        try:
            while (lock := self._await_lock(folder)) is not None:
                self._lock = lock
                if standby is not None:
                    os.close(standby)
                self._follow()
                # Whoever was quicker may be about to die with its web process, and to start anew takes seconds.
                standby = None if self._ended.is_set() else guard.try_lock(folder, guard.STANDBY)
                if standby is None:
                    break
        except KeyboardInterrupt:
            self._stop()
        for thread in self._shipping:
            thread.join(5)

    def _stop(self) -> None:
        self._ended.set()
        self._over.set()

    def _await_lock(self, folder: Path) -> int | None:
        """The follower's lock, once nobody else has it; None where this process is to end."""
        while not self._ended.is_set():
            lock = guard.try_lock(folder)
            if lock is not None:
                return lock
            self._ended.wait(guard.LOOK_EVERY)
        return None

    def _follow(self) -> None:
        """Follows until this process is to end, or another one has the lock."""
        folder, url = settings.CACHE_FOLDER, settings.DATABASE_URL
        if not url:
            raise CommandError("DATABASE_URL is not set, and no servers run on DATA_DIR.")
        over = self._over = threading.Event()
        if self._ended.is_set():
            over.set()  # it was set while the event before was the one to set with it
        shipping = threading.Thread(target=ship, args=[settings.SPOOL_FOLDER, url, over], daemon=True)
        shipping.start()
        self._shipping.append(shipping)
        for name in settings.BESIDE_THE_FOLLOWER:
            threading.Thread(target=_beside, args=[name, over], daemon=True).start()
        follower = Follower(folder, url, settings.DATABASE_ADDRESS)
        threading.Thread(target=self._keep_lock, args=[folder, over], daemon=True).start()
        follower.run(over)
        os.close(self._lock)  # the next one need not wait until the last rows are shipped

    def _keep_lock(self, folder: Path, over: threading.Event) -> None:
        """Who deletes the folder takes the lock away: it is taken anew, or the work left to whoever was quicker."""
        while not over.wait(guard.LOOK_EVERY):
            if not guard.still_ours(self._lock, folder):
                again = guard.try_lock(folder)
                if again is None:
                    over.set()
                else:
                    os.close(self._lock)
                    self._lock = again

    def _stop_with_parent(self) -> None:
        # Not through sys.stdin: its lock is still held when this process ends by itself, and Python aborts then.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        self._stop()


def _beside(name: str, stopped: threading.Event) -> None:
    # What it needs is imported here: the copy does not wait for it.
    import_string(name)(stopped)
