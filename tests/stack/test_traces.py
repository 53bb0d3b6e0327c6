"""Traces of real processes, at a real receiver of OTLP over HTTP; without one, and without the setting."""

import json
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from portal.stack.options import PROJECT
from tests.drills.conftest import only_long
from tests.stack.driver import Portal, environ, wait_for
from tests.subscriptions.partner_server import PartnerServer, partner_server

trace_service = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="the extra `traces` is not installed"
)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Span(NamedTuple):
    part: str
    name: str
    trace: str
    id: str
    parent: str
    about: dict[str, Any]


class Collector(PartnerServer):
    """Takes spans, as the OpenTelemetry collector does."""

    def spans(self) -> list[Span]:
        return [
            _span(span, resource.resource)
            for request in list(self.received)
            for resource in trace_service.ExportTraceServiceRequest.FromString(request.raw).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait(self, **about: Any) -> Span:
        """The first span with these attributes, or `name`."""
        found: list[Span] = []

        def came() -> bool:
            found[:] = [
                s for s in self.spans() if about.items() <= {**s.about, "name": s.name, "trace": s.trace}.items()
            ]
            return bool(found)

        wait_for(came, 30)
        return found[0]


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def _span(span: Any, resource: Any) -> Span:
    part = _values(resource.attributes)["chargeward.part"]
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Span(part, span.name, *ids, _values(span.attributes))


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Portal]:
    found = Portal(
        tmp_path_factory.mktemp("traces") / "var",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
        LOG_FORMAT="json",
        LOG_REQUESTS="true",
        PUSH_ALLOWED_NETWORKS="127.0.0.0/8",
    )
    yield found
    found.end()


def _ask(portal: Portal, path: str, key: str, body: Any = None, method: str | None = None, **headers: str) -> Any:
    sent = {"Authorization": f"Token {key}", "Content-Type": "application/json"} | headers
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{portal.port}{path}", data, sent, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _plain_question(printed: str) -> tuple[str, dict[str, str]]:
    """Key and body of the curl that a start prints."""
    curl = shlex.split(next(line for line in printed.splitlines() if line.startswith("curl ")))
    headers = dict(part.split(": ", 1) for flag, part in pairwise(curl) if flag == "-H")
    return headers["Authorization"].removeprefix("Token "), json.loads(curl[curl.index("-d") + 1])


def test_spans_of_requests_tasks_and_pushes(portal: Portal, collector: Collector, tmp_path: Path) -> None:
    key, question = _plain_question(portal.start())
    made = subprocess.run(
        [sys.executable, "manage.py", "create_api_key", "--user", "admin"],
        cwd=PROJECT, env=environ(portal.data), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    own = made.stdout.strip()

    # By the front, in the trace that the caller is in.
    answer = _ask(portal, "/api/v1/authorize", key, question, traceparent=PARENT)
    front = collector.wait(name="POST /api/v1/authorize", trace=PARENT.split("-")[1])
    assert front.parent == PARENT.split("-")[2]
    assert front.about == {
        "http.request.method": "POST", "http.route": "/api/v1/authorize", "http.response.status_code": 200,
        "chargeward.answered_by": "front", "chargeward.outcome": answer["status"],
        "chargeward.reason": answer["reason"], "chargeward.source": "cache", "chargeward.revision": answer["revision"],
    }  # fmt: skip

    # By the API's view, which is asked what the front is not sure of.
    unknown = {**question, "id_token": "04DEADBEEFCAFE"}
    _ask(portal, "/api/v1/authorize", key, unknown, **{"Content-Type": "application/json; charset=utf-8"})
    view = collector.wait(**{"chargeward.answered_by": "view"})
    assert (view.about["chargeward.outcome"], view.about["chargeward.reason"]) == ("rejected", "UNKNOWN_TOKEN")
    _ask(portal, "/api/v1/authorize/batch", key, {"requests": [question, unknown, question]})
    batch = collector.wait(**{"chargeward.decisions": 3})
    assert (batch.name, batch.about["chargeward.accepted"]) == ("POST /api/v1/authorize/batch", 2)

    # A page of Django's, what it asked the database, and the request's own line in the log.
    emsp = _ask(portal, "/api/v1/emsps/", own)["results"][0]["id"]
    _ask(portal, "/api/v1/emsps/?search=the-word-searched", own, **{"X-Request-ID": "mine"})
    page = collector.wait(**{"chargeward.request_id": "mine"})
    assert page.name.startswith("GET ")
    collector.wait(name="SELECT", trace=page.trace)
    asked = [span for span in collector.spans() if span.name == "SELECT" and span.trace == page.trace]
    assert {span.parent for span in asked} == {page.id}
    assert any('FROM "tokens_emsp"' in span.about["db.statement"] for span in asked)
    lines = [
        json.loads(line) for line in portal.data.joinpath("log/web.log").read_text().splitlines() if line[:1] == "{"
    ]
    (line,) = [each for each in lines if each.get("request_id") == "mine" and "route" in each]
    assert line["trace_id"] == page.trace

    # A partner is asked within the trace; of its address the span has the host alone.
    with partner_server() as partner:
        body = {
            "name": "Traced", "country_code": "FR", "party_id": "TRC", "role": "CPO", "modules": ["tokens"],
            "emsps": [emsp], "push_endpoints": {"tokens": f"{partner.url}/a-secret-path/tokens/"},
            "push_token": "the-push-token",
        }  # fmt: skip
        pk = _ask(portal, "/api/v1/subscriptions/", own, body)["id"]
        _ask(portal, f"/api/v1/subscriptions/{pk}/test/", own, {})
        asked_by_web = collector.wait(**{"http.url": f"{partner.url}/", "http.method": "GET"})
        card = _ask(portal, f"/api/v1/tokens/?emsp={emsp}", own)["results"][0]
        _ask(portal, f"/api/v1/tokens/{card['id']}/", own, {"valid": not card["valid"]}, method="PATCH")
        wait_for(lambda: any(request.method != "GET" for request in partner.received), 30)
    (pushed,) = [request for request in partner.received if request.method != "GET"][:1]
    sent_by_worker = collector.wait(**{"http.url": f"{partner.url}/", "http.method": pushed.method})
    for request, span in ((partner.received[0], asked_by_web), (pushed, sent_by_worker)):
        _, trace, parent, flags = request.headers["traceparent"].split("-")
        assert (trace, parent, int(flags, 16) & 1) == (span.trace, span.id, 1)
    assert (asked_by_web.part, sent_by_worker.part) == ("web", "worker")

    # A task by itself, and one in the trace of the request that it came from.
    alone = collector.wait(name="run/imports.tasks.look_after")
    assert (alone.part, alone.parent, alone.about["celery.task_name"]) == ("worker", "", "imports.tasks.look_after")
    assert {span.part for span in collector.spans()} == {"web", "worker"}

    # Nothing that is anybody's.
    everything = b"".join(request.raw for request in collector.received)
    passwords = [
        word for line in portal.output.read_text().splitlines() if " password " in line for word in line.split()[-1:]
    ]
    secrets = [key, own, question["id_token"], "04DEADBEEFCAFE", "the-word-searched", "a-secret-path", "the-push-token"]
    for secret in [*secrets, *passwords, json.loads(portal.data.joinpath("secrets.json").read_text())["secret_key"]]:
        assert secret.encode() not in everything, secret


@only_long
def test_what_is_left_is_sent_at_the_end(portal: Portal, collector: Collector) -> None:
    portal.values["OTEL_BSP_SCHEDULE_DELAY"] = "60000"
    if portal.process is not None:
        assert portal.signal(signal.SIGTERM) == 0
    key, question = _plain_question(portal.start())
    before = len(collector.spans())
    assert _ask(portal, "/api/v1/authorize", key, question)["reason"]
    assert "POST /api/v1/authorize" not in {span.name for span in collector.spans()[before:]}
    assert portal.signal(signal.SIGTERM) == 0
    assert "POST /api/v1/authorize" in {span.name for span in collector.spans()[before:]}


@only_long
def test_a_receiver_that_never_answers_changes_nothing(portal: Portal) -> None:
    """One that refuses is over sooner."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        portal.values |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8",
        }  # fmt: skip
        key, question = _plain_question(portal.start())
        took = []
        for _ in range(300):
            began = time.perf_counter()
            assert _ask(portal, "/api/v1/authorize", key, question)["status"] == "accepted"
            took.append(time.perf_counter() - began)
        assert max(took) < 2.0, sorted(took)[-5:]
        began = time.monotonic()
        assert portal.signal(signal.SIGTERM) == 0
        assert time.monotonic() - began < 15


OFF = """
import sys
if "--missing" in sys.argv:
    sys.modules["opentelemetry"] = None
import django
django.setup()
from authorization.cache.guard import Guard
from portal import web_node
web_node.answer_from_the_copy = Guard.start = lambda *_: None
from portal import wsgi, celery
celery.app.loader.import_default_modules()
# redis-py looks for its API and metrics by itself, where it is installed.
OURS = ("opentelemetry.instrumentation", "opentelemetry.exporter", "opentelemetry.sdk.trace", "portal.traces.")
print([name for name in sys.modules if name.startswith(OURS)], type(wsgi._charging).__name__)
"""
ELSEWHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([], {}),
        ([], ELSEWHERE | {"OTEL_SDK_DISABLED": "true"}),
        ([], ELSEWHERE | {"OTEL_TRACES_EXPORTER": "none"}),
        (["--missing"], {}),
        (["--missing"], ELSEWHERE),
    ],
    ids=["off", "disabled", "no exporter", "not installed", "wanted and not installed"],
)
def test_off_is_not_even_imported(tmp_path: Path, arguments: list[str], values: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True,
        env=environ(tmp_path, DJANGO_SETTINGS_MODULE="portal.settings", **values),
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[] Front"
