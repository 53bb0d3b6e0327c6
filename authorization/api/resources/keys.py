"""`api-keys`."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from authorization import services
from authorization.api.errors import Conflict
from authorization.api.filters import FlagFilter, IdFilter
from authorization.api.permissions import permission
from authorization.api.resources.base import Checked, Resource
from authorization.api.resources.fields import NameOrPkField
from authorization.api.resources.refusals import writing
from authorization.models import ApiKey
from authorization.services import keys
from locations import ids
from locations.models import ChargeStation

MAX_OVERLAP = int(keys.MAX_OVERLAP.total_seconds()) // 3600  # hours


class StationField(NameOrPkField):
    """A charge station: a number is its primary key, a text its identity or, failing that, the digits of one."""

    def normal(self, data: str) -> str:
        try:
            return ids.identity(data)
        except ids.BadId:
            return ""


class KeySerializer(Checked):
    """Whose a key is cannot be changed: make another one."""

    scope = serializers.SerializerMethodField()  # type: ignore[assignment]

    station = StationField(
        "identity_normal", queryset=ChargeStation.objects.all(), required=False, allow_null=True, default=None
    )
    user = NameOrPkField(
        "username", queryset=get_user_model()._default_manager.all(), required=False, allow_null=True, default=None
    )

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "prefix", "scope", "station", "cpo", "user", "created_at", "expires_at", "revoked_at",
            "last_used_at",
            "limited_at",
        ]  # fmt: skip
        read_only_fields = ["prefix", "created_at", "last_used_at", "limited_at"]

    def get_scope(self, key: ApiKey) -> str:
        return keys.scope_of_key(key)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            if sum(attrs.get(scope) is not None for scope in keys.SCOPES) != 1:
                raise serializers.ValidationError("A key is for one station, one CPO or one user: give one of them.")
            return attrs
        keys.check_change(self.instance, attrs)
        return attrs


class MadeKey(KeySerializer):
    """With the text to put into the header, shown this once."""

    key = serializers.CharField(read_only=True)

    class Meta(KeySerializer.Meta):
        fields = [*KeySerializer.Meta.fields, "key"]


class KeyFilter(filters.FilterSet):  # type: ignore[misc]
    station = IdFilter()
    cpo = IdFilter()
    user = IdFilter()
    prefix = filters.CharFilter()
    revoked = FlagFilter(method="is_revoked")

    def is_revoked(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return queryset.filter(revoked_at__isnull=not value)


class Rotation(serializers.Serializer[Any]):
    """How long the old key keeps working beside the new one."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=MAX_OVERLAP, default=24)


class ApiKeys(Resource):
    """Creating answers `key` as well: the text to put into the header, shown this once."""

    queryset = ApiKey.objects.all()
    serializer_class = KeySerializer
    filterset_class = KeyFilter
    search_fields = ["name", "prefix"]
    untagged = ("last_used_at", "limited_at")

    @extend_schema(responses={201: MadeKey})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            values = dict(serializer.validated_data)
            values.pop("revoked_at", None)
            key, text = services.create_key(**values)
        return self.shown(key, status.HTTP_201_CREATED, key=text)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Refused from now on."""
        with writing():
            key = self.get_object()
            services.revoke(key)
        return self.shown(key)

    @extend_schema(request=Rotation, responses={201: MadeKey})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """A new key in the place of this one, which works on for `overlap_hours` and then expires."""
        with writing():
            old = self.get_object()
            if not self.scope.may(permission(self, "add")):
                raise PermissionDenied
            rotation = Rotation(data=request.data)
            rotation.is_valid(raise_exception=True)
            overlap = timedelta(hours=rotation.validated_data["overlap_hours"])
            try:
                key, text = services.rotate(old, overlap, timezone.now())
            except services.KeyIsOver as error:
                raise Conflict(str(error), "key_is_over") from None
        return self.shown(key, status.HTTP_201_CREATED, key=text)
