"""One address's flood at the door: how many forms it may post in a minute, and how many places it may hold.

Counted in Redis, for all nodes at once; where that does not answer, by each process for itself. Nobody is kept out for
want of a count: guesses are counted in the database anyway.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from ipaddress import ip_address
from math import ceil
from typing import cast

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from authorization import impatient
from authorization.complaint import Complaint
from portal.headers import refused
from portal.login.clients import address_of, counted_address

logger = logging.getLogger(__name__)
# Where somebody who is not known posts what costs a hash, a row or a letter; and the page that costs two hashes.
PAGES = (
    "/admin/login/", "/admin/second-factor/", "/admin/forgotten/", "/admin/choose-password/",
    "/admin/password_change/",
)  # fmt: skip
WINDOW = 60.0  # seconds
MOST_KEPT = 10_000  # addresses that a process counts by itself
# The server's own clock ends a window. Returns the count, and the milliseconds until that end.
_COUNT = """
local total = redis.call('INCR', KEYS[1])
if total == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {total, redis.call('PTTL', KEYS[1])}
"""


class Posts:
    """Counts by address, in windows of a minute that begin with the first post. Never raises."""

    def __init__(self, url: str) -> None:
        self._own: dict[str, tuple[int, float]] = {}  # the number so far, and time.monotonic() of the end
        self._lock = threading.Lock()
        self._resting = 0.0
        self._complaint = Complaint(logger, 10.0)
        try:
            self._script = impatient.client(url).register_script(_COUNT)
        except ValueError:
            # A system check says so.
            self._resting = float("inf")

    def add(self, address: str) -> tuple[int, float]:
        """How many in this address's window, with this one, and the seconds until its end."""
        if self._resting <= time.monotonic():
            try:
                total, left = cast(list[int], self._script(keys=[_name(address)], args=[int(WINDOW * 1000)]))
            except (OSError, redis.RedisError) as error:
                self._resting = time.monotonic() + impatient.REST
                self._complaint(f"Posts at the door are counted by each process for itself: {type(error).__name__}")
            else:
                return total, left / 1000
        return self._add_here(address)

    def _add_here(self, address: str) -> tuple[int, float]:
        now = time.monotonic()
        with self._lock:
            total, until = self._own.get(address, (0, 0.0))
            if until <= now:
                total, until = 0, now + WINDOW
            if address not in self._own and len(self._own) >= MOST_KEPT:
                self._own.clear()
            self._own[address] = total + 1, until
        return total + 1, until - now


def _name(address: str) -> str:
    """Redis is told no addresses."""
    mark = blake2b(address.encode(), digest_size=16, key=str(settings.SECRET_KEY).encode()[:64]).hexdigest()
    return f"chargeward:{settings.DATABASE_ADDRESS}:door:{mark}"


posts = Posts(settings.REDIS_URL)
_flood = Complaint(logger, WINDOW)


class FloodMiddleware:
    """Before sessions and all else that asks the database, behind what knows the language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path_info.startswith(PAGES):
            wait = _wait(request)
            if wait:
                return _refusal(request, wait)
        return self.get_response(request)


def _wait(request: HttpRequest) -> int:
    """Seconds; 0 where the form is to be looked at."""
    most, seen, address = settings.LOG_IN_FORMS_PER_MINUTE, address_of(request), counted_address(request)
    if most == 0 or seen is None or address is None or ip_address(seen).is_loopback:
        return 0  # this machine itself, or a proxy on it that does not say for whom it asks: that may be everybody
    total, left = posts.add(address)
    return max(1, ceil(left)) if total > most else 0


def _refusal(request: HttpRequest, wait: int) -> HttpResponse:
    _flood("One address posts more forms at the door than LOG_IN_FORMS_PER_MINUTE; the proxy's log knows which.")
    said = _("Too many forms were sent from your network. Try again in %(seconds)s seconds.") % {"seconds": wait}
    response = refused(request, 429, _("One moment"), said)
    response.headers["Retry-After"] = str(wait)
    return response


class Door:
    """Places for those whose password is looked at, or who wait for it. One is always left for other addresses."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._inside: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    def enter(self, address: str | None) -> bool:
        with self._lock:
            if self._inside.total() >= self._places or self._inside[address] >= self._places - 1:
                return False
            self._inside[address] += 1
            return True

    def leave(self, address: str | None) -> None:
        with self._lock:
            self._inside[address] -= 1
            if not self._inside[address]:
                del self._inside[address]
