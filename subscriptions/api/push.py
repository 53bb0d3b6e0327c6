"""Push in the management API: where it goes, how it goes, and what an Admin does about it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.errors import Conflict
from authorization.api.resources.base import Resource
from authorization.api.resources.refusals import writing
from subscriptions.models import Delivery, Module, Subscription
from subscriptions.push import endpoints, registration, standing
from subscriptions.push.discovery import Unusable


class Endpoints(serializers.DictField):
    """module → URL, empty or null for none."""

    child = serializers.CharField(allow_null=True, allow_blank=True, max_length=endpoints.MAX_URL)

    def to_representation(self, value: Any) -> dict[str, Any]:
        return {row.module: row.url for row in value.all()}


class EndpointState(serializers.Serializer[Any]):
    """How pushing to an endpoint goes. state: `on`, `failing`, `off` (the partner answered 410) or `paused`."""

    module = serializers.CharField(source="endpoint.module")
    url = serializers.CharField(source="endpoint.url")
    state = serializers.ChoiceField(choices=list(standing.STATES))
    failures = serializers.IntegerField(source="endpoint.failures", help_text="In a row.")
    failing_since = serializers.DateTimeField(source="endpoint.failing_since", allow_null=True)
    next_at = serializers.DateTimeField(source="endpoint.next_at", allow_null=True)
    answered_at = serializers.DateTimeField(source="endpoint.answered_at", allow_null=True)
    answer = serializers.CharField(source="endpoint.answer")
    waiting = serializers.IntegerField()
    parked = serializers.IntegerField()


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """What a partner was told of an object, or is yet to be told. `object` is its address at the partner's, once it was
    tried."""

    module = serializers.CharField(source="endpoint.module", read_only=True)
    object = serializers.CharField(source="named", read_only=True)

    class Meta:
        model = Delivery
        fields = [
            "id", "module", "object", "state", "attempts", "answer", "since", "next_at", "attempted_at", "delivered_at",
        ]  # fmt: skip
        read_only_fields = fields


class DeliveryFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=Delivery.State.choices)
    module = filters.ChoiceFilter(choices=Module.choices, field_name="endpoint__module")


LOG_FILTERS = [
    OpenApiParameter("state", str, enum=Delivery.State.values),
    OpenApiParameter("module", str, enum=Module.values),
]


class TestRequest(serializers.Serializer[Any]):
    module = serializers.ChoiceField(choices=Module.choices, required=False, help_text="Empty: every endpoint.")


class TestedSerializer(serializers.Serializer[Any]):
    """reached: the partner answered, and lets us in."""

    module = serializers.CharField(source="endpoint.module")
    url = serializers.CharField(source="endpoint.url")
    reached = serializers.BooleanField()
    http = serializers.IntegerField(source="answer.http", allow_null=True)
    status_code = serializers.IntegerField(source="answer.code", allow_null=True)
    answer = serializers.CharField()


class ResendRequest(serializers.Serializer[Any]):
    deliveries = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=1000,
        help_text="Without them: all that are parked.",
    )


class Resent(serializers.Serializer[Any]):
    resent = serializers.IntegerField()


class SigningSecret(serializers.Serializer[Any]):
    signing_secret = serializers.CharField(help_text="Shown this once.")


class Registration(serializers.Serializer[Any]):
    """What the partner gave: where its versions are, and a token (OCPI's A)."""

    url = serializers.CharField(max_length=endpoints.MAX_URL)
    token = serializers.CharField(max_length=64)


class PushActions(Resource):
    """What hangs below a subscription about push."""

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """The partner is sent nothing, and refused. What changes meanwhile is kept for it."""
        return self._switch(endpoints.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Goes on, also to an endpoint that was switched off by a 410."""
        return self._switch(endpoints.resume)

    def _switch(self, how: Any) -> Response:
        with writing():
            subscription = self.get_object()
            how(subscription)
        return self.shown(self.get_queryset().get(pk=subscription.pk))

    @extend_schema(request=None, responses={201: SigningSecret})
    @action(detail=True, methods=["post"], url_path="signing-secret")
    def signing_secret(self, request: Request, pk: str) -> Response:
        """Another secret to sign with. For a day the one before signs beside it."""
        with writing():
            text = endpoints.new_secret(self.get_object(), timezone.now())
        return Response({"signing_secret": text}, status=status.HTTP_201_CREATED)

    @extend_schema(request=Registration)
    @action(detail=True, methods=["post"])
    def register(self, request: Request, pk: str) -> Response:
        """Registers with the partner by OCPI's `credentials`: its endpoints are found from its versions, and tokens are
        exchanged. 409 with what the partner said, where it comes to nothing."""
        with writing():
            subscription = self.get_object()
        given = Registration(data=request.data)
        given.is_valid(raise_exception=True)
        own = request.build_absolute_uri("/ocpi/versions/")
        try:
            registration.register(subscription, given.validated_data["url"], given.validated_data["token"], own)
        except ValidationError as error:
            raise serializers.ValidationError({"url": error.messages}) from None
        except Unusable as error:
            raise Conflict(error.message, f"ocpi_{error.code}") from None
        return self.shown(self.get_queryset().get(pk=subscription.pk))

    @extend_schema(request=TestRequest, responses=TestedSerializer(many=True))
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Asks endpoints for a GET, signed as a delivery would be; nothing changes at the partner's."""
        with writing():
            subscription = self.get_object()
        asked = TestRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        only = asked.validated_data.get("module")
        if only and not subscription.endpoints.filter(module=only).exists():
            raise serializers.ValidationError({"module": "This module has no endpoint."})
        return Response(TestedSerializer(endpoints.try_out(subscription, only), many=True).data)

    @extend_schema(request=ResendRequest, responses=Resent)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Has deliveries sent again, whole; all that are parked, if none is named."""
        with writing():
            subscription = self.get_object()
            asked = ResendRequest(data=request.data)
            asked.is_valid(raise_exception=True)
            count = endpoints.resend(subscription, asked.validated_data.get("deliveries"))
        return Response({"resent": count})

    @extend_schema(responses=DeliverySerializer(many=True), parameters=LOG_FILTERS, filters=False)
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, pk: str) -> Response:
        """The delivery log, the last change first; `?state=` and `?module=` narrow it."""
        rows = Delivery.objects.filter(endpoint__subscription=self.get_object()).select_related("endpoint")
        asked = DeliveryFilter(request.query_params, queryset=rows)
        if not asked.is_valid():
            raise serializers.ValidationError(asked.errors)
        page: Any = self.paginate_queryset(asked.qs.order_by("-since", "-pk"))
        return self.get_paginated_response(DeliverySerializer(page or [], many=True).data)


def set_up(subscription: Subscription, given: dict[str, Any]) -> str | None:
    """endpoints.set_up with what a request gave; the secret to show. Raises serializers.ValidationError."""
    try:
        return endpoints.set_up(subscription, given.get("push_endpoints"), given.get("push_token"))
    except ValidationError as error:
        field = "push_endpoints" if given.get("push_endpoints") else "push_token"
        raise serializers.ValidationError({field: error.messages}) from None
