"""The WSGI application that granian serves."""

import io
import os
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("DATABASE_POOL_TIMEOUT", "2")

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

MAX_BODY = 8 * 1024 * 1024  # bytes, as DATA_UPLOAD_MAX_MEMORY_SIZE
CHARGING = "/api/v1/authorize"
_django = get_wsgi_application()


class ChargingHandler(WSGIHandler):
    """Django's, without the middleware that only browsers need: sessions, messages, history of edits."""

    def load_middleware(self, is_async: bool = False) -> None:
        everything = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.CHARGING_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = everything


_charging = ChargingHandler()
# Only now: it needs the apps to be loaded.
import_module("portal.web_node").answer_from_the_copy()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django's, which takes a body without a Content-Length for none: one sent in chunks is counted here first."""
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(MAX_BODY + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    if environ.get("PATH_INFO", "").startswith(CHARGING):
        return _charging(environ, start_response)
    return _django(environ, start_response)
