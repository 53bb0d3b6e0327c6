"""Lists: page by page with numbers, or a walk through everything by primary key."""

import json
from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

MAX_ID = 2**63 - 1
# Rows that are counted one by one for a page: 15 ms at most.
COUNTED = 100_000
MAX_PAGE = 10**9


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to COUNTED and no further: beyond, the planner's number, and no page is said to be the last."""

    estimated = False

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by().values("pk")[: COUNTED + 1].count()
        if counted <= COUNTED:
            return counted
        self.estimated = True
        plan = json.loads(rows.order_by().explain(format="json"))
        return max(counted, int(plan[0]["Plan"]["Plan Rows"]))

    def validate_number(self, number: Any) -> int:
        if self.count > COUNTED and str(number).isascii() and str(number).isdigit() and 0 < int(number) < MAX_PAGE:
            return int(number)
        return super().validate_number(number)


class PageNumbers(PageNumberPagination):
    """`{"count", "next", "previous", "results"}`; `?page=`, `?page_size=` up to 1000. `count` is exact to 100,000.

    `?after=<id>` (0 to begin) walks by primary key: `next` leads on until it is null, rows added or deleted meanwhile
    shift nothing, and `count` is null because counting would read the whole table on every step.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 1000
    django_paginator_class = BoundedPaginator
    # Set while walking: whether there is more, and behind which row it begins.
    last: int | None = None
    walking = False

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        after = request.query_params.get("after")
        if after is None:
            return super().paginate_queryset(queryset, request, view)
        self.request, self.walking = request, True
        size = self.get_page_size(request) or self.max_page_size
        rows = list(queryset.order_by("pk").filter(pk__gt=_position(after))[: size + 1])
        if len(rows) > size:
            self.last = rows[size - 1].pk
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        if not self.walking:
            return super().get_paginated_response(data)
        return Response({"count": None, "next": self.get_next_link(), "previous": None, "results": data})

    def get_next_link(self) -> str | None:
        if not self.walking:
            page: Any = self.page
            if page.paginator.estimated and len(page) == page.paginator.per_page and self.request is not None:
                return replace_query_param(self.request.build_absolute_uri(), self.page_query_param, page.number + 1)
            return None if page.paginator.estimated else super().get_next_link()
        if self.last is None or self.request is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "after", self.last)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        after = {
            "name": "after",
            "required": False,
            "in": "query",
            "description": "Walks through everything by id: 0 to begin, then as `next` says.",
            "schema": {"type": "integer", "minimum": 0},
        }
        return [*super().get_schema_operation_parameters(view), after]

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        count = {"type": ["integer", "null"], "description": "Exact to 100,000; null while walking with `after`."}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {"count": count, "next": link, "previous": link, "results": schema},
        }


def _position(after: str) -> int:
    if not (after.isascii() and after.isdigit()) or len(after) > 19 or int(after) > MAX_ID:
        raise ValidationError({"after": ["Give the id of the last row seen, or 0 to begin."]})
    return int(after)
