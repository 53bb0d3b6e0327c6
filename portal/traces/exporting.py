"""What leaves the house of a span: what is listed here. Libraries tell of addresses, paths and errors, in which there
may be a card's id, a letter's link or somebody's name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status

LISTED = {
    "http.method", "http.request.method", "http.route", "http.status_code", "http.response.status_code", "http.scheme",
    "url.scheme", "http.flavor", "network.protocol.version", "error.type",
    "db.system", "db.system.name", "db.name", "db.namespace", "db.operation", "db.operation.name",
    "celery.action", "celery.state", "celery.task_name", "messaging.message.id", "messaging.destination",
    "chargeward.request_id", "chargeward.answered_by", "chargeward.outcome", "chargeward.reason", "chargeward.source",
    "chargeward.revision", "chargeward.decisions", "chargeward.accepted",
}  # fmt: skip
# Of a request to a partner; of one that came they would be somebody's address.
OF_CLIENTS = {"http.url", "url.full", "net.peer.name", "net.peer.port", "server.address", "server.port"}
STATEMENTS = {"db.statement", "db.query.text"}
OF_EVENTS = {"exception.type"}
LONGEST = 2000  # characters of a statement
# 'texts' as PostgreSQL has them, also one that is cut off, and $tag$texts$tag$.
_TEXTS = re.compile(r"'(?:[^']|'')*(?:'|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)", re.DOTALL)


class Plain(SpanExporter):
    """Another exporter, which gets of each span what is listed."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([plain(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def plain(span: ReadableSpan) -> ReadableSpan:
    """The same span, without a word that is not listed."""
    kept = LISTED | OF_CLIENTS if span.kind is SpanKind.CLIENT else LISTED
    attributes = _only(span.attributes, kept)
    for name in STATEMENTS & {*(span.attributes or {})}:
        attributes[name] = without_texts(str((span.attributes or {})[name]))
    return ReadableSpan(
        name=span.name, context=span.get_span_context(), parent=span.parent, resource=span.resource,
        attributes=attributes, kind=span.kind, links=span.links, start_time=span.start_time, end_time=span.end_time,
        events=[Event(event.name, _only(event.attributes, OF_EVENTS), event.timestamp) for event in span.events],
        status=Status(span.status.status_code), instrumentation_scope=span.instrumentation_scope,
    )  # fmt: skip


def without_texts(statement: str) -> str:
    """SQL with a ? for each text in it; what was given beside it is not in it anyway."""
    return _TEXTS.sub("?", statement)[:LONGEST]


def _only(attributes: Mapping[str, Any] | None, names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name in names}
