"""`subscriptions`: an Admin's. The token that a partner pulls with is in the answer that made it, and nowhere else."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.filters import FlagFilter, NormalFilter
from authorization.api.resources.base import Checked
from authorization.api.resources.keys import Rotation
from authorization.api.resources.refusals import writing
from subscriptions import services
from subscriptions.api.push import Endpoints, EndpointState, PushActions, set_up
from subscriptions.models import Module, PullToken, Role, Subscription
from subscriptions.push import endpoints
from subscriptions.push.standing import standing


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
    push_endpoints = Endpoints(
        source="endpoints",
        required=False,
        help_text="Where each module is pushed to. Modules that are not named stay as they are.",
    )
    push_token = serializers.CharField(
        write_only=True, required=False, trim_whitespace=False, help_text="What we authenticate with; never shown."
    )
    push = serializers.SerializerMethodField()
    registered_at = serializers.DateTimeField(
        source="access.registered_at", read_only=True, allow_null=True, default=None
    )
    # Made by what was just written, to be shown this once.
    made_secret: str | None = None

    class Meta:
        model = Subscription
        fields = [
            "id", "name", "country_code", "party_id", "role", "all_cpos", "cpos", "emsps", "modules", "enabled",
            "sends_base64", "created_at", "tokens", "push_endpoints", "push_token", "push",
            "registered_at",
        ]  # fmt: skip
        read_only_fields = ["sends_base64", "created_at"]

    @extend_schema_field(EndpointState(many=True))
    def get_push(self, subscription: Subscription) -> list[dict[str, Any]]:
        return list(EndpointState(standing(subscription), many=True).data)

    def write(self, instance: Any, values: dict[str, Any]) -> Any:
        push = {"push_endpoints": values.pop("endpoints", None), "push_token": values.pop("push_token", None)}
        resumes = bool(instance.pk) and not instance.enabled and values.get("enabled", False)
        saved = super().write(instance, values)
        if resumes:
            endpoints.resume(saved)
        if any(value is not None for value in push.values()):
            self.made_secret = set_up(saved, push)
        return saved

    def validate_modules(self, given: set[str]) -> list[str]:
        return [module.value for module in Module if module.value in given]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for field in ("country_code", "party_id", "role"):
            stays = getattr(self.instance, field) if isinstance(self.instance, Subscription) else None
            if stays is not None and attrs.get(field, stays).upper() != stays:
                raise serializers.ValidationError({field: "Who the partner is stays: make another subscription."})
        return attrs


class MadeSubscription(SubscriptionSerializer):
    """With the text that the partner puts into its header, and the secret of our signatures, shown this once."""

    token = serializers.CharField(read_only=True)
    signing_secret = serializers.CharField(read_only=True, required=False)

    class Meta(SubscriptionSerializer.Meta):
        fields = [*SubscriptionSerializer.Meta.fields, "token", "signing_secret"]


class SubscriptionFilter(filters.FilterSet):  # type: ignore[misc]
    country_code = NormalFilter(str.upper)
    party_id = NormalFilter(str.upper)
    role = filters.ChoiceFilter(choices=Role.choices)
    enabled = FlagFilter()


class TokenRotation(Rotation):
    """How long the old token keeps working beside the new one."""


class Subscriptions(PushActions):
    """Partner platforms: whose places and tokens each of them may see, and where they are pushed. Creating answers
    `token` as well, the text for the partner's header, and the first endpoint `signing_secret`: each is shown this
    once. `enabled: false` pauses a partner."""

    admins_only = True
    queryset = Subscription.objects.select_related("access").prefetch_related("cpos", "emsps", "tokens", "endpoints")
    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionFilter
    search_fields = ["name", "country_code", "party_id"]
    untagged = ("tokens", "sends_base64", "push")

    @extend_schema(responses={201: MadeSubscription})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            made: Any = serializer.save()
            text = services.issue(made)
        return self._made(made, serializer, status.HTTP_201_CREATED, token=text)

    @extend_schema(responses=MadeSubscription)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
            serializer.is_valid(raise_exception=True)
            serializer.save()
        return self._made(serializer.instance, serializer, status.HTTP_200_OK)

    def _made(self, made: Any, serializer: Any, code: int, **more: str) -> Response:
        """As it is now, with what is shown this once."""
        secret = {"signing_secret": serializer.made_secret} if serializer.made_secret else {}
        return self.shown(self.get_queryset().get(pk=made.pk), code, **more, **secret)

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
