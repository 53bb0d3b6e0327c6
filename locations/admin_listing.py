"""A list inside a page of an object: its own search, its own pages, and on a phone one card a row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.http import urlencode

from locations.admin_pages import Button
from locations.admin_paging import BoundedPaginator

Value = Callable[[Any], Any]


class Column(NamedTuple):
    """value: what stands in the cell; plain text is escaped. link: an address, or None for none.

    label: the colour of a label around the value (`success`, `danger`, `warning`, `info`, `default`), or None.
    """

    title: Any
    value: Value
    link: Callable[[Any], str | None] = lambda row: None
    label: Callable[[Any], str | None] = lambda row: None


class MenuItem(NamedTuple):
    """What can be done besides adding: a button that sends `name=value` with the form around the list, or a link."""

    title: Any
    name: str = ""
    value: str = ""
    address: str = ""


class Cell(NamedTuple):
    title: Any
    value: Any
    link: str | None
    label: str | None


class Row(NamedTuple):
    """picked: whether its box is ticked."""

    key: Any
    cells: list[Cell]
    object: Any
    picked: bool = False


@dataclass
class Listing:
    """rows: ordered, and already what the user may see. name: prefix of the list's parameters in the address, unique on
    the page. search(rows, term): the rows that match; None: there is nothing to type into.

    select: the name of the boxes with which rows are chosen for the form around the list (attribute `form`); empty for
    none. key(row): what such a box sends; None: the row has none. empty: what to say where there is nothing.

    posts: it is searched and paged by the form around it, so that what is ticked or typed there is kept; `picked`: what
    was ticked before, whatever is searched for now.

    add: the button in the list's head. menu: what stands behind the arrow beside it.
    """

    request: HttpRequest
    name: str
    rows: Any
    columns: Sequence[Column]
    empty: Any
    title: Any = ""
    search: Callable[[Any, str], Any] | None = None
    search_label: Any = ""
    select: str = ""
    form: str = ""
    key: Value = lambda row: row.pk
    per_page: int = 25
    posts: bool = False
    picked: Sequence[Any] = ()
    add: Button | None = None
    menu: Sequence[MenuItem] = ()

    @property
    def searches(self) -> bool:
        """Whether there is a search (a template would call `search` itself)."""
        return self.search is not None

    @property
    def _asked(self) -> Any:
        return self.request.POST if self.posts and self.request.method == "POST" else self.request.GET

    @cached_property
    def term(self) -> str:
        return str(self._asked.get(f"{self.name}-q", "")).replace("\x00", "").strip()[:255]

    @cached_property
    def page(self) -> Any:
        rows = self.search(self.rows, self.term) if self.search and self.term else self.rows
        return BoundedPaginator(rows, self.per_page).get_page(self._asked.get(f"{self.name}-p"))

    @property
    def count(self) -> int:
        return int(self.page.paginator.count)

    @property
    def about(self) -> str:
        return str(self.page.paginator.about)

    def __iter__(self) -> Iterator[Row]:
        for row in self.page.object_list:
            yield self._row(row)

    def _row(self, row: Any) -> Row:
        key = self.key(row)
        return Row(key, [self._cell(column, row) for column in self.columns], row, key in self.picked)

    @cached_property
    def elsewhere(self) -> list[Row]:
        """The rows that were ticked before and are not on this page."""
        here = {row.pk for row in self.page.object_list}
        missing = [pk for pk in self.picked if pk not in here]
        return [self._row(row) for row in self.rows.filter(pk__in=missing)] if missing else []

    @staticmethod
    def _cell(column: Column, row: Any) -> Cell:
        return Cell(column.title, column.value(row), column.link(row), column.label(row))

    @property
    def other_parameters(self) -> list[tuple[str, str]]:
        """What the page's address says of other lists, kept while this one is searched."""
        own = (f"{self.name}-q", f"{self.name}-p")
        return [(name, str(value)) for name, value in self.request.GET.items() if name not in own]

    def _to(self, number: int) -> str:
        own = {f"{self.name}-q": self.term} if self.term else {}
        return "?" + urlencode([*self.other_parameters, *own.items(), (f"{self.name}-p", number)]) + f"#{self.name}"

    @property
    def previous(self) -> str:
        return self._to(self.page.number - 1) if self.page.has_previous() else ""

    @property
    def next(self) -> str:
        return self._to(self.page.number + 1) if self.page.has_next() else ""
