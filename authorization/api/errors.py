"""Every error of the API is `{"code": "...", "detail": "..."}`; one about fields adds `errors: {field: [sentence]}`."""

import logging
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, connection
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from authorization.limits import TooManyUnknown

logger = logging.getLogger(__name__)


class Problem(exceptions.APIException):
    """400 with a code of its own."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"


class Conflict(exceptions.APIException):
    """409: the request is well formed, but the state of other objects forbids it."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "Another object forbids this."


class Stale(exceptions.APIException):
    """412: somebody changed the object after the caller read it."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"
    default_detail = "This object was changed since you read it. Read it again, and decide anew."


class TooLarge(exceptions.APIException):
    """413."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large."


class WrongKey(exceptions.PermissionDenied):
    """403: a good key, of a kind that may not ask this."""

    default_code = "wrong_key"
    default_detail = "A key of this kind may not ask this."


class Unavailable(exceptions.APIException):
    """503: there is no answer now, and none is made up."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The rules cannot be read now. Try again in a moment."
    wait = 1


class TooManyUnknownTokens(exceptions.Throttled):
    """429: a key asks about one unknown token after another."""

    default_code = "too_many_unknown_tokens"

    def __init__(self, wait: float) -> None:
        self.wait = max(1, ceil(wait))
        exceptions.APIException.__init__(
            self, f"This key asked about too many unknown tokens. Ask again in {self.wait} s.", self.default_code
        )


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None, Django's 500, is left for mistakes of ours in the management API."""
    exc = as_api_exception(exc)
    if not isinstance(exc, exceptions.APIException):
        return None
    headers = {}
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
    if getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(exc.wait))  # type: ignore[attr-defined]
    if connection.connection is not None:
        set_rollback()
    return Response(body(exc), status=exc.status_code, headers=headers)


def as_api_exception(exc: Exception) -> Exception:
    """What an error means to the caller; the error itself where nobody foresaw it."""
    match exc:
        case TooManyUnknown(wait=wait):
            return TooManyUnknownTokens(wait)
        case Http404():
            return exceptions.NotFound("There is no such object.")
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case IntegrityError():
            return Conflict()
        case DataError():
            return Problem("A value is too long, or out of range.")
        case OperationalError() | InterfaceError():
            logger.warning("The database did not answer: %s", exc)
            return Unavailable()
        case DatabaseError():
            logger.exception("The database refused a statement")
            return Unavailable()
    return exc


def body(exc: exceptions.APIException) -> dict[str, Any]:
    """What is said of an error: one code, one sentence, and the fields where it is about fields."""
    if isinstance(exc, exceptions.ValidationError):
        errors = exc.detail if isinstance(exc.detail, dict) else {"non_field_errors": exc.detail}
        if isinstance(exc.detail, list) and any(isinstance(item, dict) for item in exc.detail):
            errors = {str(index): item for index, item in enumerate(exc.detail) if item}
        return {"code": _first_code(exc.get_codes()), "detail": _first_sentence(errors), "errors": errors}
    code = exc.get_codes()
    return {"code": code if isinstance(code, str) else "error", "detail": str(exc.detail)}


def _first_code(codes: Any) -> str:
    while isinstance(codes, dict | list):
        codes = next((code for code in (codes.values() if isinstance(codes, dict) else codes) if code), "invalid")
    return str(codes)


def _first_sentence(errors: Any, field: str = "") -> str:
    if isinstance(errors, dict):
        name, inner = next(iter(errors.items()), ("", ""))
        return _first_sentence(inner, field if name == "non_field_errors" else f"{field}.{name}".strip("."))
    if isinstance(errors, list):
        index, inner = next(((i, item) for i, item in enumerate(errors) if item), (0, ""))
        return _first_sentence(inner, f"{field}[{index}]" if isinstance(inner, dict) else field)
    return f"{field}: {errors}" if field else str(errors)
