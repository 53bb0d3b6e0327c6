"""What every resource has in common: how it is checked, written, locked, filtered and deleted."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from authorization.api.resources.fields import MAX_ID, LocalDateTime, PkField, visible_to
from authorization.api.resources.refusals import details, rule_code, rule_field, writing
from authorization.fields import LocalDateTimeField
from locations.ids import BadId

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
    """List, create, retrieve, PATCH, DELETE. A request that writes is one transaction, and locks the row it changes."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    lookup_value_regex = "[0-9]{1,19}"

    def get_queryset(self) -> QuerySet[Any]:
        return visible_to(self.request.user, super().get_queryset())

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Filters are for lists: a query parameter cannot make an object disappear.
        return super().filter_queryset(queryset) if not self.detail else queryset

    def get_object(self) -> Any:
        instance = super().get_object()
        if self.request.method in SAFE_METHODS:
            return instance
        # Locked until the transaction ends, and read again: of two changes the second sees the first.
        rows = type(instance)._default_manager.select_for_update(no_key=self.request.method != "DELETE")
        get_object_or_404(rows, pk=instance.pk)
        return get_object_or_404(self.get_queryset(), pk=instance.pk)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            return super().create(request, *args, **kwargs)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            return super().update(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            self.perform_destroy(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class IdFilter(filters.Filter):  # type: ignore[misc]
    """A primary key. One that does not exist finds nothing."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)


class FlagFilter(filters.TypedChoiceFilter):  # type: ignore[misc]
    """`true` or `false`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = (("true", "true"), ("false", "false"))
        super().__init__(*args, choices=choices, coerce=lambda value: value == "true", **kwargs)


class NormalFilter(filters.CharFilter):  # type: ignore[misc]
    """An id, compared in its normal form. What cannot be such an id finds nothing."""

    def __init__(self, normal: Callable[[str], str], *args: Any, **kwargs: Any) -> None:
        self.normal = normal
        super().__init__(*args, **kwargs)

    def filter(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return queryset
        try:
            return queryset.filter(**{self.field_name: self.normal(value)})
        except BadId:
            return queryset.none()
