"""`exceptions`."""

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from authorization.access import sees_owned
from authorization.api.filters import FlagFilter, IdFilter
from authorization.api.resources.base import Resource
from authorization.api.resources.fields import LocalDateTime, PkField
from authorization.api.resources.groups import SIDES
from authorization.api.resources.owned import OWNERS, OwnedSerializer
from authorization.models import Action, ChargeException, Direction
from authorization.models import ExceptionGroup as Group
from locations.access import visible_to, with_sub_cpos


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
        """A CPO says who may charge at its places, an eMSP where its cards may: nobody the other way round."""
        owner = {name: self._id_of(attrs, name) for name in OWNERS}
        cpo, emsp = owner["owner_cpo"], owner["owner_emsp"]
        side, direction = ("cpo", Direction.EMSP_FOR_CPO) if cpo is not None else ("emsp", Direction.CPO_FOR_EMSP)
        if attrs.get("direction", getattr(self.instance, "direction", None)) != direction:
            text = f"An exception of {'a CPO' if cpo is not None else 'an eMSP'} has the direction {direction.value}."
            raise serializers.ValidationError({"direction": text}, "other_side")
        field = f"{side}_groups"
        groups = attrs[field] if field in attrs else getattr(self.instance, field).all()
        own = with_sub_cpos({cpo}) if cpo is not None else {emsp}
        if any(getattr(group, f"owner_{side}_id") not in own for group in groups):
            text = "On its own side an exception takes groups of its owner alone; global ones stand on the other side."
            raise serializers.ValidationError({field: text}, "other_side")

    def _id_of(self, attrs: dict[str, Any], name: str) -> int | None:
        if f"{name}_id" in attrs:
            return int(attrs[f"{name}_id"])
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
