"""What every resource has in common: how it is checked, written, locked, filtered and deleted."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from authorization.api.errors import Stale
from authorization.api.resources.fields import LocalDateTime, PkField
from authorization.api.resources.refusals import details, rule_code, rule_field, writing
from authorization.fields import LocalDateTimeField
from locations.access import Scope, managed_by, scope_of_request, sees_names, visible_to

Errors = dict[str, list[ErrorDetail]]


def check(instance: Model) -> None:
    """The model's own rules, before the database sees the row. Raises serializers.ValidationError, field by field."""
    # The serializer has looked up related objects.
    relations = {field.name for field in instance._meta.fields if field.is_relation}
    errors: Errors = {}
    for rule in (lambda: instance.clean_fields(exclude=relations), instance.clean):
        _collect(errors, rule)
    for model, constraints in instance.get_constraints():
        for constraint in constraints:
            try:
                constraint.validate(model, instance, exclude=set(errors))
            except ValidationError as error:
                messages = [ErrorDetail(message, rule_code(constraint)) for message in error.messages]
                errors.setdefault(rule_field(constraint), []).extend(messages)
    if errors:
        raise serializers.ValidationError(errors)


def _collect(errors: Errors, rule: Callable[[], None]) -> None:
    try:
        rule()
    except ValidationError as error:
        for field, messages in details(error).items():
            errors.setdefault(field, []).extend(messages)


class Checked(serializers.ModelSerializer[Any]):
    """A ModelSerializer that leaves the rules to the model: it fills the row in, checks it, and saves it."""

    serializer_related_field = PkField
    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        LocalDateTimeField: LocalDateTime
    }
    # Many-to-many fields, which can be written only once the row is there.
    to_many: tuple[str, ...] = ()
    # Fields of a row that the user sees by name only; empty where nobody does.
    names: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        return scope_of_request(self.context["request"])

    def is_own(self, instance: Any) -> bool:
        """Whether the user manages the row, without a query: for rows that are seen by name otherwise."""
        return True

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not self.names or self.scope.everything or self.is_own(instance):
            return shown
        return {field: shown[field] for field in self.names}

    def get_validators(self) -> list[Any]:
        # Those that DRF derives from the model's constraints know no normal forms; check() does.
        return []

    def create(self, validated_data: dict[str, Any]) -> Any:
        model: Any = self.Meta.model
        return self.write(model(), validated_data)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        return self.write(instance, validated_data)

    def write(self, instance: Any, values: dict[str, Any]) -> Any:
        for field, value in values.items():
            if field not in self.to_many:
                setattr(instance, field, value)
        self.prepare(instance)
        check(instance)
        instance.save()
        for field in self.to_many:
            if field in values:
                getattr(instance, field).set(values[field])
        return instance

    def prepare(self, instance: Any) -> None:
        """Fills in what follows from the rest, before the row is checked."""


class Resource(ModelViewSet[Any]):
    """List, create, retrieve, PATCH, DELETE. A request that writes is one transaction, and locks the row it changes.

    Objects carry an `ETag`; a request that changes one and brings a stale `If-Match` is refused (412).
    """

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    lookup_value_regex = "[0-9]{1,19}"
    # Users, roles and grants: no role opens them.
    admins_only = False
    # Fields and filters that a row shows to those who see it by name only; empty where nobody does.
    names: tuple[str, ...] = ()
    # Actions that even for reading want the object managed, not only seen.
    managed_actions: tuple[str, ...] = ()
    # Fields that change by themselves and are no change to defend.
    untagged: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        return scope_of_request(self.request)

    @property
    def needs_management(self) -> bool:
        return self.action in self.managed_actions

    def get_queryset(self) -> QuerySet[Any]:
        return visible_to(self.scope, super().get_queryset())

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Filters are for lists: a query parameter cannot make an object disappear.
        if self.detail:
            return queryset
        if self.names and sees_names(self.scope, queryset.model) and self._asks_beyond_names():
            queryset = managed_by(self.scope, queryset)
        return super().filter_queryset(queryset)

    def _asks_beyond_names(self) -> bool:
        asked = {name for name, value in self.request.query_params.items() if value}
        filterset: Any = getattr(self, "filterset_class", None)
        return bool(asked & set(getattr(filterset, "base_filters", ())) - set(self.names))

    def searched_fields(self) -> list[str]:
        fields: list[str] = getattr(self, "search_fields", [])
        if self.names and sees_names(self.scope, self.get_queryset().model):
            return [field for field in fields if field in self.names]
        return fields

    def get_object(self) -> Any:
        instance = super().get_object()
        if self.request.method in SAFE_METHODS:
            return instance
        # Locked until the transaction ends, and read again: of two changes the second sees the first.
        rows = type(instance)._default_manager.select_for_update(no_key=self.request.method != "DELETE")
        get_object_or_404(rows, pk=instance.pk)
        instance = get_object_or_404(self.get_queryset(), pk=instance.pk)
        self.check_match(instance)
        return instance

    def check_match(self, instance: Any) -> None:
        """Raises Stale where `If-Match` names another state of the object than this one."""
        wanted = self.request.headers.get("If-Match", "").strip()
        if not wanted or wanted == "*":
            return
        if self.present_tag(instance) not in [tag.strip() for tag in wanted.split(",")]:
            raise Stale

    def present_tag(self, instance: Any) -> str:
        """What `If-Match` has to name for this action."""
        return self.etag(self.get_serializer(instance).data)

    def etag(self, shown: Any) -> str:
        """A strong tag of an object as this user sees it."""
        kept = {name: value for name, value in shown.items() if name not in self.untagged}
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()
        return f'"{digest[:32]}"'

    def shown(self, instance: Any, status_code: int = status.HTTP_200_OK, **more: Any) -> Response:
        """The object, with its tag; `more` is beside it and not part of its state."""
        data = self.get_serializer(instance).data
        return Response(data | more, status=status_code, headers={"ETag": self.etag(data)})

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.shown(self.get_object())

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            serializer.save()
        return self.shown(serializer.instance, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
            serializer.is_valid(raise_exception=True)
            serializer.save()
            # Read again: what was prefetched is from before.
            instance = self.get_queryset().get(pk=serializer.instance.pk)  # type: ignore[union-attr]
        return self.shown(instance)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            self.perform_destroy(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
