"""Log lines: one JSON object each, with the id of the request, and nothing in them that the path may hide."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from portal import logs
from portal.logs import AsJson, WithRequestId, request_id
from portal.stack.options import PROJECT

pytestmark = pytest.mark.django_db


def line(message: str, *args: Any, **more: Any) -> dict[str, Any]:
    record = logging.getLogger("x").makeRecord("x", logging.WARNING, "f", 1, message, args, more.pop("exc_info", None))
    for name, value in more.items():
        setattr(record, name, value)
    WithRequestId().filter(record)
    text = AsJson().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_is_one_object() -> None:
    found = line("It is %s\nand more", 'a "word"')
    assert found["message"] == 'It is a "word"\nand more'
    assert (found["level"], found["logger"]) == ("WARNING", "x")
    assert "request_id" not in found
    assert found["at"].endswith("+00:00")


def test_an_error_is_in_it() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        found = line("failed", exc_info=sys.exc_info())
    assert "ValueError: why" in found["error"]


@pytest.mark.parametrize("given", ["abc-123_x.y", "a" * 64])
def test_a_proxys_id_is_taken_over(given: str) -> None:
    assert Client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", 'x"}', "ü", "a\tb"])
def test_what_is_no_id_is_not(given: str) -> None:
    found = Client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert len(found) == 32
    assert found != given


def test_it_is_in_the_lines_of_the_request(caplog: pytest.LogCaptureFixture, settings: LazySettings) -> None:
    caplog.handler.addFilter(WithRequestId())
    settings.LOG_REQUESTS = True
    with caplog.at_level(logging.INFO, "chargeward.requests"):
        Client().get("/admin/choose-password/MQ/a-secret-link/?q=somebody", headers={"X-Request-ID": "mine"})
        (record,) = [each for each in caplog.records if each.name == "chargeward.requests"]
    assert record.request_id == "mine"  # type: ignore[attr-defined]
    found = json.loads(AsJson().format(record))
    assert (found["status"], found["method"]) == (200, "GET")
    assert found["route"] == "admin/choose-password/<uidb64>/<token>/"
    assert "secret" not in json.dumps(found)
    assert "somebody" not in json.dumps(found)
    assert request_id.get() == ""


def test_no_line_unless_it_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "chargeward.requests"):
        Client().get("/healthz")
    assert [each for each in caplog.records if each.name == "chargeward.requests"] == []


def test_by_the_environment() -> None:
    """A process in the JSON format, as production has it."""
    code = "import django; django.setup(); import logging; logging.getLogger('x').warning('here')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"DJANGO_SETTINGS_MODULE": "portal.settings", "LOG_FORMAT": "json", "DATA_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stderr.strip().splitlines()[-1])["message"] == "here"


def test_answers_that_are_none_are_told_of_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    sparing = logs.Sparing()
    logger = logging.getLogger("django.request")
    logger.filters, before = [sparing], logger.filters
    try:
        for _ in range(5):
            Client().get("/api/v1/tokens/")
        Client().get("/api/v1/locations/")
        for _ in range(2):
            Client().get("/no-such-100%-page/")
        now += sparing.EVERY
        Client().get("/api/v1/tokens/")
        Client().get("/no-such-100%-page/")
        said = [record.getMessage() for record in caplog.records if record.name == "django.request"]
    finally:
        logger.filters = before
    assert said == [
        "Unauthorized: /api/v1/tokens/",
        "Unauthorized: /api/v1/locations/",
        "Not Found: /no-such-100%-page/",
        "Unauthorized: /api/v1/tokens/ (and 4 like it since the last such line)",
        "Not Found: /no-such-100%-page/ (and 1 like it since the last such line)",
    ]


def test_what_failed_is_always_told(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("django.request").exception("Failed", extra={"status_code": 503})
        logging.getLogger("django.request").error("Failed", extra={"status_code": 500})
    assert len(caplog.records) == 4
