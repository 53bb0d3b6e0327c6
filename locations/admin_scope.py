"""Who may open which page, whose rows are on it, and what its choices offer: the rules of `locations.access`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from locations import access
from locations.access import scope_of_request
from locations.admin_widgets import Search

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin

    Page = BaseModelAdmin[Any]
else:
    Page = object

# References ("app.model.field") that may name whatever the user sees, were it by name alone. All others lead to what
# the user's own parties have.
_NAMES: set[str] = set()
_AMONG: dict[str, Callable[[HttpRequest, Any], Any]] = {}


def may_name(model: type[Model], *fields: str, among: Callable[[HttpRequest, Any], Any] | None = None) -> None:
    """Says that these references of a model may lead to another party's objects that the user sees.

    among: narrows the choice further, by what a search is asked for.
    """
    for field in fields:
        _NAMES.add(source := f"{model._meta.label_lower}.{field}")
        if among is not None:
            _AMONG[source] = among


def choosable(request: HttpRequest, source: str, rows: Any) -> Any:
    """Those of the rows that a reference ("app.model.field") may lead to."""
    scope = scope_of_request(request)
    rows = access.visible_to(scope, rows) if source in _NAMES else access.managed_by(scope, rows)
    return _AMONG[source](request, rows) if source in _AMONG else rows


def search_source(request: HttpRequest) -> str | None:
    """The reference ("app.model.field") for which an autocomplete searches; None on any other page."""
    match = request.resolver_match
    if match is None or match.url_name != "autocomplete":
        return None
    return ".".join(request.GET.get(name, "") for name in ("app_label", "model_name", "field_name")).lower()


class Scoped(Page):
    """A user's pages show what the user's roles allow, of what is the user's own. Only an Admin deletes."""

    # An Admin's alone, whatever a role says.
    admins_only = False
    # Whether managers add and change here, as far as their roles go.
    managers_write = False
    # Others' rows are seen by name, to pick from: they have no page.
    others_by_name = False

    def get_queryset(self, request: HttpRequest) -> Any:
        rows, scope = super().get_queryset(request), scope_of_request(request)
        source = search_source(request)
        if source is not None:
            return choosable(request, source, rows)
        return access.managed_by(scope, rows) if self.others_by_name else access.visible_to(scope, rows)

    def may(self, request: HttpRequest, action: str) -> bool:
        """Whether a role allows to `view`, `add`, `change` such objects."""
        scope, options = scope_of_request(request), self.opts
        if self.admins_only or (action != "view" and not self.managers_write):
            return scope.everything
        return scope.may(f"{options.app_label}.{action}_{options.model_name}")

    def manages(self, request: HttpRequest, obj: Model | None) -> bool:
        """Whether the object is of the user's own parties, asked once for a request. Of no object in particular: yes.

        An inline is asked about the object it hangs below.
        """
        scope = scope_of_request(request)
        if scope.everything or obj is None or obj.pk is None:
            return True
        known: dict[tuple[str, Any], bool] = request.__dict__.setdefault("_manages", {})
        key = (obj._meta.label, obj.pk)
        if key not in known:
            rows: Any = type(obj)._default_manager.filter(pk=obj.pk)
            known[key] = access.managed_by(scope, rows).exists()
        return known[key]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "add") and self.manages(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change") and self.manages(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope_of_request(request).everything


class Fields(Page):
    """How a model's fields become inputs."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is None:
            return None
        label = str(db_field.verbose_name)
        # Django would write EMSP. The words are those of `locations.admin_words`.
        field.label = _(label if label.startswith("eMSP") else str(field.label))
        field.help_text = _(field.help_text) if field.help_text else ""
        return field

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if not db_field.has_default() and not db_field.blank:
            # The theme would choose the first one for whoever overlooks the field.
            kwargs.setdefault("choices", [("", _("Select value")), *db_field.flatchoices])
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = Search(db_field, self.admin_site, using=kwargs.get("using"))
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and field.queryset is not None:
            field.queryset = choosable(request, f"{db_field.model._meta.label_lower}.{db_field.name}", field.queryset)
        return field


class _ChosenForm(AutocompleteDropdownForm):  # type: ignore[misc]
    """Shows the name of what a filter is set to, where the user may choose it: the theme's shows any row's."""

    def __init__(self, request: HttpRequest, name: str, label: str, choices: Any, field: Any, **kwargs: Any) -> None:
        super().__init__(request, name, label, choices, field, **kwargs)
        source = f"{field.model._meta.label_lower}.{field.name}"
        shown: Any = self.fields[name]
        shown.queryset = choosable(request, source, shown.queryset.all())


class PartyFilter(AutocompleteSelectFilter):  # type: ignore[misc]
    """A list's filter by a related object, found by typing."""

    form_class = _ChosenForm
