"""`api-keys`."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from authorization import services
from authorization.api.resources.base import Checked, FlagFilter, IdFilter, Resource
from authorization.api.resources.fields import NameOrPkField
from authorization.api.resources.refusals import writing
from authorization.models import ApiKey
from locations import ids
from locations.models import ChargeStation

SCOPES = ("station", "cpo", "user")


class StationField(NameOrPkField):
    """A charge station: a number is its primary key, a text its identity or, failing that, the digits of one."""

    def normal(self, data: str) -> str:
        try:
            return ids.identity(data)
        except ids.BadId:
            return ""


class KeySerializer(Checked):
    """Whose a key is cannot be changed: make another one."""

    station = StationField(
        "identity_normal", queryset=ChargeStation.objects.all(), required=False, allow_null=True, default=None
    )
    user = NameOrPkField(
        "username", queryset=get_user_model()._default_manager.all(), required=False, allow_null=True, default=None
    )

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "prefix", "station", "cpo", "user", "created_at", "expires_at", "revoked_at", "last_used_at",
        ]  # fmt: skip
        read_only_fields = ["prefix", "created_at", "last_used_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            if sum(attrs.get(scope) is not None for scope in SCOPES) != 1:
                raise serializers.ValidationError("A key is for one station, one CPO or one user: give one of them.")
            return attrs
        for scope in SCOPES:
            if scope in attrs and attrs[scope] != getattr(self.instance, scope):
                raise serializers.ValidationError({scope: "Whose a key is cannot be changed: make another one."})
        if getattr(self.instance, "revoked_at", None) and attrs.get("revoked_at", True) is None:
            raise serializers.ValidationError({"revoked_at": "A revoked key stays revoked: make another one."})
        return attrs


class KeyFilter(filters.FilterSet):  # type: ignore[misc]
    station = IdFilter()
    cpo = IdFilter()
    user = IdFilter()
    prefix = filters.CharFilter()
    revoked = FlagFilter(method="is_revoked")

    def is_revoked(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return queryset.filter(revoked_at__isnull=not value)


class ApiKeys(Resource):
    """Creating answers `key` as well: the text to put into the header, shown this once."""

    queryset = ApiKey.objects.all()
    serializer_class = KeySerializer
    filterset_class = KeyFilter
    search_fields = ["name", "prefix"]

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            values = dict(serializer.validated_data)
            values.pop("revoked_at", None)
            key, text = services.create_key(**values)
        return Response({**self.get_serializer(key).data, "key": text}, status=status.HTTP_201_CREATED)

    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        with writing():
            key = self.get_object()
            services.revoke(key)
        return Response(self.get_serializer(key).data)
