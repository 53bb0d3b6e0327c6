"""Serializer fields with manners of their own."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from authorization.api.pagination import MAX_ID
from authorization.fields import WITHOUT_ZONE
from locations.access import managed_by, scope_of_request

# The usual ISO 8601 form alone: Python reads dates without a time and weeks as well.
LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")
SEVEN_PLACES = Decimal("0.0000001")


class PkField(serializers.PrimaryKeyRelatedField[Any]):
    """A related object by primary key: a whole number, or its digits. `known` of the context saves a query for each.

    It has to be one of the user's own; with `rule=visible_to`, one that the user sees. Any other is not there.
    """

    def __init__(self, *, rule: Any = managed_by, **kwargs: Any) -> None:
        self.rule = rule
        super().__init__(**kwargs)

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()
        return queryset if queryset is None else self.rule(scope_of_request(self.context["request"]), queryset)

    def to_internal_value(self, data: Any) -> Model:
        pk = self.read_pk(data)
        queryset = self.get_queryset()
        known: dict[type[Model], dict[int, Model]] = self.context.get("known", {})
        if queryset.model in known:
            found = known[queryset.model].get(pk)
        else:
            found = queryset.filter(pk=pk).first() if 0 < pk <= MAX_ID else None
        if found is None:
            self.fail("does_not_exist", pk_value=data)
        return found

    def read_pk(self, data: Any) -> int:
        if isinstance(data, str) and data.isascii() and data.isdigit() and len(data) < 20:
            return int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return data


class NameOrPkField(PkField):
    """As PkField, or by a name: a text is looked for in `name_field` first."""

    def __init__(self, name_field: str, **kwargs: Any) -> None:
        self.name_field = name_field
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Model:
        if isinstance(data, str) and "\0" not in data:
            named = self.get_queryset().filter(**{self.name_field: self.normal(data)}).first()
            if named is not None:
                return named  # type: ignore[no-any-return]
        return super().to_internal_value(data)

    def normal(self, data: str) -> str:
        return data.encode("utf-8", "replace").decode()


@extend_schema_field({"type": "string", "pattern": LOCAL_TIME.pattern, "examples": ["2026-12-01T08:00:00"]})
class LocalDateTime(serializers.DateTimeField):
    """A date and time without a zone, in and out: "2026-12-01T08:00:00"."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            result = parse_datetime(value) if isinstance(value, str) and LOCAL_TIME.match(value) else None
        except ValueError:
            result = None
        if result is None:
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss]")
        if result.tzinfo is not None:
            raise serializers.ValidationError(WITHOUT_ZONE, "zone")
        return result

    def to_representation(self, value: Any) -> str:
        return value.isoformat() if isinstance(value, datetime) else str(value)


@extend_schema_field({"type": ["string", "number"], "examples": ["52.3391"]})
class CoordinateField(serializers.DecimalField):
    """Degrees, as a number or a text; more than seven places (a centimetre) are rounded."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"max_digits": None, "decimal_places": None, "min_value": -180, "max_value": 180}
        super().__init__(**kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        # After the validators: rounding 1e999 to seven places is beyond a Decimal's precision.
        return value if value is None else value.quantize(SEVEN_PLACES)

    def to_representation(self, value: Any) -> str:
        return f"{Decimal(value).normalize():f}"


class IdField(serializers.IntegerField):
    """A primary key in a list of them: a whole number, or its digits."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float):
            self.fail("invalid")
        return super().to_internal_value(data)


def id_list() -> serializers.ListField:
    return serializers.ListField(child=IdField(min_value=1, max_value=MAX_ID), required=False, default=list)
