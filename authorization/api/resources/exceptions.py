"""`exceptions`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from authorization.access import sees_owned
from authorization.api.filters import FlagFilter, IdFilter
from authorization.api.resources.base import Resource
from authorization.api.resources.fields import LocalDateTime, PkField
from authorization.api.resources.owned import OwnedSerializer
from authorization.api.resources.refusals import details
from authorization.models import Action, ChargeException, Direction
from authorization.models import ExceptionGroup as Group
from authorization.services.ownership import SIDES, Owner, restrict_own_side_only
from locations.access import visible_to


def side_field(side: str) -> Any:
    """At least one group of this side, by primary key."""
    messages: Any = {"does_not_exist": f'There is no group "{{pk_value}}" of the {side.upper()} side.'}
    groups = Group.objects.filter(category__in=SIDES[side])
    return PkField(many=True, queryset=groups, allow_empty=False, error_messages=messages, rule=visible_to)


class ExceptionSerializer(OwnedSerializer):
    cpo_groups = side_field("cpo")
    emsp_groups = side_field("emsp")
    to_many = ("cpo_groups", "emsp_groups")

    class Meta:
        model = ChargeException
        fields = [
            "id", "name", "notes", "enabled", "action", "direction", "valid_from", "valid_until", "cpo_groups",
            "emsp_groups", "owner_cpo", "owner_emsp",
        ]  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if not self.scope.everything and set(attrs) & {"action", "direction", *self.to_many}:
            self._restrict_own_side_only(attrs)
        return attrs

    def _restrict_own_side_only(self, attrs: dict[str, Any]) -> None:
        owner = Owner(self._id_of(attrs, "owner_cpo"), self._id_of(attrs, "owner_emsp"))
        field = f"{owner.side}_groups"
        groups = attrs[field] if field in attrs else getattr(self.instance, field).all()
        direction = attrs.get("direction", getattr(self.instance, "direction", None))
        try:
            restrict_own_side_only(owner, direction, groups)
        except ValidationError as error:
            raise serializers.ValidationError(details(error)) from None

    def _id_of(self, attrs: dict[str, Any], name: str) -> int | None:
        if f"{name}_id" in attrs:
            return attrs[f"{name}_id"]  # type: ignore[no-any-return]
        if attrs.get(name) is not None:
            return int(attrs[name].pk)
        found: int | None = getattr(self.instance, f"{name}_id", None)
        return found

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not self.scope.everything:
            # An Admin may have put another party's group into the exception.
            for field in self.to_many:
                shown[field] = [group.pk for group in getattr(instance, field).all() if sees_owned(self.scope, group)]
        return shown


class ExceptionFilter(filters.FilterSet):  # type: ignore[misc]
    action = filters.ChoiceFilter(choices=Action.choices)
    direction = filters.ChoiceFilter(choices=Direction.choices)
    enabled = FlagFilter()
    cpo_group = IdFilter("cpo_groups")
    emsp_group = IdFilter("emsp_groups")
    owner_cpo = IdFilter()
    owner_emsp = IdFilter()
    valid_at = filters.CharFilter(method="in_force")

    def in_force(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Whose period holds this wall-clock time."""
        try:
            at = serializer_time(value)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({name: error.detail}) from None
        return queryset.filter(Q(valid_from=None) | Q(valid_from__lte=at), Q(valid_until=None) | Q(valid_until__gt=at))


def serializer_time(value: str) -> Any:
    return LocalDateTime().to_internal_value(value)


class Exceptions(Resource):
    queryset = ChargeException.objects.prefetch_related("cpo_groups", "emsp_groups")
    serializer_class = ExceptionSerializer
    filterset_class = ExceptionFilter
    search_fields = ["name", "notes"]
