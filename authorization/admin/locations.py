"""Pages of CPOs, locations and stations, with who may charge there, what exceptions touch them, and their log."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RadioFilter

from authorization.admin.authorization_list import AuthorizationListPages
from authorization.admin.log_listing import log_listing
from authorization.admin.sentences import location_state
from authorization.admin.touching import exceptions_listing
from authorization.models import AuthorizationListEntry
from authorization.services import lists
from locations.admin import ChargeStationAdmin, CPOAdmin, LocationAdmin
from locations.admin_base import ScopedAdmin, display
from locations.admin_pages import Button, ObjectPage
from locations.models import CPO, ChargeStation, Location

LISTED = Exists(AuthorizationListEntry.objects.filter(location=OuterRef("pk")))
STATES = {
    "public": (_("public"), Q(published=True)),
    "private": (_("private"), Q(LISTED)),
    "closed": (_("closed"), Q(published=False) & ~Q(LISTED)),
}
COLOURS = {"public": "success", "private": "info", "closed": "warning"}
EXCEPTIONS = ObjectPage("exceptions", _("Exceptions"), "authorization.view_chargeexception")
LOG = ObjectPage("log", _("Log"), "authorization.view_decision")


class StateFilter(RadioFilter):  # type: ignore[misc]
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state, title) for state, (title, _) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(STATES[self.value()][1]) if self.value() in STATES else queryset


class Touched(ScopedAdmin):
    """Tabs of what touches the object; about: its name as a keyword of the listings."""

    about = ""

    def exceptions_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        listing = exceptions_listing(request, **{self.about: obj})
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="exceptions")

    def log_page(self, request: HttpRequest, obj: Any) -> HttpResponse:
        listing = log_listing(request, **{self.about: obj})
        return self.page_of(request, obj, "admin/listings.html", {"listings": [listing]}, at="log")


class LocationPages(AuthorizationListPages, Touched, LocationAdmin):
    about = "location"
    list_display = ("name_or_id", "location_id", "cpo", "city", "state", "authorised", "chargers")
    list_filter = (*LocationAdmin.list_filter, StateFilter)
    change_form_outer_before_template = "admin/above_location.html"
    object_pages = (
        *LocationAdmin.object_pages,
        *AuthorizationListPages.object_pages,
        ObjectPage("publish", changes=True),
        ObjectPage("unpublish", changes=True),
        EXCEPTIONS,
        LOG,
    )
    history_parts = (*LocationAdmin.history_parts, (AuthorizationListEntry, "location"))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(private=LISTED)

    @display(description=_("State"), label=COLOURS)
    def state(self, location: Any) -> tuple[str, Any]:
        state = "private" if location.private else "public" if location.published else "closed"
        return state, STATES[state][0]

    def page_of(self, request: HttpRequest, obj: Any, template: str, context: Any, **options: Any) -> Any:
        return super().page_of(request, obj, template, context | self._said(obj), **options)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        context |= self._said(obj) if obj is not None and obj.pk else {}
        return super().render_change_form(request, context, *args, **kwargs)

    @staticmethod
    def _said(obj: Location) -> dict[str, Any]:
        """What stands above each tab: whether the location is public, private or closed, and why."""
        state, sentence = lists.state(obj), 
        return {}


admin.site.register(Location, LocationPages)
