"""What came into a list by files, for everybody who manages the list: who, when, what changed, and where it is seen."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorization.models import ExceptionGroup
from imports.access import past
from imports.models import Import, Kind, Status
from locations.access import Scope, scope_of_request
from locations.admin_history import called
from locations.admin_listing import Column, Listing

COUNTED = {
    "new": gettext_lazy("new"), "changed": gettext_lazy("changed"), "unchanged": gettext_lazy("unchanged"),
    "external": gettext_lazy("external"), "removed": gettext_lazy("removed"), "errors": gettext_lazy("with errors"),
}  # fmt: skip
COLOURS = {
    Status.STAGING: "info", Status.PREVIEW: "warning", Status.REFUSED: "danger", Status.FINALISING: "info",
    Status.FINALISED: "success", Status.FAILED: "danger", Status.CANCELLED: "default",
}  # fmt: skip


def state(of: Import) -> str:
    return _("undone") if of.undone_at else str(of.get_status_display())


def counts(of: Import, *, own: bool = True) -> str:
    """How many rows came to what. What is external depends on whose eyes looked: it is told to its owner alone."""
    shown = {name: label for name, label in COUNTED.items() if own or name != "external"}
    found = [f"{of.totals[name]:,} {label}" for name, label in shown.items() if of.totals.get(name)]
    return ", ".join(found) or "–"


def target_link(of: Import) -> str:
    """Where what was imported is to be seen."""
    if of.kind == Kind.TOKENS:
        return f"{reverse('admin:tokens_token_changelist')}?emsp__id__exact={of.emsp_id}"
    if of.kind == Kind.LOCATIONS:
        return f"{reverse('admin:locations_location_changelist')}?cpo__id__exact={of.cpo_id}"
    if of.kind == Kind.GROUP_MEMBERS:
        return reverse(f"admin:{ExceptionGroup._meta.app_label}_exceptiongroup_members", args=(of.group_id,))
    return reverse("admin:locations_location_authorization", args=(of.location_id,))


def past_imports(request: HttpRequest, kind: Kind, into: Any) -> Listing:
    """The imports into one list, the latest first. The page of an import is its owner's alone."""
    scope = scope_of_request(request)

    def page(of: Import) -> str | None:
        return reverse("admin:imports_import_change", args=(of.pk,)) if _is_own(of, scope) else None

    columns = [
        Column(_("File"), lambda of: of.file_name, page),
        Column(_("Status"), state, label=lambda of: COLOURS[Status(of.status)]),
        Column(_("What changed"), lambda of: counts(of, own=_is_own(of, scope))),
        Column(_("By"), lambda of: called(of.owner, scope) if of.owner else "–"),
        Column(_("When (UTC)"), lambda of: date_format(of.finalised_at or of.created_at, "j M Y H:i")),
        Column(_("Rows"), lambda of: _("Show"), target_link),
    ]
    rows = past(scope, kind, into).select_related("owner")
    return Listing(
        request, "imports", rows, columns, _("Nothing was imported into this list yet."), _("Imports into this list")
    )


def _is_own(of: Import, scope: Scope) -> bool:
    return scope.everything or of.owner_id == scope.user
