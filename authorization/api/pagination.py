"""Lists: page by page with numbers, or a walk through everything by primary key."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

MAX_ID = 2**63 - 1


class PageNumbers(PageNumberPagination):
    """`{"count", "next", "previous", "results"}`; `?page=`, `?page_size=` up to 1000.

    `?after=<id>` (0 to begin) walks by primary key: `next` leads on until it is null, rows added or deleted meanwhile
    shift nothing, and `count` is null because counting would read the whole table on every step.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 1000
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
            return super().get_next_link()
        if self.last is None or self.request is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "after", self.last)


def _position(after: str) -> int:
    if not (after.isascii() and after.isdigit()) or len(after) > 19 or int(after) > MAX_ID:
        raise ValidationError({"after": ["Give the id of the last row seen, or 0 to begin."]})
    return int(after)
