"""How every answer below `/ocpi/` looks, errors too: `{data, status_code, status_message, timestamp}`."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pghistory
import rest_framework.views  # noqa: F401 - first: it loads our parsers, which import it
from django.core.exceptions import ValidationError
from django.db import DataError, Error, IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException

from authorization import clock
from authorization.api.parsers import load_json, read_body
from authorization.limits import TooManyUnknown
from authorization.services import NoRules
from subscriptions import services
from subscriptions.models import Subscription, Version
from subscriptions.services import Sight

logger = logging.getLogger(__name__)
METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
MAX_BODY = 1024 * 1024  # bytes; a CDR of a long charge is the largest
SUCCESS, CLIENT_ERROR, INVALID, NOT_ENOUGH, UNKNOWN_LOCATION, SERVER_ERROR = 1000, 2000, 2001, 2002, 2003, 3000
# Of 2.1.1 no code of its own says that a token is unknown.
UNKNOWN_TOKEN = {Version.V211: INVALID, Version.V221: 2004}
CORRELATION = "X-Correlation-ID"


class Refusal(Exception):
    """An answer other than 1000. By OCPI's text the HTTP status is 200 where the resource exists and the JSON is JSON.

    http: the HTTP status. headers: beside the usual ones.
    """

    def __init__(self, code: int, message: str, http: int = 200, **headers: str) -> None:
        super().__init__(message)
        self.code, self.message, self.http, self.headers = code, message, http, headers


def not_found(what: str = "object", code: int = INVALID) -> Refusal:
    """The same for what is not there and for what is another party's."""
    return Refusal(code, f"There is no such {what}.", 404)


def stamp(at: datetime) -> str:
    """A DateTime of OCPI: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def envelope(
    data: Any = None, code: int = SUCCESS, message: str = "Success", http: int = 200, headers: Any = None
) -> HttpResponse:
    body = {"status_code": code, "status_message": message, "timestamp": stamp(timezone.now())}
    if data is not None:
        body = {"data": data, **body}
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return HttpResponse(orjson.dumps(body), content_type="application/json", status=http, headers=kept)


class OcpiView(View):
    """One address. A method is `get`, `put`, … `(sight, **what the address names)`, and returns data or a response."""

    module = ""
    # Of OCPI; none where an address is of all versions.
    version = ""
    # Whether a method that is not GET is one transaction: what is refused leaves nothing behind.
    whole = True
    sight: Sight
    token: str  # as the partner sent it

    @method_decorator(csrf_exempt)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer = self._answer(request, kwargs)
        except Exception as error:
            said = error if isinstance(error, Refusal) else meaning_of(error)
            answer = envelope(None, said.code, said.message, said.http, said.headers)
        correlation = request.headers.get(CORRELATION, "")
        if self.version == Version.V221 and 0 < len(correlation) <= 100 and correlation.isprintable():
            answer.headers[CORRELATION] = correlation
        return answer

    def _answer(self, request: HttpRequest, named: dict[str, Any]) -> HttpResponse:
        subscription, self.token = _partner(request, self.version or None)
        self.sight = services.sight_of(subscription, self.version or Version.V211)
        if self.module and self.module not in self.sight.subscription.modules:
            raise not_found("module", CLIENT_ERROR)
        handler: Callable[..., Any] | None = getattr(self, (request.method or "").lower(), None)
        if request.method == "HEAD":
            handler = getattr(self, "get", None)
        if handler is None or request.method not in METHODS:
            raise Refusal(CLIENT_ERROR, f"{request.method} is not for this address.", 405, Allow=self._allowed())
        if request.method in ("GET", "HEAD") or not self.whole:
            data = handler(**named)
        else:
            about = {"partner": self.sight.subscription.code, "url": request.path[:500]}
            with pghistory.context(**about), transaction.atomic():
                data = handler(**named)
                _check_deferred_rules()
        return data if isinstance(data, HttpResponse) else envelope(data)

    def _allowed(self) -> str:
        return ", ".join(name.upper() for name in ("get", "put", "patch", "post", "delete") if hasattr(self, name))

    def body(self) -> Any:
        """The parsed body; None where there is none. Raises Refusal."""
        try:
            raw = read_body(self.request, self.request.META.get("CONTENT_LENGTH"), MAX_BODY)  # type: ignore[arg-type]
            return load_json(raw) if raw.strip() else None
        except APIException as error:
            raise Refusal(INVALID, str(error.detail), error.status_code) from None

    def url(self, path: str) -> str:
        """The full address of a path below `/ocpi/`."""
        return self.request.build_absolute_uri(f"/ocpi/{path}")

    def module_url(self, path: str) -> str:
        """The full address of a path of this version."""
        return self.url(f"{self.version}/{path}")


class Nowhere(OcpiView):
    """Every path that is none of the others."""

    def get(self, **_named: Any) -> Any:
        raise not_found("path", CLIENT_ERROR)

    post = put = patch = delete = get


def _partner(request: HttpRequest, version: str | None) -> tuple[Subscription, str]:
    """Whose token it is, and the token."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    now = clock.now()
    found = services.authenticate(text.strip(), now, version) if scheme.lower() == "token" and text.strip() else None
    if found is None:
        wanted = 'Token realm="chargeward"'
        said = "Send the header `Authorization: Token <token>` with a token that is in force."
        if version == Version.V221:
            said += " In OCPI 2.2.1 it is sent in Base64."
        raise Refusal(CLIENT_ERROR, said, 401, **{"WWW-Authenticate": wanted})
    return found, services.plain(text.strip(), found)


def _check_deferred_rules() -> None:
    """Rules that wait for the commit speak now, while there is somebody to tell."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def meaning_of(error: Exception) -> Refusal:
    """What an exception is to the partner. What nobody foresaw is logged, and 503: the partner is to try again."""
    match error:
        case TooManyUnknown(wait=wait):
            said = "Too many unknown tokens were asked about. Ask again later."
            return Refusal(CLIENT_ERROR, said, 429, **{"Retry-After": str(max(1, round(wait)))})
        case ValidationError():
            return Refusal(INVALID, " ".join(error.messages))
        case IntegrityError():
            return Refusal(INVALID, "Another object forbids this: an id is taken, or something needs this one.")
        case DataError():
            return Refusal(INVALID, "A value is too long, or out of range.")
        case NoRules() | Error():
            logger.warning("A partner was not answered: %s", error)
        case _:
            logger.error("A partner was not answered", exc_info=error)
    return Refusal(SERVER_ERROR, "There is no answer now. Try again in a moment.", 503, **{"Retry-After": "1"})
