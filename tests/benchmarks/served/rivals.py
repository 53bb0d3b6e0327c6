"""The portal's WSGI application and, served by the same worker, what authorize is compared with.

`/bench/bare`: a Django view with a constant answer and no middleware. `/bench/drf`: a DRF view of authorize's own kind
(its handler, its trimmed base, a header taken for the key, a body parsed) with a constant answer. `/bench/orm`: the
same answer by the ORM in a DRF view with the defaults of DRF and of the admin, as one would write it first.
`/bench/limit`: a constant answer without Django, the most that the server can give. `/view/…`: authorize without its
front.
"""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal import wsgi  # isort: skip - first, for it sets Django up

import orjson
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db.models import Q
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import BaseAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from authorization.api.charging import ready
from authorization.api.parsers import load_json
from authorization.api.trimmed import TrimmedView
from authorization.models import AuthorizationListEntry, ChargeException, Decision, ExceptionGroup
from locations.models import EVSE
from portal.charging import ChargingHandler
from tokens.models import Token

ANSWER = {
    "id": "b1439a28-37a6-4450-87fc-fb0918048b8f", "status": "accepted", "reason": "ALLOWED",
    "message": "This charge token may charge here.", "location_id": "GFX-MARKT", "evse_id": "NL*GFX*E123456",
    "decided_at": "2026-11-21T10:00:00Z", "revision": 4812,
}  # fmt: skip


@csrf_exempt
def bare(request: Any) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json", headers={"Content-Length": "2"})


class TakesAnyKey(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        return None, request._request.META["HTTP_AUTHORIZATION"]


class Constant(TrimmedView):
    authentication_classes = [TakesAnyKey]
    permission_classes: list[Any] = []

    def post(self, request: Any) -> HttpResponse:
        load_json(request._request.read())
        return ready(orjson.dumps(ANSWER))


class PlainOrm(APIView):
    permission_classes: list[Any] = []

    def post(self, request: Any) -> Response:
        evse = EVSE.objects.select_related("location__cpo", "station").get(evse_id=request.data["evse_id"])
        token = (
            Token.objects.select_related("emsp", "customer", "driver")
            .filter(type="RFID", uid_normal=request.data["id_token"])
            .first()
        )
        reason = plain(evse, token, datetime.now(UTC))
        Decision.objects.create(
            request_id="bench", decided_at=datetime.now(UTC), caller="bench", token_type="ISO14443", token=token,
            location=evse.location, place=evse.evse_id, accepted=reason == "ALLOWED", reason=reason, revision=0,
            source="database",
        )  # fmt: skip
        return Response(ANSWER | {"reason": reason})


def plain(evse: EVSE, token: Token | None, now: datetime) -> str:
    """The rows of the contract's table, each by its own queries."""
    place = evse.location
    if evse.station is not None and not evse.station.authorization_required:
        return "FREE_CHARGING"
    if token is None:
        return "UNKNOWN_TOKEN"
    if not token.valid or any(each.blocked for each in (token.emsp, token.customer, token.driver) if each):
        return "TOKEN_BLOCKED"
    if token.expires_at and token.expires_at <= now:
        return "TOKEN_EXPIRED"
    return _admission(place, token, now.astimezone(ZoneInfo(place.time_zone)).replace(tzinfo=None))


def _admission(place: Any, token: Token, local: datetime) -> str:
    cpos, cpo = [], place.cpo
    while cpo is not None:
        cpos.append(cpo)
        cpo = cpo.parent
    here = ExceptionGroup.objects.filter(Q(members__location=place) | Q(members__cpo__in=cpos))
    who = Q(members__token=token) | Q(members__emsp=token.emsp)
    if token.auth_id_normal:
        who |= Q(members__auth_id=token.auth_id_normal)
    if token.customer:
        who |= Q(members__customer=token.customer)
    if token.driver:
        who |= Q(members__driver=token.driver)
    theirs = ExceptionGroup.objects.filter(who)
    active = ChargeException.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=local), Q(valid_until=None) | Q(valid_until__gt=local), enabled=True
    )
    at, of = Q(cpo_groups__in=here), Q(emsp_groups__in=theirs)
    if active.filter(at, of, action="blacklist").exists():
        return "BLACKLISTED"
    white = active.filter(action="whitelist")
    for direction, side, reason in (
        ("emsp_for_cpo", at, "NOT_WHITELISTED_AT_LOCATION"),
        ("cpo_for_emsp", of, "TOKEN_TIED_ELSEWHERE"),
    ):
        if white.filter(side, direction=direction).exists() and not white.filter(at, of, direction=direction).exists():
            return reason
    entries = AuthorizationListEntry.objects.filter(location=place)
    if entries.exists():
        names = Q(token=token) | Q(customer=token.customer, customer__isnull=False)
        names |= Q(auth_id=token.auth_id_normal, auth_id__isnull=False)
        return "ALLOWED" if entries.filter(names).exists() else "NOT_ON_AUTHORIZATION_LIST"
    return "ALLOWED" if place.published else "LOCATION_NOT_PUBLISHED"


urlpatterns = [
    path("bench/bare", bare),
    path("bench/drf", Constant.as_view()),
    path("bench/orm", PlainOrm.as_view()),
]


class BenchRequest(WSGIRequest):
    def __init__(self, environ: Any) -> None:
        super().__init__(environ)
        self.urlconf = __name__  # on the request itself: a middleware makes it one of another class


class BenchCharging(ChargingHandler):
    request_class = BenchRequest
    resolve_request = WSGIHandler.resolve_request  # type: ignore[assignment]


class BenchDjango(WSGIHandler):
    request_class = BenchRequest


class WithoutMiddleware(BenchDjango):
    def load_middleware(self, is_async: bool = False) -> None:
        kept, settings.MIDDLEWARE = settings.MIDDLEWARE, []
        super().load_middleware(is_async)
        settings.MIDDLEWARE = kept


_handlers: dict[str, Any] = {
    "/bench/bare": WithoutMiddleware(),
    "/bench/drf": BenchCharging(),
    "/bench/orm": BenchDjango(),
}


_view = ChargingHandler()


def _by_the_view(environ: dict[str, Any], start_response: Any) -> Any:
    return _view(environ | {"PATH_INFO": environ["PATH_INFO"].removeprefix("/view")}, start_response)


_CONSTANT = json.dumps(ANSWER).encode()
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_CONSTANT)))]


def _limit(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", _HEADERS)
    return [_CONSTANT]


_handlers |= {
    "/bench/limit": _limit,
    "/view/api/v1/authorize": _by_the_view,
    "/view/api/v1/authorize/batch": _by_the_view,
}


def application(environ: dict[str, Any], start_response: Any) -> Any:
    return _handlers.get(environ["PATH_INFO"], wsgi.application)(environ, start_response)
