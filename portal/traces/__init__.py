"""Traces, where OTEL_EXPORTER_OTLP_ENDPOINT is set: requests, tasks, what they ask of servers. Without it nothing of
OpenTelemetry is imported. Each process begins for itself, after it was forked: a thread that sends does not survive it.
"""

import logging
from importlib import import_module
from importlib.util import find_spec

from django.conf import settings

logger = logging.getLogger(__name__)


def installed() -> bool:
    """Whether the extra `traces` is."""
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None


def prepare() -> None:
    """Reads the library where it is wanted, and begins nothing."""
    if settings.TRACES and installed():
        import_module("portal.traces.process")


def start(part: str) -> bool:
    """Begins in this process; whether it did. part: "web" or "worker". Whatever is wrong with the settings, the process
    goes on."""
    if not settings.TRACES:
        return False
    if not installed():
        logger.warning("There are no traces: opentelemetry is not installed, `manage.py check` says how")
        return False
    try:
        import_module("portal.traces.process").start(part)
    except Exception:
        logger.exception("There are no traces of this process")
        return False
    return True


def stop() -> None:
    """Sends what is left, for a moment."""
    import_module("portal.traces.process").stop()
