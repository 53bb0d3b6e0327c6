"""Pages of CPOs, locations and stations, with who may charge there, what exceptions touch them, and their log."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RadioFilter

from authorization.admin.authorization_list import AuthorizationListPages
from authorization.admin.sentences import location_state
from authorization.admin.tabs import EXCEPTIONS, LOG, Touched
from authorization.models import AuthorizationListEntry
from authorization.services import PrivateLocation, lists
from locations.admin import ChargeStationAdmin, CPOAdmin, LocationAdmin
from locations.admin_base import display
from locations.admin_listing import Column, Listing
from locations.admin_pages import Button, ObjectPage
from locations.models import CPO, EVSE, ChargeStation, Location

LISTED = Exists(AuthorizationListEntry.objects.filter(location=OuterRef("pk")))
STATES = {
    "public": (_("public"), Q(published=True)),
    # A private location is never published: that says where to look.
    "private": (_("private"), Q(published=False) & Q(LISTED)),
    "closed": (_("closed"), Q(published=False) & ~Q(LISTED)),
}
COLOURS = {"public": "success", "private": "info", "closed": "warning"}


def number_of(model: Any) -> Any:
    rows = model.objects.filter(location=OuterRef("pk")).order_by().values("location")
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)


def state_of(location: Any) -> str:
    """One of STATES, of a row that says whether it is `private`."""
    return "private" if location.private else "public" if location.published else "closed"


class StateFilter(RadioFilter):  # type: ignore[misc]
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state, title) for state, (title, _condition) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(STATES[self.value()][1]) if self.value() in STATES else queryset


class LocationPages(AuthorizationListPages, Touched, LocationAdmin):
    about = "location"
    list_display = ("name_or_id", "location_id", "cpo", "city", "state", "chargers", "authorization")
    list_filter = (*LocationAdmin.list_filter, StateFilter)
    object_pages = (
        *LocationAdmin.object_pages,
        *AuthorizationListPages.object_pages,
        EXCEPTIONS,
        LOG,
        ObjectPage("publish", changes=True),
        ObjectPage("unpublish", changes=True),
    )
    history_parts = (*LocationAdmin.history_parts, (AuthorizationListEntry, "location"))

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).annotate(private=LISTED)
        return rows.annotate(stations_number=number_of(ChargeStation), evses_number=number_of(EVSE))

    @display(description=_("State"), label=COLOURS)
    def state(self, location: Any) -> tuple[str, Any]:
        return state_of(location), STATES[state_of(location)][0]

    @display(description=_("Stations / EVSEs"))
    def chargers(self, location: Any) -> str:
        return f"{location.stations_number} / {location.evses_number}"

    @display(description=_("Who may charge"))
    def authorization(self, location: Location) -> str:
        return format_html(
            '<a class="cw-link" href="{}">{}</a>', self.address("authorization", location), gettext("Authorization")
        )

    def notices(self, request: HttpRequest, obj: Location) -> list[tuple[str, str]]:
        """Whether the location is public, private or closed, and why; and where anybody charges all the same."""
        # The row itself: after a refused save `obj` holds what was typed.
        published = Location.objects.values_list("published", flat=True).get(pk=obj.pk)
        said = [("info", location_state(published, *lists.on_list(obj)))]
        free = [str(station) for station in obj.stations.filter(authorization_required=False)[:4]]
        if free:
            names = ", ".join(free[:3]) + (gettext(" and others") if len(free) > 3 else "")
            text = gettext(
                "No authorization is required at %(stations)s: everyone charges there free, blocked cards too."
            )
            said.append(("warning", text % {"stations": names}))
        return said

    def buttons(self, request: HttpRequest, obj: Location) -> list[Button]:
        if not self.has_change_permission(request, obj):
            return []
        edit = Button(gettext("Edit"), self.address("change", obj))
        slug, title = ("unpublish", gettext("Unpublish")) if obj.published else ("publish", gettext("Publish"))
        opened = request.resolver_match.url_name if request.resolver_match else ""
        at_form = opened == "locations_location_change"
        return [*([] if at_form else [edit]), Button(title, self.address(slug, obj))]

    def publish_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        try:
            lists.refuse_private(obj)
            if "confirmed" in request.POST:
                lists.publish(obj)
                return self._led_back(request, obj, messages.SUCCESS, gettext("%(location)s is public now."))
        except PrivateLocation as error:
            return self._led_back(request, obj, messages.ERROR, str(error))
        lines = [
            gettext(
                "%(location)s becomes public: every valid charge token may charge there, unless an exception "
                "says otherwise."
            ),
            gettext("Apps and partner platforms show it again."),
        ]
        return self.confirmation(
            request,
            obj,
            title=gettext("Publish %(location)s?") % {"location": obj},
            lines=[line % {"location": obj} for line in lines],
            button=gettext("Publish"),
            at="authorization",
        )

    def unpublish_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        if "confirmed" in request.POST:
            lists.unpublish(obj)
            return self._led_back(request, obj, messages.SUCCESS, gettext("%(location)s is not published any more."))
        line = gettext(
            "%(location)s is closed: nobody may charge there until it is published again, or customers or charge "
            "tokens are put on its authorization list."
        )
        return self.confirmation(
            request,
            obj,
            title=gettext("Unpublish %(location)s?") % {"location": obj},
            lines=[line % {"location": obj}],
            button=gettext("Unpublish"),
            at="authorization",
            danger=True,
        )

    def _led_back(self, request: HttpRequest, obj: Location, level: int, text: str) -> HttpResponse:
        self.message_user(request, text % {"location": obj}, level)
        return HttpResponseRedirect(self.address("authorization", obj))


class CPOPages(Touched, CPOAdmin):
    about = "cpo"
    object_pages: tuple[ObjectPage, ...] = (*CPOAdmin.object_pages, EXCEPTIONS)

    def locations_listing(self, request: HttpRequest, obj: CPO) -> Listing:
        listing = super().locations_listing(request, obj)
        listing.rows = listing.rows.annotate(private=LISTED)
        state = Column(gettext("State"), lambda row: STATES[state_of(row)][0], label=lambda row: COLOURS[state_of(row)])
        listing.columns = [*listing.columns, state]
        return listing


class StationPages(Touched, ChargeStationAdmin):
    about = "station"
    object_pages = (*ChargeStationAdmin.object_pages, LOG)


admin.site.register(Location, LocationPages)
admin.site.register(CPO, CPOPages)
admin.site.register(ChargeStation, StationPages)
