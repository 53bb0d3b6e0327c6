"""What a person says of a file in the browser. What it means is checked as the API checks it (`api.serializers`)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.import_export.forms import ImportForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from imports.access import may_import
from imports.models import TARGETS, Import, Kind
from imports.recognise import DATE_STYLES, ENCODINGS, SEPARATORS
from locations.access import scope_of_request
from locations.admin_scope import choosable
from locations.admin_widgets import Search

KINDS = {
    Kind.TOKENS: _("Charge tokens of an eMSP"),
    Kind.AUTHORIZATION_LIST: _("Authorization list of a location"),
    Kind.GROUP_MEMBERS: _("Members of an exception group"),
    Kind.LOCATIONS: _("Locations of a CPO (OCPI)"),
}
INTO = {"emsp": _("eMSP"), "location": _("Charge location"), "group": _("Exception group"), "cpo": _("CPO")}
CLEAR = {
    Kind.AUTHORIZATION_LIST: _("Clear charge token list before importing"),
    Kind.GROUP_MEMBERS: _("Clear the group before importing"),
}
SIGNS = {"comma": _("comma ,"), "semicolon": _("semicolon ;"), "tab": _("tab")}
STYLES = {
    "iso": _("year first: 2026-12-31"),
    "day_first": _("day first: 31.12.2026, 31/12/2026"),
    "month_first": _("month first: 12/31/2026"),
}
IGNORED = ""


class UploadForm(ImportForm):  # type: ignore[misc]
    """import-export's form of a file, and what it goes into. `fixed`: kind and target where the page that led here has
    said them."""

    kind = forms.ChoiceField(label=_("What is in the file"), widget=UnfoldAdminSelectWidget)
    clear = forms.BooleanField(
        label=_("Clear charge token list before importing"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Takes off what the file does not name. Customers stay. The preview says how many that are."),
    )

    def __init__(
        self, formats: Any, resources: Any, *, request: HttpRequest, fixed: dict[str, str], **kwargs: Any
    ) -> None:
        super().__init__(formats, resources, **kwargs)
        # The kind says which resource, and the file itself which format.
        del self.fields["resource"], self.fields["format"]
        scope = scope_of_request(request)
        kind: Any = self.fields["kind"]
        kind.choices = [(each.value, label) for each, label in KINDS.items() if may_import(scope, each.value)]
        for name, label in INTO.items():
            source: Any = Import._meta.get_field(name)
            rows = choosable(request, f"imports.import.{name}", source.related_model._default_manager.all())
            into = forms.ModelChoiceField(rows, label=label, required=False, widget=Search(source, admin.site))
            self.fields[name] = into
        self.order_fields(["kind", *INTO, "import_file", "clear"])
        for name, value in fixed.items():
            self.initial[name] = value
            self.fields[name].widget = forms.HiddenInput()
        if "kind" in fixed:
            target = TARGETS[Kind(fixed["kind"])]
            for name in set(INTO) - {target}:
                del self.fields[name]
            if Kind(fixed["kind"]) in CLEAR:
                self.fields["clear"].label = CLEAR[Kind(fixed["kind"])]
            else:
                del self.fields["clear"]


class ReadingForm(forms.Form):
    """How a file is read, as it was recognised; another choice has it read again."""

    encoding = forms.ChoiceField(label=_("Encoding"), choices=[(name, name) for name in ENCODINGS])
    separator = forms.ChoiceField(label=_("Separator"), choices=[(name, SIGNS.get(name, name)) for name in SEPARATORS])
    header = forms.BooleanField(label=_("The first row names the columns"), required=False)
    date_style = forms.ChoiceField(
        label=_("Dates"),
        required=False,
        choices=[("", _("not clear")), *((s, STYLES[s]) for s in DATE_STYLES if s in STYLES)],
    )

    def __init__(self, recognised: dict[str, Any], known: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.columns = recognised["columns"]
        for name in ("encoding", "separator", "header", "date_style"):
            self.initial[name] = recognised[name]
        choices = [(IGNORED, _("(ignored)")), *((name, name) for name in known)]
        for number, column in enumerate(self.columns):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=column["name"], required=False, choices=choices, initial=column["read_as"] or IGNORED
            )
        for field in self.fields.values():
            if isinstance(field, forms.ChoiceField):
                field.widget = UnfoldAdminSelectWidget(choices=field.choices)

    def said(self) -> dict[str, Any]:
        """What the user says of the file, in the API's words."""
        given = self.cleaned_data
        said = {name: given[name] for name in ("encoding", "separator", "header")}
        chosen = [given[f"column_{number}"] or None for number in range(len(self.columns))]
        if given["header"] == self.initial["header"]:
            names = [column["name"] for column in self.columns]
        else:
            # Without a header columns are called by their places; with one, by what nobody has read yet.
            names = [] if given["header"] else [f"column {number}" for number in range(1, len(chosen) + 1)]
        said["columns"] = dict(zip(names, chosen, strict=False))
        return said | ({"date_style": given["date_style"]} if given["date_style"] else {})
