"""A charger's well-formed question, answered before Django: by the same service, with the same bytes.

Whatever is odd about a request (another method or header, a body or a key that is refused, a copy in doubt) is left
to the view, which is the reference. AUTHORIZE_FRONT=0 leaves everything to it.
"""

import io
from collections.abc import Callable, Iterable
from functools import lru_cache
from time import perf_counter
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest

from authorization import clock, metrics
from authorization.api.charging import (
    FAILED,
    MAX_BATCH_BODY,
    MAX_REQUEST,
    body_of,
    body_of_batch,
    parse_batch,
)
from authorization.api.parsers import load_json
from authorization.questions import BadQuestion, Question, parse
from authorization.services import Answer, answers_to_key, keep
from portal.charging import HSTS, PATHS

MAX_HOSTS = 64
_SCHEME = "Token "

Environ = dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]


class Endpoint(NamedTuple):
    name: str
    limit: int  # bytes of a body


ENDPOINTS = {PATHS: Endpoint("authorize", MAX_REQUEST), f"{PATHS}/batch": Endpoint("batch", MAX_BATCH_BODY)}


class Front:
    """A WSGI application that answers what it is sure of, and has `view` answer all else."""

    def __init__(self, view: Application) -> None:
        self.view = view
        self._hosts: set[str] = set()
        self._production = settings.PRODUCTION
        self._headers = lru_cache(maxsize=4096)(_headers)

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        started = perf_counter()
        endpoint = ENDPOINTS.get(environ["PATH_INFO"])
        if endpoint is not None and self._is_plain(environ, endpoint.limit):
            data = environ["wsgi.input"].read()
            answer = _answer(environ, data, endpoint)
            if answer is not None:
                start_response("200 OK", self._headers(len(answer)))
                metrics.note_answer(endpoint.name, perf_counter() - started)
                return [answer]
            environ["wsgi.input"] = io.BytesIO(data)
        return self.view(environ, start_response)

    def _is_plain(self, environ: Environ, limit: int) -> bool:
        """Whether there is nothing about the headers that only the view knows what to do with."""
        get = environ.get
        length = get("CONTENT_LENGTH", "")
        return (
            environ["REQUEST_METHOD"] == "POST"
            and get("CONTENT_TYPE") == "application/json"
            and length.isdecimal()
            and int(length) <= limit
            and "HTTP_TRANSFER_ENCODING" not in environ
            and get("HTTP_AUTHORIZATION", "").startswith(_SCHEME)
            and (get("HTTP_HOST") in self._hosts or self._is_ours(environ))
            and (not self._production or get("HTTP_X_FORWARDED_PROTO") == "https")
        )

    def _is_ours(self, environ: Environ) -> bool:
        """Whether the server answers to the host's name, as Django sees it."""
        host = environ.get("HTTP_HOST")
        try:
            WSGIRequest(environ).get_host()
        except DisallowedHost:
            return False
        if host is not None and len(self._hosts) < MAX_HOSTS:
            self._hosts.add(host)
        return host is not None


def _answer(environ: Environ, data: bytes, endpoint: Endpoint) -> bytes | None:
    """The body of an answer that is in the log; None where the view is to look."""
    try:
        if len(data) != int(environ["CONTENT_LENGTH"]):
            return None
        body = load_json(data)
        parsed: list[Question | BadQuestion] = [parse(body)] if endpoint.name == "authorize" else parse_batch(body)
        questions = [item for item in parsed if isinstance(item, Question)]
        asked = answers_to_key(environ["HTTP_AUTHORIZATION"][len(_SCHEME) :], questions, clock.now())
    except Exception:
        # The view meets it as well, and says what it is.
        return None
    if asked is None or not questions:
        return None
    caller, answers = asked
    if endpoint.name == "authorize" and isinstance(answers[0], BadQuestion):
        return None
    try:
        keep(answers, caller)
    except Exception as error:
        # Some of it may be in the log already, so the view says what is wrong and does not try again.
        environ[FAILED] = error
        return None
    if endpoint.name == "authorize" and isinstance(answers[0], Answer):
        return body_of(answers[0])
    return body_of_batch(parsed, answers)


def _headers(length: int) -> list[tuple[str, str]]:
    """What the view and ChargingMiddleware send, in their order."""
    headers = [
        ("Cache-Control", "no-store"),
        ("Content-Type", "application/json"),
        ("Allow", "POST, OPTIONS"),
        ("Content-Length", str(length)),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if settings.PRODUCTION:
        headers.append(("Strict-Transport-Security", HSTS))
    return headers


def with_front(view: Application) -> Application:
    """As the setting says."""
    return Front(view) if settings.AUTHORIZE_FRONT else view
