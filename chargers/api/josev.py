"""`josev`: Josev's authorization messages over HTTP."""

from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from authorization import clock
from authorization.api import errors
from authorization.api.authentication import ApiKeyAuthentication
from authorization.api.charging import ChargingView, caller_of, ready
from chargers import josev
from chargers.models import Via
from chargers.services import messages

_FRAME: dict[str, Any] = {
    "id": serializers.UUIDField(),
    "name": serializers.CharField(help_text="authorization"),
    "type": serializers.CharField(help_text="request, update or response"),
}


class JosevView(ChargingView):
    """POST: a `request` is answered by the `response` of its id, an `update` is recorded."""

    endpoint = "josev"

    def get_authenticators(self) -> list[BaseAuthentication]:
        # What it begins is kept in the database, so nothing is gained by knowing keys without it.
        return [ApiKeyAuthentication()]

    @extend_schema(
        request=inline_serializer("JosevMessage", {**_FRAME, "data": serializers.DictField()}),
        responses={
            200: inline_serializer("JosevResponse", {**_FRAME, "data": serializers.DictField()}),
            204: OpenApiResponse(description="An update, recorded."),
        },
        examples=[
            OpenApiExample(
                "A card at a charging point",
                {
                    "id": "57828133-8cfe-477d-b829-0b60aff90c2a",
                    "name": "authorization",
                    "type": "request",
                    "data": {"evse_id": "NL*GFX*E123456", "id_token": "04A2B3C4D5E680", "token_type": "ISO14443"},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        message = josev.read(self.body(request))
        taken = messages.take(message, caller_of(request), clock.now(), Via.REST)
        if message.type == "update":
            return HttpResponse(status=204)
        return ready(orjson.dumps(josev.response(message.id, taken.status)))

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, josev.BadMessage):
            exc = errors.Problem(exc.detail, exc.code)
        return super().handle_exception(exc)
