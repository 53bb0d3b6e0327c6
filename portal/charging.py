"""How a charger's question gets to its view: past all that only browsers need."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIHandler, get_script_name
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import ResolverMatch, resolve, set_script_prefix

from portal.headers import https_required

PATHS = "/api/v1/authorize"
HSTS = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"


class ChargingHandler(WSGIHandler):
    """Django's, without sessions, forms, and the signals about a thread's database connection.

    Nothing behind it asks the database in the request's own thread.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        everything = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.CHARGING_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = everything

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        match = _resolved(request.path_info)
        request.resolver_match = match
        return match

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        set_script_prefix(get_script_name(environ))
        response: Any = self.get_response(self.request_class(environ))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]


@lru_cache(maxsize=64)
def _resolved(path: str) -> ResolverMatch:
    return resolve(path)


class ChargingMiddleware:
    """What the middleware of browsers' pages sees to and chargers need as well: hosts, HTTPS, and plain headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._refusal(request) or self.get_response(request)
        headers = response.headers
        headers["Content-Length"] = str(len(response.content))
        headers["X-Content-Type-Options"] = "nosniff"
        if settings.PRODUCTION:
            headers["Strict-Transport-Security"] = HSTS
        return response

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        try:
            request.get_host()
        except DisallowedHost:
            return JsonResponse(
                {"code": "bad_request", "detail": "The server does not answer to this name."}, status=400
            )
        if settings.PRODUCTION and not request.is_secure():
            # No redirect: the key has been sent in the clear already, and a client that follows never learns of it.
            return https_required()
        return None
