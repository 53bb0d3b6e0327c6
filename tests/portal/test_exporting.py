"""What leaves the house of a span is what is listed."""

from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra `traces` is not installed")

from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode

from portal.traces.exporting import Plain, plain, without_texts
from portal.traces.process import Begun, _origin

SECRET = "04A2B3C4D5E680"
EVERYTHING = {
    "http.route": "admin/choose-password/<uidb64>/<token>/", "http.target": f"/admin/{SECRET}",
    "net.peer.ip": "192.0.2.1", "http.url": f"http://x/{SECRET}", "http.user_agent": SECRET,
    "db.statement": f"SELECT 1 WHERE uid = '{SECRET}'",
    "db.statement.parameters": f"('{SECRET}',)", "celery.retry.reason": SECRET, "chargeward.reason": "ALLOWED",
}  # fmt: skip


def test_a_span_says_what_is_listed() -> None:
    out = InMemorySpanExporter()
    provider = TracerProvider(sampler=Begun(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Plain(out)))
    tracer = provider.get_tracer("test")
    with suppress(ValueError), tracer.start_as_current_span("GET x", kind=SpanKind.SERVER) as span:
        span.set_attributes(EVERYTHING)
        raise ValueError(SECRET)
    (found,) = out.get_finished_spans()
    about: dict[str, Any] = dict(found.attributes or {})
    assert set(about) == {"http.route", "db.statement", "chargeward.reason"}
    assert about["db.statement"] == "SELECT 1 WHERE uid = ?"
    assert (found.status.status_code, found.status.description) == (StatusCode.ERROR, None)
    (event,) = found.events
    assert (event.name, dict(event.attributes or {})) == ("exception", {"exception.type": "ValueError"})
    assert SECRET not in found.to_json()


def test_where_a_partner_is_only_a_request_to_it_says() -> None:
    about = {"http.url": "https://partner.example/"}
    for kind, said in ((SpanKind.CLIENT, about), (SpanKind.SERVER, {})):
        found = plain(ReadableSpan("x", attributes=about, kind=kind, events=[Event("e", {"x": SECRET})]))
        assert dict(found.attributes or {}) == said
    assert (
        _origin(f"https://u:p@partner.example:8443/ocpi/tokens/NL/GFX/{SECRET}?x={SECRET}")
        == "https://partner.example:8443/"
    )


@pytest.mark.parametrize(
    ("statement", "plain"),
    [
        ("SELECT 'it''s' || %s, $1, \"a column\"", "SELECT ? || %s, $1, \"a column\""),
        ("SELECT 'cut off in the mid", "SELECT ?"),
        ("SELECT $$a$$, $tag$b$$c$tag$, 5", "SELECT ?, ?, 5"),
        ("SELECT E'a\\\\b'", "SELECT E?"),
        ("x" * 5000, "x" * 2000),
    ],
    ids=range(5),
)  # fmt: skip
def test_a_statement_is_without_its_texts(statement: str, plain: str) -> None:
    assert without_texts(statement) == plain


def test_what_a_process_asks_by_itself_is_no_trace() -> None:
    out = InMemorySpanExporter()
    provider = TracerProvider(sampler=Begun(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(out))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT), tracer.start_as_current_span("inner"):
        pass
    assert out.get_finished_spans() == ()
    with tracer.start_as_current_span("run/x", kind=SpanKind.CONSUMER), tracer.start_as_current_span("SELECT"):
        pass
    assert [span.name for span in out.get_finished_spans()] == ["SELECT", "run/x"]
