"""Lists of a million rows: pages whose cost does not grow with the table."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import SEARCH_VAR
from django.core.paginator import Paginator
from django.db import connections
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from locations.access import scope_of_request
from locations.admin_format import word

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList as ThemedChangeList
else:
    from unfold.views import ChangeList as ThemedChangeList

COUNTED = 10_000
# From here on a page is found by its keys first.
DEEP = 1000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to COUNTED and no further. Beyond: the planner's number for a whole table, COUNTED for a part; and there
    the pages end, because the way to a page grows with its number: who looks for a row so far down searches or filters.
    """

    template_name = "admin/bounded_pages.html"
    more = False

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if not hasattr(rows, "query"):
            return len(rows)
        counted: int = rows.order_by().values("pk")[: COUNTED + 1].count()
        if counted <= COUNTED:
            return counted
        self.more = True
        return COUNTED if rows.query.where else max(COUNTED, self._estimate())

    @cached_property
    def num_pages(self) -> int:
        pages: int = super().num_pages
        return min(pages, max(1, COUNTED // self.per_page)) if self.more else pages

    def page(self, number: Any) -> Any:
        """A page far down is found by its keys alone, and only its own rows are then read."""
        page = super().page(number)
        rows: Any = self.object_list
        if hasattr(rows, "query") and (page.number - 1) * self.per_page >= DEEP:
            keys: Any = page.object_list
            page.object_list = rows.filter(pk__in=list(keys.values_list("pk", flat=True)))
        return page

    def _estimate(self) -> int:
        queryset: Any = self.object_list
        with connections[queryset.db].cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [queryset.model._meta.db_table]
            )
            return int(cursor.fetchone()[0])

    @property
    def about(self) -> str:
        """What to say before a number that is not exact."""
        return "" if not self.more else _("more than") if self.count == COUNTED else _("about")


class BoundedChangeList(ThemedChangeList):
    """A list that is not filtered says nothing of filtering, although nobody counted the whole of it.

    everything: whether its reader is an Admin, from whom no row is kept.
    """

    everything = False

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.everything = scope_of_request(request).everything
        if self.full_result_count is None and not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        page: Any = self.model_admin
        for each in found[0]:
            each.title = word(page.filter_titles.get(getattr(each, "field_path", ""), each.title))
        return found

    @property
    def whole(self) -> str:
        """The list's address without search and filters."""
        return self.get_query_string(remove=[SEARCH_VAR, *self.get_filters_params()])
