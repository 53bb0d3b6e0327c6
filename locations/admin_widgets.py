"""Inputs that the theme and Django do not have."""

from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple


class _OnlyNumbers:
    """A form that came back with an id that is no number: Django's widget would look it up all the same, and fail."""

    def optgroups(self, name: str, value: list[Any], attrs: Any = None) -> Any:
        known = [item for item in value if not item or (str(item).isdecimal() and len(str(item)) < 19)]
        return super().optgroups(name, known, attrs)  # type: ignore[misc]


class Search(_OnlyNumbers, AutocompleteSelect):  # type: ignore[misc]
    """One row, found by typing."""


class SearchSeveral(_OnlyNumbers, AutocompleteSelectMultiple):  # type: ignore[misc]
    """Several rows, found by typing. asking: what the search is told besides, see `may_name`."""

    asking = ""

    def get_url(self) -> str:
        return f"{super().get_url()}?{self.asking}" if self.asking else super().get_url()

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> dict[str, Any]:
        # select2 puts its button that clears all into the list of what is chosen, where screen readers stumble on it.
        return super().build_attrs(base_attrs, extra_attrs) | {"data-allow-clear": "false"}
