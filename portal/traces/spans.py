"""Spans of the chargers' questions, which pass Django's middleware by."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.instrumentation.wsgi import wsgi_getter
from opentelemetry.trace import SpanKind, StatusCode

from authorization.services import charging
from authorization.spool import COLUMNS, Log, Row
from portal.front import ENDPOINTS

ANSWERED_BY = "chargeward.answered_by"
METHODS = {"POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}
_ACCEPTED, _REASON = COLUMNS.index("accepted"), COLUMNS.index("reason")
_REVISION, _SOURCE = COLUMNS.index("revision"), COLUMNS.index("source")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Asked:
    """The application that answers the questions, with a span for each request."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._tracer = trace.get_tracer("portal.traces")

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        method = method if method in METHODS else "_OTHER"
        route = path if path in ENDPOINTS else "other"
        about = {"http.request.method": method, "http.route": route, ANSWERED_BY: "front"}
        with self._tracer.start_as_current_span(
            f"{method} {route}", propagate.extract(environ, getter=wsgi_getter), SpanKind.SERVER, about
        ) as span:

            def said(status: str, *more: Any) -> Any:
                code = int(status[:3])
                span.set_attribute("http.response.status_code", code)
                if code >= 500:
                    span.set_status(StatusCode.ERROR)
                return start_response(status, *more)

            return self._application(environ, said)


def behind(view: Application) -> Application:
    """What the front leaves to the view."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        trace.get_current_span().set_attribute(ANSWERED_BY, "view")
        return view(environ, start_response)

    return answer


def note_decisions() -> None:
    """From now on."""
    charging.log = Noted(charging.log)


class Noted:
    """The decisions' log, which tells the span as well: not who, nor where, nor which card."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, rows: Sequence[Row]) -> None:
        self._log.write(rows)
        span = trace.get_current_span()
        if not rows or not span.is_recording():
            return
        span.set_attribute("chargeward.revision", rows[0][_REVISION])
        span.set_attribute("chargeward.source", rows[0][_SOURCE])
        if len(rows) == 1:
            span.set_attribute("chargeward.outcome", "accepted" if rows[0][_ACCEPTED] else "rejected")
            span.set_attribute("chargeward.reason", rows[0][_REASON])
        else:
            span.set_attribute("chargeward.decisions", len(rows))
            span.set_attribute("chargeward.accepted", sum(bool(row[_ACCEPTED]) for row in rows))
