"""`Authorization: Token <key>`: a charge station's, a CPO's, or a portal user's key."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from authorization import clock
from authorization.services import charging
from authorization.services.keys import Caller, authenticate

SCHEME = 'Token realm="chargeward"'


Lookup = Callable[[str, datetime], Caller | None]


def caller_of(header: str | None, look_up: Lookup = authenticate) -> Caller:
    """The caller named by an Authorization header. Raises AuthenticationFailed (401) where there is none."""
    scheme, _, key = (header or "").partition(" ")
    if not header:
        raise AuthenticationFailed("Send the header `Authorization: Token <key>`.", "not_authenticated")
    if scheme.lower() != "token" or not key.strip():
        raise AuthenticationFailed("The header is to be `Authorization: Token <key>`.", "authentication_failed")
    caller = look_up(key.strip(), clock.now())
    if caller is None:
        raise AuthenticationFailed("This key is not known, has expired, or was revoked.", "authentication_failed")
    return caller


class ApiKeyAuthentication(BaseAuthentication):
    """request.auth is the Caller; request.user its portal user, or nobody for a station's or a CPO's key."""

    def __init__(self, look_up: Lookup = authenticate) -> None:
        self.look_up = look_up

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        header = request._request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        caller = caller_of(header, self.look_up)
        return caller.user or AnonymousUser(), caller

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class KnownToTheStore:
    """A view whose keys are looked up where decisions come from: a question needs no database for its key either."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [ApiKeyAuthentication(lambda key, now: charging.store.caller(key, now))]
