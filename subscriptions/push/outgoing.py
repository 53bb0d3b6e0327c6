"""Requests to partners, by urllib3: to addresses that may be asked, within a time, and never elsewhere.

Redirects are not followed: they would lead past what an operator typed. No proxy of the environment is used, for it
would connect to what we did not look at.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from subscriptions.push import addresses

CONNECT, READ, WHOLE = 3.0, 5.0, 8.0  # seconds: to connect, between two pieces, and for all of an exchange
MOST = 1024 * 1024  # bytes of an answer that are read
MOST_WAIT = 86_400.0  # seconds of a Retry-After that are believed


@dataclass(frozen=True)
class Answer:
    """What came of a request. http: its status, None where no answer came; then `text` says why.

    code: OCPI's status_code, None where there is none. retry_after: seconds.
    """

    http: int | None
    code: int | None = None
    text: str = ""
    data: Any = None
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Taken in: a 2xx, with OCPI's 1000; an empty body says nothing against it."""
        return self.http is not None and 200 <= self.http < 300 and self.code in (1000, None) and not self.text

    def __str__(self) -> str:
        if self.http is None:
            return self.text[:255]
        said = f"HTTP {self.http}" + (f", status_code {self.code}" if self.code is not None else "")
        return (f"{said}: {self.text}" if self.text else said)[:255]


class _NoWay(NewConnectionError):
    """No connection; said: why."""

    def __init__(self, connection: Any, said: str) -> None:
        super().__init__(connection, said)
        self.said = said


class _Guarded:
    """Connects to an address that was looked at, and can be cut off from outside."""

    encrypted = False

    def __init__(self, *args: Any, line: "Line", **more: Any) -> None:
        super().__init__(*args, **more)
        self.line = line
        # A second handle on the same connection, which TLS does not take over.
        self.cord: socket.socket | None = None

    def _new_conn(self: Any) -> socket.socket:
        self.line.connection = self
        try:
            ways = addresses.resolve(self._dns_host, self.port, encrypted=self.encrypted)
        except addresses.Forbidden as error:
            raise _NoWay(self, f"this is never sent to: {error}") from error
        except (OSError, UnicodeError) as error:
            raise _NoWay(self, "the name of the host is not known") from error
        failed: OSError = OSError("no address")
        for family, where in ways:
            if self.line.late:
                raise _NoWay(self, f"no connection within {WHOLE:.0f} seconds")
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(CONNECT)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(where)
            except OSError as error:
                failed = error
                sock.close()
                continue
            self.drop_cord()
            self.cord = sock.dup()
            return sock
        late = isinstance(failed, TimeoutError)
        why = f"no connection within {CONNECT:.0f} seconds" if late else f"no connection: {failed.strerror or failed}"
        raise _NoWay(self, why) from failed

    def drop_cord(self) -> None:
        if self.cord is not None:
            self.cord.close()
            self.cord = None

    def cut(self) -> None:
        """Ends the connection under whoever waits for it."""
        if self.cord is not None:
            with contextlib.suppress(OSError):
                self.cord.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.drop_cord()
        super().close()  # type: ignore[misc]


class _Http(_Guarded, HTTPConnection):
    pass


class _Https(_Guarded, HTTPSConnection):
    encrypted = True


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class Line:
    """Connections to one partner, kept open between requests. One thread uses it at a time."""

    def __init__(self) -> None:
        self.connection: _Guarded | None = None  # the one in use
        self._pools: dict[tuple[str, str, int], Any] = {}
        self.late = False

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Never raises for what the other side does."""
        try:
            parts = urlsplit(url)
            pool, path = self._pool(parts), parts.path or "/"
        except ValueError:
            return Answer(None, text="this is not a URL that can be asked")
        if parts.query:
            path += f"?{parts.query}"
        kept = {"Accept": "application/json", "User-Agent": "Chargeward", **headers}
        if body is not None:
            kept["Content-Type"] = "application/json"
        try:
            with self._in_time():
                response = pool.urlopen(
                    method, path, body=body, headers=kept, redirect=False, retries=False, preload_content=False,
                    timeout=urllib3.Timeout(connect=CONNECT, read=READ),
                )  # fmt: skip
                raw = response.read(MOST + 1)
                whole = len(raw) <= MOST
                if whole:
                    response.drain_conn()
                    response.release_conn()
                else:
                    response.close()
            return _answer(response, raw) if whole else Answer(int(response.status), text="the answer is too long")
        except (HTTPError, OSError, ValueError) as error:
            self._hang_up()
            return Answer(None, text=self._said(error))

    def _pool(self, parts: Any) -> Any:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        where = (parts.scheme, parts.hostname or "", port)
        if not where[1] or parts.scheme not in ("http", "https"):
            raise ValueError(where)
        if where not in self._pools:
            make = _HttpsPool if parts.scheme == "https" else _HttpPool
            self._pools[where] = make(where[1], port, maxsize=1, line=self)
        return self._pools[where]

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """Cuts the connection when the whole exchange takes too long: a partner that sends a byte now and then would
        keep us for hours."""
        self.late = False

        def late() -> None:
            self.late = True
            if self.connection is not None:
                self.connection.cut()

        timer = threading.Timer(WHOLE, late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _said(self, error: Exception) -> str:
        match error:
            case _ if self.late:
                return f"no whole answer within {WHOLE:.0f} seconds"
            case ReadTimeoutError():
                return f"nothing came for {READ:.0f} seconds"
            case SSLError():
                return f"not encrypted as it should be: {error}"[:255]
            case _NoWay(said=said):
                return said
        return f"the connection broke: {error}"[:255]


def _answer(response: Any, raw: bytes) -> Answer:
    http, wait = int(response.status), _seconds(response.headers.get("Retry-After"))
    if 300 <= http < 400:
        return Answer(http, text="a redirection, which is not followed", retry_after=wait)
    if not raw.strip():
        return Answer(http, text="" if http < 300 else str(response.reason or ""), retry_after=wait)
    try:
        body = orjson.loads(raw)
        code = body["status_code"]
        if not isinstance(code, int):
            raise TypeError(code)
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return Answer(http, text="the answer is none of OCPI's", retry_after=wait)
    said = "" if code == 1000 else _plain(body.get("status_message"))
    # Without a message the code alone says that it was refused.
    return Answer(http, code, said, body.get("data"), wait)


def _plain(text: Any) -> str:
    """A partner's own words, in one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text or "")).split())[:200]


def _seconds(text: str | None) -> float | None:
    """A Retry-After: seconds, or a date."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), MOST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), MOST_WAIT)
