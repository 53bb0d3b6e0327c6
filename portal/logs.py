"""What a log line has: one JSON object, or a line to read, with the id of the request that it came from."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from time import monotonic, perf_counter

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
FORMATS = ("line", "json")
request_id: ContextVar[str] = ContextVar("request_id", default="")
TRACE_ID = "chargeward.trace_id"  # in a request's META: that of the trace it is in
task: ContextVar[tuple[str, str]] = ContextVar("task", default=("", ""))  # name and id, in a worker
logger = logging.getLogger("chargeward.requests")
# portal.traces puts its own here: the id of the trace that the caller is in.
trace_id: Callable[[], str] = str
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.task, record.task_id = task.get()
        record.trace_id = trace_id()
        return True


class Sparing(logging.Filter):
    """Of what Django says about answers that are none: the first of a status on a route, and one every EVERY seconds
    with how many were like it. A node that is not ready is asked each second, and chargers without an answer ask by the
    thousand. What has a trace is never left out."""

    EVERY = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[int, str], tuple[float, int]] = {}  # when, and how many since then

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 500)
        if status == 500 or record.exc_info:
            return True
        match = getattr(getattr(record, "request", None), "resolver_match", None)
        key, now = (status, match.route if match else ""), monotonic()
        at, left_out = self._said.get(key, (-self.EVERY, 0))
        if now - at < self.EVERY:
            self._said[key] = at, left_out + 1
            return False
        self._said[key] = now, 0
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} like it since the last such line)"
            record.args = ()
        return True


class AsJson(logging.Formatter):
    """at, level, logger, message; where there are any, request_id, trace_id, task, task_id and error, and what
    `extra={"about": …}` adds."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request_id", "trace_id", "task", "task_id"):
            if value := getattr(record, name, ""):
                line[name] = value
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        line |= getattr(record, "about", {})
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class RequestIdMiddleware:
    """The first of all. A proxy's id is taken over; what is no id is not, for it would stand in every line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        identity = given if SANE.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(identity)
        try:
            response = self.get_response(request)
            response.headers[HEADER] = identity
            if settings.LOG_REQUESTS:
                _note(request, response, perf_counter() - began)
            return response
        finally:
            request_id.reset(token)


def _note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    # The route, not the path: a path may hold a link's secret, and a query somebody's name.
    match = request.resolver_match
    about = {
        "method": request.method,
        "route": match.route if match is not None else None,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
    }
    if TRACE_ID in request.META:
        about["trace_id"] = request.META[TRACE_ID]
    logger.info("%(method)s %(route)s %(status)s in %(ms)s ms", about, extra={"about": about})
