"""`users`, `roles`, `grants`: who may use the portal."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from authorization.api.errors import Conflict
from authorization.api.filters import FlagFilter, IdFilter
from authorization.api.resources.base import Checked, Resource
from authorization.api.resources.fields import NameOrPkField, PkField
from locations import access
from locations.models import CPO
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP


class UserSerializer(Checked):
    """Without a password nobody logs in as this user; keys still work. is_staff: may sign in to the portal, which is so
    unless said otherwise."""

    password = serializers.CharField(write_only=True, required=False, max_length=128, trim_whitespace=False)
    roles: Any = NameOrPkField("name", many=True, queryset=Group.objects.all(), source="groups", required=False)
    to_many = ("groups",)

    class Meta:
        model = User
        fields = [
            "id", "username", "email", "first_name", "last_name", "password", "is_active", "is_staff", "is_superuser",
            "roles", "last_login", "date_joined",
        ]  # fmt: skip
        read_only_fields = ["last_login", "date_joined"]

    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create({"is_staff": True} | validated_data)

    def write(self, instance: User, values: dict[str, Any]) -> Any:
        password = values.pop("password", None)
        if password is not None:
            self._check_password(password, instance, values)
            instance.set_password(password)
        elif not instance.password:
            instance.set_unusable_password()
        return super().write(instance, values)

    def _check_password(self, password: str, instance: User, values: dict[str, Any]) -> None:
        names = {name: values.get(name, getattr(instance, name)) for name in ("username", "email")}
        try:
            validate_password(password, User(**names))
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from None


class UserFilter(filters.FilterSet):  # type: ignore[misc]
    username = filters.CharFilter()
    email = filters.CharFilter(lookup_expr="iexact")
    is_active = FlagFilter()
    is_staff = FlagFilter()
    is_superuser = FlagFilter()
    role = IdFilter("groups")


class Users(Resource):
    admins_only = True
    queryset = User.objects.order_by("username").prefetch_related("groups")
    serializer_class = UserSerializer
    filterset_class = UserFilter
    search_fields = ["username", "email", "first_name", "last_name"]
    untagged = ("last_login",)


@extend_schema_field(OpenApiTypes.STR)
class PermissionField(serializers.RelatedField[Any, Any, str]):
    """A permission by its code name, like "tokens.change_token"; the app may be left out where one alone has it."""

    default_error_messages = {"invalid": "There is no such permission.", "ambiguous": "Say of which app."}

    def to_internal_value(self, data: Any) -> Permission:
        if not isinstance(data, str) or "\0" in data or not data.isascii():
            self.fail("invalid")
        app, _, codename = data.rpartition(".")
        queryset: Any = self.get_queryset()
        found = queryset.filter(codename=codename)
        matching = list(found.filter(content_type__app_label=app) if app else found)
        if len(matching) != 1:
            self.fail("ambiguous" if matching else "invalid")
        permission: Permission = matching[0]
        return permission

    def to_representation(self, value: Any) -> str:
        return f"{value.content_type.app_label}.{value.codename}"


class RoleSerializer(Checked):
    permissions: Any = PermissionField(
        many=True, queryset=Permission.objects.select_related("content_type"), required=False
    )
    to_many = ("permissions",)

    class Meta:
        model = Group
        fields = ["id", "name", "permissions"]


class Roles(Resource):
    admins_only = True
    queryset = Group.objects.order_by("name").prefetch_related("permissions__content_type")
    serializer_class = RoleSerializer
    search_fields = ["name"]

    def get_object(self) -> Any:
        """What a built-in role allows is the product's to say: the next `migrate` would undo it."""
        role = super().get_object()
        if self.request.method not in SAFE_METHODS and role.name in access.BUILT_IN:
            raise Conflict("This role is built in: make another one with the permissions that you want.", "built_in")
        return role


PARTIES: dict[str, tuple[str, Any]] = {"cpo": (access.MANAGE_CPO, CPO), "emsp": (MANAGE_EMSP, EMSP)}


class GrantSerializer(serializers.Serializer[Any]):
    """One user may manage one CPO (with its sub-CPOs) or one eMSP."""

    id = serializers.IntegerField(read_only=True)
    user = PkField(queryset=User.objects.all())
    cpo = PkField(queryset=CPO.objects.all(), required=False, allow_null=True)
    emsp = PkField(queryset=EMSP.objects.all(), required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in PARTIES if attrs.get(name) is not None]
        if len(given) != 1:
            raise serializers.ValidationError("A grant is of one CPO or of one eMSP: give one of them.")
        permission, model = PARTIES[given[0]]
        party = attrs[given[0]]
        if access.grants((permission, model)).filter(user=attrs["user"], object_pk=str(party.pk)).exists():
            raise serializers.ValidationError({given[0]: "This is granted already."}, "unique")
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Any:
        name = next(name for name in PARTIES if validated_data.get(name) is not None)
        pk = access.grant(validated_data["user"], PARTIES[name][0], validated_data[name])
        return access.grants(PARTIES[name]).get(pk=pk)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        codename = instance.permission.codename
        parties = {
            name: int(instance.object_pk) if permission.endswith(f".{codename}") else None
            for name, (permission, _) in PARTIES.items()
        }
        return {"id": instance.pk, "user": instance.user_id, **parties}


class GrantFilter(filters.FilterSet):  # type: ignore[misc]
    user = IdFilter()
    cpo = IdFilter(method="on_party")
    emsp = IdFilter(method="on_party")

    def on_party(self, queryset: QuerySet[Any], name: str, value: int) -> QuerySet[Any]:
        codename = PARTIES[name][0].partition(".")[2]
        return queryset.filter(permission__codename=codename, object_pk=str(value))


class Grants(Resource):
    """Nothing in a grant can be changed: take it back and give another."""

    admins_only = True
    http_method_names = ["get", "post", "delete", "head", "options"]
    queryset = access.grants()
    serializer_class = GrantSerializer
    filterset_class = GrantFilter

    def get_queryset(self) -> QuerySet[Any]:
        self.queryset = access.grants(*PARTIES.values()).order_by("pk")
        return super().get_queryset()
