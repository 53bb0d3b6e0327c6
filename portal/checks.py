"""System checks for wrong settings: each says which variable to set, and to what."""

import os
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from portal import traces
from portal.logs import FORMATS
from portal.settings import FALSE, TRUE

FLAGS = ("PRODUCTION", "DEBUG", "AUTHORIZE_FRONT", "SECOND_FACTOR_FOR_ALL", "LOG_REQUESTS", "OTEL_SDK_DISABLED")
# name: (least, most, example)
NUMBERS = {
    "PORT": (1, 65535, 8000),
    "OCPP_PORT": (1, 65535, 9000),
    "WEB_WORKERS": (1, 64, 2),
    "WORKER_PROCESSES": (1, 64, 2),
    "DRAIN_SECONDS": (0, 600, 5),
    "DATABASE_POOL_SIZE": (1, 1000, 8),
    "DATABASE_POOL_TIMEOUT": (1, 600, 10),
    "CACHE_STALE_AFTER_MS": (500, 3_600_000, 1500),
    "LOG_KEPT_DAYS": (1, 36_500, 90),
    "LOG_INS_KEPT_DAYS": (1, 36_500, 90),
    "HISTORY_NAMES_KEPT_DAYS": (0, 36_500, 1095),
    "IMPORT_ROWS_KEPT_DAYS": (1, 365, 7),
    "DELIVERIES_KEPT_DAYS": (3, 3_650, 7),
    "SESSIONS_KEPT_DAYS": (0, 36_500, 365),
    "CDRS_KEPT_DAYS": (0, 36_500, 3650),
    "PROXIES": (0, 9, 1),
    "UNKNOWN_TOKENS_PER_STATION": (0, 1_000_000_000, 100),
    "UNKNOWN_TOKENS_PER_CPO": (0, 1_000_000_000, 1000),
    "LOG_IN_FORMS_PER_MINUTE": (0, 1_000_000, 60),
    "IMPORT_MAX_MEGABYTES": (1, 1_000_000, 512),
}
DATABASE_SCHEMES = ("postgres", "postgresql")
MQTT_SCHEMES = ("mqtt", "mqtts")
MQTT_VERSIONS = ("5", "3.1.1")
EMAIL_SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl")
DEVELOPMENT_EMAIL = ("consolemail", "filemail", "dummymail")
EMAIL_EXAMPLE = "smtp+tls://USER:PASSWORD@HOST:587"
MQTT_EXAMPLE = "mqtts://USER:PASSWORD@HOST:8883"
BROKER_SCHEMES = ("redis", "rediss", "unix")
DATABASE_EXAMPLE = "postgres://USER:PASSWORD@HOST:5432/NAME"
BROKER_EXAMPLE = "redis://:PASSWORD@HOST:6379/0"
SECRET_KEY_LENGTH = 50


@register()
def settings_are_meant(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every message about the environment. Errors stop migrate, runserver and the like; warnings do not."""
    messages = [*_flags(), *_numbers(), *_urls(), *_networks(), *_ocpi(), *_mqtt(), *_email(), *_logs(), *_traces()]
    return messages + (list(_production()) if settings.PRODUCTION else [])


def _flags() -> Iterator[CheckMessage]:
    for name in FLAGS:
        value = os.environ.get(name, "").strip()
        if value and value.lower() not in TRUE + FALSE:
            yield Error(f"{name} is {value!r}.", hint=f"Set {name} to true or false.", id="chargeward.E001")


def _numbers() -> Iterator[CheckMessage]:
    for name, (least, most, example) in NUMBERS.items():
        value = os.environ.get(name, "").strip()
        # int() alone would also take "1_000" and Arabic digits, which settings.py does not.
        if value and not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            hint = f"Set {name} to a whole number from {least} to {most}, for example {example}."
            yield Error(f"{name} is {value!r}.", hint=hint, id="chargeward.E002")


def _urls() -> Iterator[CheckMessage]:
    wanted = (
        ("DATABASE_URL", settings.DATABASE_URL, DATABASE_SCHEMES, DATABASE_EXAMPLE, "E003", "W003"),
        ("REDIS_URL", settings.REDIS_URL, BROKER_SCHEMES, BROKER_EXAMPLE, "E004", "W004"),
    )
    for name, url, schemes, example, wrong, missing in wanted:
        if url:
            problem = _url_problem(url, schemes)
            if problem:
                # Never the URL itself: it holds a password.
                yield Error(f"{name} {problem}.", hint=f"Set {name} to {example}.", id=f"chargeward.{wrong}")
        elif settings.PRODUCTION:
            yield Error(f"{name} is not set.", hint=f"Set {name} to {example}.", id=f"chargeward.{wrong}")
        else:
            # A warning, so that `help` and `makemigrations` work before there is a database.
            hint = f"Start the servers with `make run`, or set {name} to {example}."
            yield Warning(f"{name} is not set and no servers run on DATA_DIR.", hint=hint, id=f"chargeward.{missing}")


def _networks() -> Iterator[CheckMessage]:
    for name, code in (("METRICS_NETWORKS", "E008"), ("PUSH_ALLOWED_NETWORKS", "E012")):
        for network in getattr(settings, name):
            try:
                ip_network(network)
            except ValueError as error:
                hint = f"Set {name} to networks with a comma between, for example 10.0.0.0/8,127.0.0.1/32."
                yield Error(f"{name}: {error}.", hint=hint, id=f"chargeward.{code}")


def _ocpi() -> Iterator[CheckMessage]:
    if not re.fullmatch("[A-Z]{2}-[A-Z0-9]{3}", settings.OCPI_PARTY):
        hint = "Set OCPI_PARTY to a country and a party of your own, for example NL-CHW."
        yield Error(f"OCPI_PARTY is {settings.OCPI_PARTY!r}.", hint=hint, id="chargeward.E013")


def _mqtt() -> Iterator[CheckMessage]:
    if settings.MQTT_URL and (problem := _url_problem(settings.MQTT_URL, MQTT_SCHEMES)):
        yield Error(f"MQTT_URL {problem}.", hint=f"Set MQTT_URL to {MQTT_EXAMPLE}.", id="chargeward.E009")
    if settings.MQTT_VERSION not in MQTT_VERSIONS:
        hint = f"Set MQTT_VERSION to one of {', '.join(MQTT_VERSIONS)}."
        yield Error(f"MQTT_VERSION is {settings.MQTT_VERSION!r}.", hint=hint, id="chargeward.E010")
    if settings.MQTT_CA_FILE and not Path(settings.MQTT_CA_FILE).is_file():
        hint = "Set MQTT_CA_FILE to a file with the certificates of who vouches for the broker, in PEM form."
        yield Error("MQTT_CA_FILE is no file that can be read.", hint=hint, id="chargeward.E011")


def _email() -> Iterator[CheckMessage]:
    hint = f"Set EMAIL_URL to {EMAIL_EXAMPLE}, and EMAIL_FROM to the address that letters come from."
    if settings.EMAIL_URL:
        schemes = EMAIL_SCHEMES if settings.PRODUCTION else (*EMAIL_SCHEMES, *DEVELOPMENT_EMAIL)
        if problem := _url_problem(settings.EMAIL_URL, schemes):
            yield Error(f"EMAIL_URL {problem}.", hint=hint, id="chargeward.E014")
    elif settings.PRODUCTION:
        text = "EMAIL_URL is not set: nobody can be invited, or choose a new password."
        yield Warning(text, hint=hint, id="chargeward.W012")


def _logs() -> Iterator[CheckMessage]:
    if settings.LOG_FORMAT not in FORMATS:
        hint = f"Set LOG_FORMAT to one of {', '.join(FORMATS)}."
        yield Error(f"LOG_FORMAT is {settings.LOG_FORMAT!r}.", hint=hint, id="chargeward.E015")


def _traces() -> Iterator[CheckMessage]:
    if not settings.TRACES:
        return
    if problem := _url_problem(settings.TRACES_ENDPOINT, ("http", "https")):
        hint = "Set OTEL_EXPORTER_OTLP_ENDPOINT to http://HOST:4318, where a collector takes OTLP over HTTP."
        yield Error(f"OTEL_EXPORTER_OTLP_ENDPOINT {problem}.", hint=hint, id="chargeward.E016")
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") not in ("", "http/protobuf"):
        hint = "Set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf, and the endpoint's port to the collector's for it."
        yield Warning("Traces are sent over HTTP only.", hint=hint, id="chargeward.W014")
    if not traces.installed():
        text = "OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: there are no traces."
        hint = "Run .venv/bin/python -m pip install --require-hashes --requirement requirements-traces.lock"
        yield Warning(text, hint=hint + ", or unset it.", id="chargeward.W013")


def _url_problem(url: str, schemes: tuple[str, ...]) -> str:
    """What is wrong with a URL, as the end of a sentence; empty where nothing is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in schemes:
        return f"begins with {parts.scheme!r}, not with one of {', '.join(schemes)}"
    if port == 0:
        return "has the port 0"
    if parts.scheme in DATABASE_SCHEMES and not parts.path.strip("/"):
        return "names no database"
    return ""


def _production() -> Iterator[CheckMessage]:
    if settings.SECRET_KEY_IS_MADE_UP:
        yield Error("SECRET_KEY is not set.", hint=_secret_hint(), id="chargeward.E005")
    elif len(settings.SECRET_KEY) < SECRET_KEY_LENGTH:
        problem = f"SECRET_KEY has {len(settings.SECRET_KEY)} characters; {SECRET_KEY_LENGTH} are needed."
        yield Error(problem, hint=_secret_hint(), id="chargeward.E005")
    if not settings.ALLOWED_HOSTS:
        hint = "Set ALLOWED_HOSTS to the names that users type, for example portal.example.org,api.example.org."
        yield Error("ALLOWED_HOSTS is not set.", hint=hint, id="chargeward.E006")
    elif "*" in settings.ALLOWED_HOSTS:
        hint = "Set ALLOWED_HOSTS to the names: with * anybody can put another one into the links that we send."
        yield Error("ALLOWED_HOSTS allows every name.", hint=hint, id="chargeward.E006")
    if settings.DEBUG:
        yield Error("DEBUG is on in production.", hint="Set DEBUG=false, or PRODUCTION=false.", id="chargeward.E007")


def _secret_hint() -> str:
    return (
        "Set SECRET_KEY to a secret of its own, the same on every node, for example the output of "
        "python -c 'import secrets; print(secrets.token_urlsafe(60))'."
    )
