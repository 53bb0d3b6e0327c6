"""`exception-groups` and their members."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.filters import IdFilter
from authorization.api.resources.base import Resource
from authorization.api.resources.fields import id_list
from authorization.api.resources.lists import TOKEN_FIELDS, auth_id_list, represent, represent_rows
from authorization.api.resources.owned import OwnedSerializer
from authorization.api.resources.refusals import writing
from authorization.models import ExceptionGroup as Group
from authorization.models import GroupMember
from authorization.services.groups import MEMBER_MODELS, change_members, members_shown
from authorization.services.ownership import SIDES
from authorization.services.tags import members_tag
from locations.access import managed_by

MEMBER_FIELDS: dict[str, tuple[str, ...]] = {
    "cpo": ("id", "name", "country_code", "party_id"),
    "location": ("id", "name", "location_id", "cpo"),
    "emsp": ("id", "name", "country_code", "party_id"),
    "customer": ("id", "name", "external_id"),
    "driver": ("id", "name", "external_id"),
    "token": TOKEN_FIELDS,
}


class GroupSerializer(OwnedSerializer):
    side = serializers.ReadOnlyField()

    class Meta:
        model = Group
        fields = ["id", "name", "notes", "category", "side", "owner_cpo", "owner_emsp"]

    def validate_category(self, category: str) -> str:
        if isinstance(self.instance, Group) and category != self.instance.category:
            raise serializers.ValidationError("The category of a group cannot be changed.", "immutable")
        return category


class GroupFilter(filters.FilterSet):  # type: ignore[misc]
    category = filters.ChoiceFilter(choices=Group.Category.choices)
    side = filters.ChoiceFilter(choices=[("cpo", "cpo"), ("emsp", "emsp")], method="of_side")
    owner_cpo = IdFilter()
    owner_emsp = IdFilter()

    def of_side(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(category__in=SIDES[value])


class MembersChange(serializers.Serializer[Any]):
    add = id_list()
    remove = id_list()
    add_auth_ids = auth_id_list()


class MembersChanged(serializers.Serializer[Any]):
    """added, removed: how many came and went; count: members afterwards."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    count = serializers.IntegerField()


class MemberSerializer(serializers.Serializer[Any]):
    """The fields depend on the group's category. What the user may not see is null."""

    id = serializers.IntegerField()
    name = serializers.CharField(required=False, allow_null=True)
    country_code = serializers.CharField(required=False, allow_null=True)
    party_id = serializers.CharField(required=False, allow_null=True)
    location_id = serializers.CharField(required=False, allow_null=True)
    cpo = serializers.IntegerField(required=False, allow_null=True)
    external_id = serializers.CharField(required=False, allow_null=True)
    auth_id = serializers.CharField(required=False, allow_null=True)
    uid = serializers.CharField(required=False, allow_null=True)
    type = serializers.CharField(required=False, allow_null=True)
    external = serializers.BooleanField(required=False, allow_null=True)


class ExceptionGroups(Resource):
    queryset = Group.objects.all()
    serializer_class = GroupSerializer
    filterset_class = GroupFilter
    search_fields = ["name", "notes"]

    @extend_schema(methods=["GET"], responses=MemberSerializer(many=True), filters=False)
    @extend_schema(methods=["POST"], request=MembersChange, responses=MembersChanged)
    @action(detail=True, methods=["get", "post"])
    def members(self, request: Request, pk: str) -> Response:
        """GET: pages of members, as objects of the category. POST: a MembersChange, whole or not at all. The `ETag` is
        of the members, on whichever page."""
        if request.method != "POST":
            group = self.get_object()
            # Before the members are read: a tag that is too old is refused, one that is too new hides a change. And who
            # uses a global group need not know when it changes.
            own = managed_by(self.scope, Group.objects.filter(pk=group.pk)).exists()
            tag = members_tag(group) if own else ""
            response = self._members(group)
            if tag:
                response["ETag"] = tag
            return response
        with writing():
            group = self.get_object()
            change = MembersChange(data=request.data)
            change.is_valid(raise_exception=True)
            done = change_members(group, scope=self.scope, **change.validated_data)
            tag = members_tag(group)
        shown = {"added": done.added, "removed": done.removed, "count": done.count}
        return Response(shown, headers={"ETag": tag})

    def present_tag(self, instance: Group) -> str:
        return members_tag(instance) if self.action == "members" else super().present_tag(instance)

    def _members(self, group: Group) -> Response:
        category, fields = group.category, MEMBER_FIELDS[group.category]
        rows = GroupMember.objects.filter(group=group)
        if self.scope.everything:
            objects = MEMBER_MODELS[category]._default_manager.filter(pk__in=rows.values(f"{category}_id"))
            page: Any = self.paginate_queryset(objects.order_by("pk"))
            return self.get_paginated_response([represent(row, fields) for row in page or []])
        rows = members_shown(group, self.scope)
        page = self.paginate_queryset(rows.select_related(category))
        return self.get_paginated_response(represent_rows(page or [], category, fields, self.scope))
