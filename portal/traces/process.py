"""What a process needs for its traces: who samples, who sends, and which libraries are listened to."""

import threading
from multiprocessing import util
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.propagate import set_global_textmap
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from portal import logs
from portal.traces.exporting import Plain

LAST = 2.0  # seconds for what is left when the process ends
BEGINNINGS = (SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.PRODUCER)
# Behind what answers probes and files, and before all that asks the database.
BEFORE = "django.contrib.sessions.middleware.SessionMiddleware"
NOT_TRACED = r"/(healthz|readyz|metrics)\??$"
_providers: list[TracerProvider] = []


class Begun(Sampler):
    """Another sampler, asked about requests and tasks alone: what a process looks up by itself all day is no trace."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: "list[Link] | tuple[Link, ...] | None" = None,  # type: ignore[override]
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        begins = kind in BEGINNINGS if not parent.is_valid else parent.is_remote or parent.trace_flags.sampled
        if not begins:
            return SamplingResult(Decision.DROP)
        return self._sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"Begun({self._sampler.get_description()})"


def start(part: str) -> None:
    """Once in a process. Raises what OpenTelemetry thinks of its variables."""
    provider = TracerProvider(resource=_resource(part), shutdown_on_exit=False)
    provider.sampler = Begun(provider.sampler)
    provider.add_span_processor(BatchSpanProcessor(Plain(OTLPSpanExporter())))
    _providers.append(provider)
    trace.set_tracer_provider(provider)
    # Not baggage: what a client says would be told to partners.
    set_global_textmap(TraceContextTextMapPropagator())
    PsycopgInstrumentor().instrument()
    RedisInstrumentor().instrument()
    CeleryInstrumentor().instrument()
    URLLib3Instrumentor().instrument(url_filter=_origin)
    if part == "web":
        DjangoInstrumentor().instrument(
            middleware_position=settings.MIDDLEWARE.index(BEFORE), excluded_urls=NOT_TRACED, request_hook=_requested
        )
    logs.trace_id = current
    # Of a child, too, which leaves past atexit.
    util.Finalize(None, stop, exitpriority=10)


def stop() -> None:
    """Sends what is left; LAST bounds it, whatever the receiver does."""
    while _providers:
        last = threading.Thread(target=_providers.pop().shutdown, name="traces", daemon=True)
        last.start()
        last.join(LAST)


def current() -> str:
    """The id of the trace that the caller is in, in hex; "" outside."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def _resource(part: str) -> Resource:
    """As OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, where they do."""
    said = Resource.create()
    named = not str(said.attributes.get("service.name", "unknown_service")).startswith("unknown_service")
    return said.merge(Resource({"chargeward.part": part} | ({} if named else {"service.name": "chargeward"})))


def _requested(span: trace.Span, request: HttpRequest) -> None:
    span.set_attribute("chargeward.request_id", logs.request_id.get())
    # For the request's own line, which is written when the span is over.
    request.META[logs.TRACE_ID] = current()


def _origin(url: str) -> str:
    """Of a partner's address only where it is: the path has ids of cards."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/"
