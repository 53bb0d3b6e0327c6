"""The pages of imports: upload, look, finalise; and their history."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportMixin
from import_export.formats.base_formats import CSV
from rest_framework import serializers
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from authorization.services import charging
from imports import admin_files as admin_files  # registers
from imports import admin_past, exports, places, services
from imports.access import may_import
from imports.admin_past import COLOURS, COUNTED, past_imports, target_link
from imports.api.serializers import Upload, refuse_columns
from imports.forms import INTO, ReadingForm, UploadForm
from imports.models import SHOWN_ERRORS, TARGETS, Import, Kind, Status
from imports.resources import MEMBERS, ListRows, Rows, TokenRows, resource_of
from imports.texts import in_the_readers_words
from locations.access import managed_by, scope_of_request
from locations.admin_base import ScopedAdmin, display
from locations.admin_pages import ObjectPage

# A row of each template, that says by example how a cell is written.
EXAMPLES: dict[str, str] = {
    "uid": "04A2B3C4D5E680", "auth_id": "NL-TNM-C00122045-K", "type": "RFID", "visual_number": "0012-3456",
    "valid": "true", "whitelist": "ALLOWED", "expires_at": "2027-12-31", "language": "nl", "external_id": "C-1001",
    "location_id": "LOC1", "cpo": "NL-GFX", "emsp": "NL-TNM",
}  # fmt: skip
NAMED = {"import_file": "file"}  # fields of the form, by their names in the API
PHASES = {
    "received": gettext_lazy("The file is here."), "reading": gettext_lazy("Reading the rows"),
    "checking": gettext_lazy("Comparing with what is here"),
    "waiting": gettext_lazy("Waiting for another change of the same list"), "applying": gettext_lazy("Applying"),
}  # fmt: skip


@admin.register(Import)
class ImportAdmin(ImportMixin, ScopedAdmin):  # type: ignore[misc]
    """import-export's import screen, in the theme's dress. What it does with a file is ours: see ADR 10."""

    import_form_class = UploadForm
    import_template_name = "admin/import_upload.html"
    import_export_change_list_template = None  # the list has a button already: Add
    import_formats = (CSV,)
    resource_classes = (TokenRows, ListRows, *MEMBERS.values())
    managers_write = True
    empty = gettext_lazy(
        "A file fills an eMSP's charge tokens, a location's authorization list, a group, or a CPO's locations. Nothing "
        "changes before you have seen the preview."
    )
    adds = gettext_lazy("Import a file")
    list_display = ("file_name", "kind", "into", "state", "counts", "owner", "created_at")
    list_select_related = ("emsp", "location", "group", "cpo", "owner")
    list_filter = (("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    search_fields = ("file_name",)
    search_help_text = gettext_lazy("Name of the file")
    sortable_by = ()
    object_pages = (
        ObjectPage("read-again", changes=True),
        ObjectPage("finalise", changes=True),
        ObjectPage("cancel", changes=True),
        ObjectPage("undo", changes=True),
        ObjectPage("errors"),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Without an object Django would offer actions on the list.
        return obj is not None and super().has_change_permission(request, obj)

    @display(description=gettext_lazy("Into"))
    def into(self, of: Import) -> str:
        return str(of.target)

    @display(description=gettext_lazy("Status"), label={colour: colour for colour in set(COLOURS.values())})
    def state(self, of: Import) -> tuple[str, str]:
        return COLOURS[Status(of.status)], admin_past.state(of)

    @display(description=gettext_lazy("Rows"))
    def counts(self, of: Import) -> str:
        return admin_past.counts(of)

    def get_urls(self) -> Any:
        template = path("template.csv", self.admin_site.admin_view(self.template_view), name="imports_import_template")
        return [template, *super().get_urls()]

    def template_view(self, request: HttpRequest) -> HttpResponseBase:
        """A file with the columns of a kind (`?kind=`, `&category=` of a group) and a row to write over."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        columns = _resource(request.GET.get("kind", ""), request.GET.get("category", "")).columns()
        lines = [list(columns), [EXAMPLES.get(name, "") for name in columns]]
        return exports.as_csv(lines, f"{request.GET.get('kind') or 'tokens'}-template"[:100])

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_add_permission(request))

    def get_import_form_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        more = {"request": request, "fixed": _fixed(request)}
        return {**super().get_import_form_kwargs(request), **more}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return self.import_action(request)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The upload. `?kind=` and its target, as the page of a list gives them, are fixed."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form, fixed = self.create_import_form(request), _fixed(request)
        if request.method == "POST" and form.is_valid() and (made := self._begun(request, form)) is not None:
            return HttpResponseRedirect(self.address("change", made))
        kind = Kind(fixed["kind"]) if "kind" in fixed else None
        into: Any = _target(request, kind, fixed) if kind else None
        category = getattr(into, "category", "")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import into %(target)s") % {"target": into} if into else _("Import a file"),
            "into": into,
            "form": form,
            "media": self.media + form.media,
            "kind": kind.value if kind else "",
            "category": category,
            "formats": _formats(kind, category),
            "targets": {each.value: target for each, target in TARGETS.items()},
            "past": past_imports(request, kind, into) if kind and into else None,
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.import_template_name, context)

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """import-export's second step takes the name of a file from the browser. Ours is `finalise_page`."""
        raise PermissionDenied

    def _begun(self, request: HttpRequest, form: UploadForm) -> Import | None:
        """The import, begun; None where the form says what is wrong with it."""
        values = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
        sent = {NAMED.get(name, name): getattr(value, "pk", value) for name, value in values.items()}
        wanted = TARGETS[Kind(values["kind"])]
        sent = {name: value for name, value in sent.items() if name not in INTO or name == wanted}
        upload = Upload(data=sent, context={"request": request})
        try:
            upload.is_valid(raise_exception=True)
            if not may_import(scope_of_request(request), values["kind"]):
                raise PermissionDenied
            new, file = upload.made()
        except serializers.ValidationError as error:
            for name, texts in dict(error.detail).items():  # type: ignore[arg-type]
                field = next((ours for ours, api in NAMED.items() if api == name), name)
                form.add_error(field if field in form.fields else None, [str(text) for text in texts])
            return None
        new.owner_id = request.user.pk
        return services.begin(new, file.chunks(256 * 1024))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Where an import stands, and what can be done with it."""
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        of = self.get_object(request, unquote(object_id))
        if of is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        if of.busy and services.waits_long(of):
            services.look_after(of)
        form = _reading_form(of) if of.status in services.READABLE and of.recognised else None
        context = {
            "import": of,
            "state": self.state(of),
            "counts": [(label, of.totals[name], name) for name, label in COUNTED.items() if name in of.totals],
            "phase": PHASES.get(of.phase, of.phase),
            "in_force": of.revision is not None and charging.in_force(of.revision),
            "rows": _first_rows(of),
            "message": in_the_readers_words(of.message),
            "errors": [
                error | {"message": in_the_readers_words(error["message"])}
                for error in services.errors_of(of, SHOWN_ERRORS)
            ],
            "shown_errors": SHOWN_ERRORS,
            "reading": form,
            "target_link": target_link(of),
            "past_link": f"{self.address('add')}?kind={of.kind}&{TARGETS[Kind(of.kind)]}={of.target.pk}",
            "can_finalise": of.status == Status.PREVIEW or (of.status == Status.FAILED and bool(of.totals)),
            "can_cancel": of.status in services.OPEN,
            "can_be_undone": services.can_be_undone(of),
            "media": self.media,
            **{name.replace("-", "_"): self.address(name, of) for name in ("read-again", "finalise", "cancel", "undo")},
            "errors_file": self.address("errors", of),
        }
        return self.page_of(request, of, "admin/import.html", context)

    def _done(self, request: HttpRequest, of: Import, problem: str = "", said: str = "") -> HttpResponse:
        if problem:
            self.message_user(request, in_the_readers_words(problem), messages.ERROR)
        elif said:
            self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", of))

    def read_again_page(self, request: HttpRequest, of: Import) -> HttpResponse:
        """The file read as its user says."""
        if request.method != "POST" or of.status not in services.READABLE:
            return self._done(request, of)
        form = _reading_form(of, request.POST)
        if not form.is_valid():
            return self._done(request, of, " ".join(str(text) for texts in form.errors.values() for text in texts))
        try:
            refuse_columns(of, form.said())
            services.read_again(of, form.said(), of.clear)
        except (services.WrongStatus, serializers.ValidationError) as error:
            return self._done(request, of, _text(error))
        return self._done(request, of, said=_("The file has been read again."))

    def finalise_page(self, request: HttpRequest, of: Import) -> HttpResponse:
        """The preview is the question; this does it."""
        if request.method != "POST":
            return self._done(request, of)
        try:
            services.finalise(of, skip_errors="skip_errors" in request.POST)
        except services.WrongStatus as error:
            return self._done(request, of, _text(error))
        return self._done(request, of, said=_("The import is finalised.") if of.status == Status.FINALISED else "")

    def cancel_page(self, request: HttpRequest, of: Import) -> HttpResponse:
        if request.method != "POST":
            return self._done(request, of)
        try:
            services.cancel(of)
        except services.WrongStatus as error:
            return self._done(request, of, _text(error))
        return self._done(request, of, said=_("The import is cancelled. Nothing was changed."))

    def undo_page(self, request: HttpRequest, of: Import) -> HttpResponse:
        """Takes back an authorization list's import, after a question."""
        if "confirmed" not in request.POST:
            added, removed = of.totals.get("new", 0), of.totals.get("removed", 0)
            lines = [
                _("%(added)s charge tokens come off the list of %(target)s; %(removed)s that it lost come back.")
                % {"added": f"{added:,}", "removed": f"{removed:,}", "target": of.target},
                _("That is possible while nothing else has touched the list."),
            ]
            return self.confirmation(
                request, of, title=_("Undo this import?"), lines=lines, button=_("Undo"), danger=True
            )
        try:
            services.undo(of)
        except services.WrongStatus as error:
            return self._done(request, of, _text(error))
        return self._done(request, of, said=_("The import is undone."))

    def errors_page(self, request: HttpRequest, of: Import) -> HttpResponseBase:
        """Every error by row, column and value, as a file."""
        return exports.as_csv(exports.errors(of), f"import-{of.pk}-errors")


def _target(request: HttpRequest, kind: Kind, fixed: dict[str, str]) -> Any:
    """What a file goes into; None where that is not the user's to fill."""
    model: Any = Import._meta.get_field(TARGETS[kind]).related_model
    return managed_by(scope_of_request(request), model.objects.all()).filter(pk=fixed[TARGETS[kind]]).first()


def _text(error: Exception) -> str:
    if isinstance(error, serializers.ValidationError):
        return " ".join(str(text) for text in dict(error.detail).values())  # type: ignore[arg-type]
    return str(error)


def _resource(kind: str, category: str) -> type[Rows]:
    if kind == Kind.GROUP_MEMBERS:
        return MEMBERS.get(category, MEMBERS["token"])
    return ListRows if kind == Kind.AUTHORIZATION_LIST else TokenRows


def _fixed(request: HttpRequest) -> dict[str, str]:
    """The kind and the target that the address names, where it names both."""
    kind = request.GET.get("kind", "")
    target = request.GET.get(TARGETS[Kind(kind)], "") if kind in Kind.values else ""
    if not (target.isascii() and target.isdigit() and len(target) < 19):
        return {}
    return {"kind": kind, TARGETS[Kind(kind)]: target}


def _formats(kind: Kind | None, category: str) -> list[dict[str, Any]]:
    """By kind, what a file of it looks like: its columns, and the one that is needed."""
    found = []
    for each in Kind if kind is None else [kind]:
        if each == Kind.LOCATIONS:
            found.append({"kind": each.value, "columns": [], "required": ()})
        else:
            resource = _resource(each.value, category)
            found.append({"kind": each.value, "columns": list(resource.columns()), "required": resource.required})
    return found


def _reading_form(of: Import, data: Any = None) -> ReadingForm:
    return ReadingForm(of.recognised, list(resource_of(of).columns()), data)


def _first_rows(of: Import) -> dict[str, Any]:
    """The first rows as a table: the columns that say anything, and each cell before and after."""
    # The database keeps no order of names.
    order = [*places.SHOWN] if of.kind == Kind.LOCATIONS else [*resource_of(of).columns()]
    said = {name for row in of.first_rows for name, value in row["after"].items() if value not in (None, "")}
    names = sorted(said, key=lambda name: order.index(name) if name in order else len(order))
    lines = []
    for row in of.first_rows:
        before = row["before"] or {}
        cells = [
            {"name": name, "value": _plain(row["after"].get(name)), "before": _plain(before.get(name))}
            for name in names
        ]
        outcome = COUNTED.get(row["outcome"], row["outcome"])
        lines.append({"row": row["row"], "outcome": outcome, "changed": row["outcome"] == "changed", "cells": cells})
    return {"names": names, "lines": lines}


def _plain(value: Any) -> Any:
    return {True: _("yes"), False: _("no")}[value] if isinstance(value, bool) else "–" if value in (None, "") else value
