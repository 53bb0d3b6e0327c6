"""A date-time without a zone: the wall clock of whichever location it is compared at."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

WITHOUT_ZONE = "Give a date and time without a zone (no Z, no offset): it is the wall clock at each location."


class LocalDateTimeFormField(forms.SplitDateTimeField):
    """The admin's two inputs. Django reads them in the portal's zone, UTC; dropping it gives back what was typed."""

    def compress(self, data_list: Any) -> datetime | None:
        value = super().compress(data_list)
        return value.replace(tzinfo=None) if value else None


class LocalDateTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """`timestamp` in PostgreSQL: neither stored nor read with a zone. A value with one is refused."""

    def db_type(self, connection: Any) -> str:
        return "timestamp"

    def to_python(self, value: Any) -> Any:
        result = super().to_python(value)
        if isinstance(result, datetime) and result.tzinfo is not None:
            raise ValidationError(WITHOUT_ZONE, code="zone")
        return result

    def get_prep_value(self, value: Any) -> Any:
        # Past DateTimeField, which would read a naive value in the portal's zone and warn.
        return self.to_python(models.Field.get_prep_value(self, value))

    def formfield(self, **kwargs: Any) -> Any:
        kwargs["form_class"] = LocalDateTimeFormField
        return super().formfield(**kwargs)
