"""`subscriptions`: an Admin's. The token that a partner pulls with is in the answer that made it, and nowhere else."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.filters import FlagFilter, NormalFilter
from authorization.api.resources.base import Checked, Resource
from authorization.api.resources.keys import Rotation
from authorization.api.resources.refusals import writing
from subscriptions import services
from subscriptions.models import Module, PullToken, Role, Subscription


class PullTokenSerializer(serializers.ModelSerializer[PullToken]):
    class Meta:
        model = PullToken
        fields = ["id", "prefix", "created_at", "expires_at", "last_used_at"]
        read_only_fields = fields


class SubscriptionSerializer(Checked):
    """Who a partner is cannot be changed: make another one."""

    to_many = ("cpos", "emsps")
    modules = serializers.MultipleChoiceField(choices=Module.choices, required=False)
    tokens = PullTokenSerializer(many=True, read_only=True)

    class Meta:
        model = Subscription
        fields = [
            "id", "name", "country_code", "party_id", "role", "all_cpos", "cpos", "emsps", "modules", "enabled",
            "sends_base64", "created_at", "tokens",
        ]  # fmt: skip
        read_only_fields = ["sends_base64", "created_at"]

    def validate_modules(self, given: set[str]) -> list[str]:
        return [module.value for module in Module if module.value in given]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for field in ("country_code", "party_id", "role"):
            stays = getattr(self.instance, field) if isinstance(self.instance, Subscription) else None
            if stays is not None and attrs.get(field, stays).upper() != stays:
                raise serializers.ValidationError({field: "Who the partner is stays: make another subscription."})
        return attrs


class MadeSubscription(SubscriptionSerializer):
    """With the text that the partner puts into its header, shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(SubscriptionSerializer.Meta):
        fields = [*SubscriptionSerializer.Meta.fields, "token"]


class SubscriptionFilter(filters.FilterSet):  # type: ignore[misc]
    country_code = NormalFilter(str.upper)
    party_id = NormalFilter(str.upper)
    role = filters.ChoiceFilter(choices=Role.choices)
    enabled = FlagFilter()


class TokenRotation(Rotation):
    """How long the old token keeps working beside the new one."""


class Subscriptions(Resource):
    """Partner platforms: whose places and tokens each of them may see. Creating answers `token` as well: the text for
    the partner's header, shown this once. `enabled: false` pauses a partner."""

    admins_only = True
    queryset = Subscription.objects.prefetch_related("cpos", "emsps", "tokens")
    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionFilter
    search_fields = ["name", "country_code", "party_id"]
    untagged = ("tokens", "sends_base64")

    @extend_schema(responses={201: MadeSubscription})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            made: Any = serializer.save()
            text = services.issue(made)
        return self.shown(self.get_queryset().get(pk=made.pk), status.HTTP_201_CREATED, token=text)

    @extend_schema(request=TokenRotation, responses={201: MadeSubscription})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """A new token; those in force work on for `overlap_hours` and then expire."""
        with writing():
            subscription = self.get_object()
            rotation = TokenRotation(data=request.data)
            rotation.is_valid(raise_exception=True)
            overlap = timedelta(hours=rotation.validated_data["overlap_hours"])
            text = services.rotate(subscription, overlap, timezone.now())
        return self.shown(self.get_queryset().get(pk=subscription.pk), status.HTTP_201_CREATED, token=text)
