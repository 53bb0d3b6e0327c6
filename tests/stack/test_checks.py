"""Wrong settings: each is named, with what to set it to."""

import os
import ssl
import subprocess
import sys

import kombu
import pytest

from portal import settings, traces
from portal.checks import settings_are_meant
from portal.stack.options import PROJECT

GOOD = {"DATABASE_URL": "postgres://a:b@127.0.0.1:5432/c", "REDIS_URL": "redis://127.0.0.1:6379/0"}
MAIL = {"EMAIL_URL": "smtp+tls://a:b@127.0.0.1:587"}
PRODUCTION = (
    GOOD | MAIL | {"PRODUCTION": "true", "SECRET_KEY": "0123456789abcdefghij" * 3, "ALLOWED_HOSTS": "a.example.org"}
)
OURS = {
    *PRODUCTION,
    "DEBUG",
    "PORT",
    "WEB_WORKERS",
    "DATABASE_POOL_SIZE",
    "DATA_DIR",
    "AUTHORIZE_FRONT",
    "SECOND_FACTOR_FOR_ALL",
}


def _manage(*arguments, **values):
    # The browser's tests, where they run in the same process, allow what no deployment does.
    others = {*OURS, "DJANGO_ALLOW_ASYNC_UNSAFE"}
    kept = {name: value for name, value in os.environ.items() if name not in others}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=kept | {"DATA_DIR": "/nonexistent"} | values,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nothing_set():
    """Commands that need no server work before there is one."""
    done = _manage("check")
    assert done.returncode == 0, done.stderr
    assert "(chargeward.W003) DATABASE_URL is not set" in done.stderr
    assert "(chargeward.W004) REDIS_URL is not set" in done.stderr
    assert _manage("help").returncode == 0


def test_production():
    done = _manage("check", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "chargeward." not in done.stderr
    done = _manage("check", PRODUCTION="true", DEBUG="on")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG"):
        assert f") {name} " in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PRODUCTION", "maybe", "E001"),
        ("DEBUG", "2", "E001"),
        ("AUTHORIZE_FRONT", "maybe", "E001"),
        ("PORT", "http", "E002"),
        ("WEB_WORKERS", "0", "E002"),
        ("DATABASE_POOL_SIZE", "1_0", "E002"),
        ("SECOND_FACTOR_FOR_ALL", "perhaps", "E001"),
        ("PROXIES", "10", "E002"),
        ("LOG_IN_FORMS_PER_MINUTE", "many", "E002"),
        ("OTEL_SDK_DISABLED", "perhaps", "E001"),
    ],
)
def test_wrong_variable(monkeypatch, name, value, code):
    monkeypatch.setenv(name, value)
    (message,) = [message for message in settings_are_meant(None) if message.is_serious()]
    assert message.id == f"chargeward.{code}"
    assert name in message.msg
    assert name in message.hint


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DATABASE_URL", "sqlite:///db", "E003"),
        ("DATABASE_URL", "postgres://a:secret-word@127.0.0.1:5432", "E003"),
        ("DATABASE_URL", "postgres://a:secret-word@127.0.0.1:x/c", "E003"),
        ("DATABASE_URL", "", "E003"),
        ("REDIS_URL", "amqp://:secret-word@127.0.0.1", "E004"),
        ("REDIS_URL", "", "E004"),
        ("SECRET_KEY", "short", "E005"),
        ("ALLOWED_HOSTS", [], "E006"),
        ("ALLOWED_HOSTS", ["*"], "E006"),
        ("DEBUG", True, "E007"),
        ("EMAIL_URL", "http://a:secret-word@127.0.0.1", "E014"),
        ("EMAIL_URL", "consolemail://", "E014"),
    ],
)
def test_wrong_in_production(settings, name, value, code):
    right = {"PRODUCTION": True, "DEBUG": False, "SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": ["a.example.org"]}
    for each, worth in (right | GOOD | MAIL | {"SECRET_KEY_IS_MADE_UP": False, name: value}).items():
        setattr(settings, each, worth)
    (message,) = settings_are_meant(None)
    assert message.id == f"chargeward.{code}"
    assert message.is_serious()
    assert name in message.msg
    assert name in message.hint
    assert "secret-word" not in message.msg


def test_production_without_mail_is_warned_of(settings):
    """It serves chargers all the same."""
    for each, worth in (GOOD | {"PRODUCTION": True, "SECRET_KEY": "k" * 50, "SECRET_KEY_IS_MADE_UP": False}).items():
        setattr(settings, each, worth)
    settings.ALLOWED_HOSTS, settings.EMAIL_URL = ["a.example.org"], ""
    (message,) = settings_are_meant(None)
    assert (message.id, message.is_serious()) == ("chargeward.W012", False)
    assert "EMAIL_URL" in message.hint


@pytest.mark.parametrize("query", ["", "?ssl_ca_certs=/ca.pem", "?ssl_cert_reqs=required"])
def test_the_brokers_certificate_is_looked_at(query):
    """Celery alone would not, unless the URL says so."""
    url = settings._broker(f"rediss://:secret@redis.example.org:6379/0{query}")
    assert kombu.Connection(url).ssl["ssl_cert_reqs"] == ssl.CERT_REQUIRED
    assert settings._broker("redis://127.0.0.1:6379/0") == "redis://127.0.0.1:6379/0"


def test_traces(monkeypatch, settings):
    """Wanted without what they need: the process runs all the same, and is told what to install."""

    def said():
        found = {str(message.id).partition(".")[2]: str(message.hint) for message in settings_are_meant(None)}
        return {code: hint for code, hint in found.items() if "OTEL" in hint or "traces" in hint}

    assert said() == {}
    settings.TRACES, settings.TRACES_ENDPOINT = True, "http://127.0.0.1:4318"
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    assert "--requirement requirements-traces.lock" in said()["W013"]
    assert traces.start("web") is False
    monkeypatch.setattr(traces, "find_spec", lambda name: object())
    assert said() == {}
    settings.TRACES_ENDPOINT = "127.0.0.1:4318"
    assert "http://HOST:4318" in said()["E016"]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert "http/protobuf" in said()["W014"]
