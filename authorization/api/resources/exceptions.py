"""`exceptions`."""

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from authorization.api.resources.base import Checked, FlagFilter, IdFilter, Resource
from authorization.api.resources.fields import PkField
from authorization.api.resources.groups import SIDES
from authorization.models import Action, ChargeException, Direction
from authorization.models import ExceptionGroup as Group


def side_field(side: str) -> Any:
    """At least one group of this side, by primary key."""
    messages: Any = {"does_not_exist": f'There is no group "{{pk_value}}" of the {side.upper()} side.'}
    groups = Group.objects.filter(category__in=SIDES[side])
    return PkField(many=True, queryset=groups, allow_empty=False, error_messages=messages)


class ExceptionSerializer(Checked):
    cpo_groups = side_field("cpo")
    emsp_groups = side_field("emsp")
    to_many = ("cpo_groups", "emsp_groups")

    class Meta:
        model = ChargeException
        fields = [
            "id", "name", "notes", "enabled", "action", "direction", "valid_from", "valid_until", "cpo_groups",
            "emsp_groups", "owner_cpo", "owner_emsp",
        ]  # fmt: skip


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
    return ExceptionSerializer().fields["valid_from"].to_internal_value(value)


class Exceptions(Resource):
    queryset = ChargeException.objects.prefetch_related("cpo_groups", "emsp_groups")
    serializer_class = ExceptionSerializer
    filterset_class = ExceptionFilter
    search_fields = ["name", "notes"]
