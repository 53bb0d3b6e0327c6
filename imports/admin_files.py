"""Files in and out on the pages of what they are about: the export of charge tokens, the ways to an import.

The export is import-export's own screen, in the theme's dress; what it sends is `exports`, row by row and quoted.
"""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from unfold.contrib.import_export.forms import ExportForm

from imports import exports
from imports.access import may_import
from imports.models import TARGETS, Kind
from imports.resources import TokenRows
from locations.access import managed_by, scope_of_request
from locations.admin_pages import Button
from locations.models import CPO
from tokens.models import EMSP, Token


class WithImport:
    """A party's pages, with the way to the import of what is the party's."""

    import_kind: Kind
    import_title: Any

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        before: list[Button] = super().buttons(request, obj)  # type: ignore[misc]
        scope, model = scope_of_request(request), type(obj)
        if not may_import(scope, self.import_kind) or not managed_by(scope, model.objects.filter(pk=obj.pk)).exists():
            return before
        into = f"kind={self.import_kind.value}&{TARGETS[self.import_kind]}={obj.pk}"
        return [*before, Button(self.import_title(), f"{reverse('admin:imports_import_add')}?{into}")]


class WithExport(ExportMixin):  # type: ignore[misc]
    """The list of charge tokens, as it is searched and filtered, as a file."""

    resource_classes = (TokenRows,)
    import_export_change_list_template = "admin/exported_list.html"
    export_form_class = ExportForm
    export_formats = (CSV, XLSX)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def get_export_resource_fields_from_form(self, form: Any) -> None:
        """All of them: the file can be imported again."""

    def _do_file_export(self, file_format: Any, request: HttpRequest, queryset: Any, export_form: Any = None) -> Any:
        """What `exports` streams, in place of a dataset that is held as a whole."""
        lines = exports.tokens(queryset)
        try:
            return exports.as_xlsx(lines, "tokens") if file_format.is_binary() else exports.as_csv(lines, "tokens")
        except exports.TooManyRows as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def extend(model: Any, mixin: type, **more: Any) -> None:
    """Registers a model's pages anew, with something more."""
    pages = type(admin.site._registry[model])
    admin.site.unregister(model)
    admin.site.register(model, type(pages.__name__, (mixin, pages), more))


extend(Token, WithExport)
extend(EMSP, WithImport, import_kind=Kind.TOKENS, import_title=lambda self: _("Import charge tokens"))
extend(CPO, WithImport, import_kind=Kind.LOCATIONS, import_title=lambda self: _("Import locations"))
