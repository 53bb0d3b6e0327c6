"""`manage.py follow`: keeps this node's compiled copy fresh and ships its decision log. Web processes start it."""

import os
import sys
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

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
            if standby is not None:
                os.close(standby)
            self._follow(lock, stopped)
        except KeyboardInterrupt:
            stopped.set()

    def _follow(self, lock: int, stopped: threading.Event) -> None:
        folder, url = settings.CACHE_FOLDER, settings.DATABASE_URL
        if not url:
            raise CommandError("DATABASE_URL is not set, and no servers run on DATA_DIR.")
        shipping = threading.Thread(target=ship, args=[settings.SPOOL_FOLDER, url, stopped], daemon=True)
        shipping.start()
        follower = Follower(folder, url, settings.DATABASE_ADDRESS)
        threading.Thread(target=_stop_without_lock, args=[lock, folder, stopped], daemon=True).start()
        follower.run(stopped)
        os.close(lock)  # the next one need not wait until the last rows are shipped
        shipping.join(5)


def _stop_with_parent(stopped: threading.Event) -> None:
    # Not through sys.stdin: its lock is still held when this process ends by itself, and Python aborts then.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stopped.set()


def _stop_without_lock(lock: int, folder: Any, stopped: threading.Event) -> None:
    while guard.still_ours(lock, folder):
        time.sleep(1)
    stopped.set()
