"""What every request passes first: HTTPS, a body's size before anybody reads it, and the headers of answers."""

from collections.abc import Callable

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

Next = Callable[[HttpRequest], HttpResponseBase]
PROGRAMS = ("/api/", "/ocpi/")
# Whoever watches a node asks it, not the proxy before it.
PROBES = ("/healthz", "/readyz", "/metrics")
PORTAL = "/admin/"
UPLOADS = ("/api/v1/imports", "/api/v1/imports/", "/admin/imports/import/add/")
# What a multipart body has besides its file.
FRAME = 1024 * 1024
# Nothing of a browser's that the portal does not use.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "display-capture", "fullscreen", "geolocation",
        "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb",
    )
)  # fmt: skip
STRICT = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
# The theme's scripts evaluate what stands in attributes, and set styles: below the admin alone.
ADMIN = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class HeadersMiddleware:
    """Before all others but the one that writes the policy."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = _without_https(request) or self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.path_info.startswith(PORTAL):
            response._csp_replace = ADMIN  # type: ignore[attr-defined]
        return response


def _without_https(request: HttpRequest) -> HttpResponse | None:
    """A program is told, not led on: its key has been sent in the clear already, and it would never learn of it.

    Browsers are led on by SecurityMiddleware.
    """
    if not settings.SECURE_SSL_REDIRECT or request.is_secure():
        return None
    carries_a_key = request.path_info in PROBES and "HTTP_AUTHORIZATION" in request.META
    if request.path_info.startswith(PROGRAMS) or carries_a_key:
        return https_required()
    return None


def https_required() -> HttpResponse:
    return JsonResponse({"code": "https_required", "detail": "Use https://."}, status=403)


class SizeMiddleware:
    """After the one that knows the user: files are taken from who is logged in, or sends a key that its view checks."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdecimal() and int(declared) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            limit = _limit(request)
            if int(declared) > limit:
                return _too_large(request, limit)
        return self.get_response(request)


def _limit(request: HttpRequest) -> int:
    """In bytes."""
    may = request.path_info in UPLOADS and ("HTTP_AUTHORIZATION" in request.META or request.user.is_authenticated)
    return settings.IMPORT_MAX_BYTES + FRAME if may else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _too_large(request: HttpRequest, limit: int) -> HttpResponse:
    if request.path_info.startswith(PORTAL):
        said = _("What was sent is too large: %(limit)s MB are taken at most.") % {"limit": limit // 1024**2}
        return refused(request, 413, _("Too large"), said)
    return JsonResponse({"code": "too_large", "detail": f"The body may have {limit} bytes."}, status=413)


def refused(request: HttpRequest, status: int, title: str, said: str) -> HttpResponse:
    """A small page, which costs a hundredth of one in the theme."""
    return HttpResponse(render_to_string("refused.html", {"title": title, "said": said}), status=status)
