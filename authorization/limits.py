"""How many unknown tokens a machine's key may ask about: beyond that somebody is trying ids, and is told nothing more.

Counted for each key in windows of a minute, which begin with the first unknown token. In Redis, for all nodes at once;
where that does not answer, in a file, for all workers of a node.
"""

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from authorization import impatient
from authorization.complaint import Complaint
from authorization.models import ApiKey
from authorization.services.keys import Caller

logger = logging.getLogger(__name__)
WINDOW = 60.0  # seconds
LOOK_EVERY = 0.25  # seconds: so long a worker may go on to answer a key that was closed by another one
# Counts, and from the limit on notes the key among the closed ones; the server's own clock says until when.
_ADD = """
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if total == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local left = redis.call('PTTL', KEYS[1])
if total >= tonumber(ARGV[3]) then
    local now = redis.call('TIME')
    redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + left, ARGV[4])
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return {total, left}
"""


class TooManyUnknown(Exception):
    """The key is closed for `wait` seconds: 429."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"closed for {wait:.0f} s")
        self.wait = wait


class Counts(Protocol):
    """Raises OSError or RedisError where it cannot count."""

    def add(self, key: int, times: int, most: int) -> tuple[int, float]:
        """How many in this key's window, and the seconds until its end."""

    def closed(self) -> dict[int, float]:
        """Keys that have reached their limit, and the seconds until they are open again."""


class LocalCounts:
    """Of one process. windows: by key the number so far, the limit, and time.monotonic() of the end."""

    def __init__(self) -> None:
        self.windows: dict[int, tuple[int, int, float]] = {}
        self._lock = threading.Lock()

    def add(self, key: int, times: int, most: int) -> tuple[int, float]:
        with self._lock:
            return add(self.windows, key, times, most)

    def closed(self) -> dict[int, float]:
        return closed(self.windows)


def add(windows: dict[int, tuple[int, int, float]], key: int, times: int, most: int) -> tuple[int, float]:
    now = time.monotonic()
    for other in [each for each, (_, _, until) in windows.items() if not 0 < until - now <= WINDOW]:
        del windows[other]
    total, _, until = windows.get(key, (0, most, now + WINDOW))
    windows[key] = total + times, most, until
    return total + times, until - now


def closed(windows: dict[int, tuple[int, int, float]]) -> dict[int, float]:
    now = time.monotonic()
    return {key: until - now for key, (total, most, until) in list(windows.items()) if total >= most and until > now}


class NodeCounts:
    """Of all workers of a node, in a file. What cannot be read of it, or is from before the machine started, is 0."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: int, times: int, most: int) -> tuple[int, float]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            windows = self._read()
            result = add(windows, key, times, most)
            data = json.dumps([[each, *window] for each, window in windows.items()]).encode()
            os.pwrite(file, data, 0)
            os.ftruncate(file, len(data))
            return result
        finally:
            os.close(file)

    def closed(self) -> dict[int, float]:
        return closed(self._read())

    def _read(self) -> dict[int, tuple[int, int, float]]:
        with suppress(FileNotFoundError, ValueError, TypeError):
            read = json.loads(self.path.read_bytes())
            return {int(key): (int(total), int(most), float(until)) for key, total, most, until in read}
        return {}


class RedisCounts:
    """Of all nodes. prefix: of the names of its keys."""

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self._redis = impatient.client(url)
        self._add = self._redis.register_script(_ADD)

    def add(self, key: int, times: int, most: int) -> tuple[int, float]:
        keys = [f"{self.prefix}:{key}", f"{self.prefix}:closed"]
        total, left = cast(list[int], self._add(keys=keys, args=[times, int(WINDOW * 1000), most, key]))
        return total, left / 1000

    def closed(self) -> dict[int, float]:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.zrange(f"{self.prefix}:closed", 0, -1, withscores=True)
            (seconds, micros), found = pipeline.execute()
        now = seconds + micros / 1e6
        return {int(key): until / 1000 - now for key, until in found if until / 1000 > now}


class Limits:
    """What a process knows of closed keys. counts: where they are counted, the best first; the last never fails."""

    def __init__(self, counts: Sequence[Counts]) -> None:
        self._counts = counts
        self._resting = [0.0] * len(counts)  # time.monotonic() until which it is not asked
        self._closed: dict[int, float] = {}  # time.monotonic() of the end
        self._to_tell: set[int] = set()
        self._complaint = Complaint(logger, 10.0)

    def check(self, caller: Caller) -> None:
        """Raises TooManyUnknown."""
        until = self._closed.get(caller.key)
        if until is None:
            return
        wait = until - time.monotonic()
        if wait > 0:
            raise TooManyUnknown(wait)
        self._closed.pop(caller.key, None)

    def note(self, caller: Caller, unknown: int) -> None:
        """The key got so many answers that a token is unknown."""
        most = limit_of(caller)
        if most == 0 or unknown == 0:
            return
        for number, counts in enumerate(self._counts):
            if self._resting[number] > time.monotonic():
                continue
            try:
                total, left = counts.add(caller.key, unknown, most)
            except (OSError, redis.RedisError) as error:
                self._rest(number, error)
                continue
            if total >= most:
                self._closed[caller.key] = time.monotonic() + left
                self._to_tell.add(caller.key)
            return

    def _rest(self, number: int, error: Exception) -> None:
        self._resting[number] = time.monotonic() + impatient.REST
        self._complaint(f"Unknown tokens are not counted in the first place: {error}", trace=False)

    def look(self) -> None:
        """Learns which keys others have closed, and tells the database which ones this process did."""
        for number, counts in enumerate(self._counts):
            try:
                for key, left in counts.closed().items():
                    self._closed[key] = time.monotonic() + left
            except (OSError, redis.RedisError) as error:
                self._rest(number, error)
        if self._to_tell:
            self._tell()

    def _tell(self) -> None:
        keys = list(self._to_tell)
        try:
            ApiKey.objects.filter(pk__in=keys).update(limited_at=timezone.now())
        except DatabaseError as error:
            self._complaint(f"It is not noted that keys were closed: {error}", trace=False)
            return
        finally:
            connection.close()
        self._to_tell.difference_update(keys)

    def look_from_now_on(self) -> None:
        """Several times a second, in a thread of its own."""
        threading.Thread(target=self._look_always, name="limits", daemon=True).start()

    def _look_always(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            try:
                self.look()
            except Exception:
                logger.exception("Closed keys cannot be looked up")


def limit_of(caller: Caller) -> int:
    """Unknown tokens in a minute; 0: any number. A person's key is not limited, a partner's is as a CPO's."""
    if caller.station is not None:
        return int(settings.UNKNOWN_TOKENS_PER_STATION)
    if caller.cpo is not None or caller.partner is not None:
        return int(settings.UNKNOWN_TOKENS_PER_CPO)
    return 0
