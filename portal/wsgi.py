"""The WSGI application that granian serves."""

import io
import os
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("DATABASE_POOL_TIMEOUT", "2")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from authorization.cache.guard import Guard
from portal.charging import PATHS, ChargingHandler
from portal.folders import count_in
from portal.traces import start

MAX_BODY = 8 * 1024 * 1024  # bytes, as DATA_UPLOAD_MAX_MEMORY_SIZE
# Before anything that counts is imported.
count_in(settings.METRICS_FOLDER)
# The follower's start takes as long as ours, and nobody is answered from the copy without one: both start at once.
Guard(settings.CACHE_FOLDER, settings.BASE_DIR / "manage.py").start()
# Before Django reads which middleware there is.
_traced = start("web")
_django = get_wsgi_application()


def _answer_questions() -> Callable[..., Iterable[bytes]]:
    """Only now: they need the apps to be loaded."""
    with_front = import_module("portal.front").with_front
    import_module("portal.web_node").answer_from_the_copy()
    if not _traced:
        return cast(Callable[..., Iterable[bytes]], with_front(ChargingHandler()))
    spans = import_module("portal.traces.spans")
    spans.note_decisions()
    return cast(Callable[..., Iterable[bytes]], spans.Asked(with_front(spans.behind(ChargingHandler()))))


_charging = _answer_questions()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django's, which takes a body without a Content-Length for none: one sent in chunks is counted here first."""
    if (
        "HTTP_TRANSFER_ENCODING" in environ
        and "chunked" in environ["HTTP_TRANSFER_ENCODING"].lower()
        and not environ.get("CONTENT_LENGTH")
    ):
        body = environ["wsgi.input"].read(MAX_BODY + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    if environ.get("PATH_INFO", "").startswith(PATHS):
        return _charging(environ, start_response)
    return _django(environ, start_response)
