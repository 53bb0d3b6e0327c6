"""What lists can be filtered and searched by. A filter names nothing that its user may not see.

DRF imports this module while it imports its views, so nothing here may import those.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django_filters import rest_framework as filters
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from authorization.api.pagination import MAX_ID
from locations.access import scope_of_request, visible_to
from locations.ids import BadId


class Search(SearchFilter):
    """Looks into what the user may see of every row of the list, and may be left to the view (`search`)."""

    def get_search_fields(self, view: Any, request: Request) -> Any:
        return view.searched_fields() if hasattr(view, "searched_fields") else super().get_search_fields(view, request)

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        terms = [term.strip() for term in self.get_search_terms(request)]
        if hasattr(view, "search") and terms:
            return view.search(queryset, " ".join(terms))  # type: ignore[no-any-return]
        return super().filter_queryset(request, queryset, view)


class IdFilter(filters.Filter):  # type: ignore[misc]
    """A primary key. One that does not exist finds nothing, nor does one that the user may not see."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)

    def filter(self, queryset: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if value is None:
            return queryset
        related = _related(queryset.model, self.field_name)
        scope = scope_of_request(self.parent.request)
        asked = related._default_manager.filter(pk=value) if related is not None and not scope.everything else None
        if asked is not None and not visible_to(scope, asked).exists():
            return queryset.none()
        found: QuerySet[Any] = super().filter(queryset, value)
        return found


def _related(model: type[Model], path: str) -> type[Model] | None:
    """The model at the end of a path of relations; None where the path ends in a plain value."""
    for name in path.split("__"):
        if name not in {field.name for field in model._meta.get_fields()}:
            return None
        related = model._meta.get_field(name).related_model
        if not isinstance(related, type):
            return None
        model = related
    return model


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
