"""Pages of the parties' places: CPOs, locations, charge stations, EVSEs.

All but the EVSE's are registered by authorization.admin.locations, which has more to show there.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Case, Q, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter

from locations import ids
from locations.access import scope_of_request
from locations.admin_base import ScopedAdmin, display
from locations.admin_listing import Listing
from locations.admin_listings import access_of, beginning, cpos_below, evses_of, locations_of, stations_of
from locations.admin_pages import ObjectPage
from locations.admin_scope import PartyFilter, search_source
from locations.connectors import described
from locations.models import CPO, EVSE, ChargeStation, Location

FREE = _(
    "This station does not require authorization: everyone charges here free, without a card. "
    "That holds at a private location too, and for blocked cards."
)


def search_party(queryset: Any, term: str) -> Any:
    """A party by its code (NL-GFX, nl*gfx), otherwise by its name."""
    try:
        country_code, party_id = ids.party(term)
    except ids.BadId:
        return queryset.filter(name__icontains=term)
    found = queryset.filter(country_code=country_code, party_id=party_id)
    return found if found.exists() else queryset.filter(name__icontains=term)


class CPOAdmin(ScopedAdmin):
    others_by_name = True
    empty = _("CPOs run charge locations: places, stations and exceptions belong to one.")
    list_display = ("name", "party", "above", "time_zone")
    search_fields = ("name",)
    search_help_text = _("Name or party, like NL-GFX")
    autocomplete_fields = ("parent",)
    fieldsets = ((None, {"fields": ("name", ("country_code", "party_id"), "parent", "time_zone")}),)
    refusals = {"cpo_is_not_its_own_parent": ("parent", None), "cpo_party_is_unique": ("party_id", None)}
    object_pages: tuple[ObjectPage, ...] = (ObjectPage("locations", _("Locations"), "locations.view_location"),)

    def get_queryset(self, request: HttpRequest) -> Any:
        """The CPO above may be another party: then it is not named."""
        scope = scope_of_request(request)
        shown = Q() if scope.everything else Q(parent__in=sorted(scope.cpos))
        name = Case(When(shown & Q(parent__isnull=False), then="parent__name"), default=Value("–"))
        rows: Any = super().get_queryset(request)
        return rows.annotate(above_name=name)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("name", ("country_code", "party_id"), "above", "time_zone")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "above")

    @display(description=_("Party"), label=True)
    def party(self, cpo: CPO) -> str:
        return cpo.code

    @display(description=_("Parent CPO"), ordering="parent__name")
    def above(self, cpo: Any) -> str:
        return str(cpo.above_name)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        return (search_party(queryset, term) if term else queryset), False

    def locations_page(self, request: HttpRequest, obj: CPO) -> HttpResponse:
        listings = [self.locations_listing(request, obj), cpos_below(request, obj)]
        return self.page_of(request, obj, "admin/listings.html", {"listings": listings}, at="locations")

    def locations_listing(self, request: HttpRequest, obj: CPO) -> Listing:
        return locations_of(request, obj)


class LocationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A location without a time zone gets its CPO's before the constraint that asks for one is checked."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        cpo = cleaned.get("cpo") or (self.instance.cpo if self.instance.pk else None)
        if not cleaned.get("time_zone") and cpo:
            cleaned["time_zone"] = cpo.time_zone
        return cleaned


class LocationAdmin(ScopedAdmin):
    managers_write = True
    others_by_name = True
    # To another CPO only an Admin moves it.
    fixed = ("cpo",)
    form = LocationForm
    empty = _(
        "Charge locations are the places where cars charge. Many come as a file: Import locations, on the page of "
        "their CPO."
    )
    list_display: tuple[str, ...] = ("name_or_id", "location_id", "cpo", "city", "country")
    list_select_related = ("cpo",)
    list_filter: ClassVar[tuple[Any, ...]] = (("cpo", PartyFilter),)
    # Other orders of so many rows have no index.
    sortable_by = ("name_or_id", "location_id")
    search_fields = ("name", "city", "location_id")
    search_help_text = _("Name, city, location ID, EVSE ID or station identity")
    autocomplete_fields = ("cpo",)
    fieldsets = (
        (None, {"fields": ("name", ("cpo", "location_id"), "time_zone")}),
        (_("Address"), {"fields": ("address", ("postal_code", "city"), "country", ("latitude", "longitude"))}),
    )
    # Later it is published and unpublished by buttons, which say what that does.
    add_fieldsets = ((None, {"fields": ("name", ("cpo", "location_id"), ("time_zone", "published"))}), fieldsets[1])
    object_pages: tuple[ObjectPage, ...] = (
        ObjectPage("chargers", _("EVSEs and stations"), "locations.view_chargestation"),
    )
    history_parts: tuple[Any, ...] = ((EVSE, "location"), (ChargeStation, "location"))
    refusals = {"location_id_is_unique_per_cpo": ("location_id", None)}

    @display(description=_("Name"), ordering="name")
    def name_or_id(self, location: Location) -> str:
        return str(location)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        if search_source(request) and not scope_of_request(request).everything:
            # Of others' locations the name is all that may be read, and so all that is searched.
            return queryset.filter(name__icontains=term), False
        try:
            evses = EVSE.objects.filter(evse_id_normal=ids.evse_id(term))
            stations = ChargeStation.objects.filter(identity_normal=ids.identity(term))
        except ids.BadId:
            return super().search(queryset, term, request)
        # Asked by themselves, each is one look into an index.
        places = {pk for rows in (evses, stations) for pk in rows.values_list("location", flat=True)}
        named = queryset.filter(pk__in=places)
        return (named, False) if places and named.exists() else super().search(queryset, term, request)

    def chargers_page(self, request: HttpRequest, obj: Location) -> HttpResponse:
        listings = [stations_of(request, obj), evses_of(request, obj)]
        return self.page_of(request, obj, "admin/listings.html", {"listings": listings}, at="chargers")


class AtLocation(ScopedAdmin):
    """Something that stands at a location: its page leads there, and back there when it was added from there."""

    managers_write = True
    change_form_outer_before_template = "admin/above_charger.html"

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        if "location" in request.GET:
            return HttpResponseRedirect(reverse("admin:locations_location_chargers", args=(obj.location_id,)))
        return super().response_post_save_add(request, obj)


class StationForm(forms.ModelForm):  # type: ignore[type-arg]
    """What each access mode means, in plain words."""

    class Meta:
        help_texts = {
            "authorization_required": _(
                "Every car needs a charge token that may charge here. Off: anyone charges without a card."
            ),
            "local_pre_authorize": _(
                "The station begins at once with a token from its own list and asks afterwards. Only where no "
                "authorization is required: switch that off first."
            ),
            "local_authorize_offline": _("Without a connection the station lets in whoever is on its offline list."),
            "allow_offline_unknown": _(
                "Without a connection the station lets in anybody, unknown cards too. What it did shows in the log."
            ),
            "smart_button": _("A button at the station starts and stops charging; each press shows in the log."),
        }


class ChargeStationAdmin(AtLocation):
    form = StationForm
    empty = _("Charge stations are the machines at a location, each with its EVSEs, access modes and API keys.")
    list_display = ("named", "location", "access")
    sortable_by = ("named",)
    list_select_related = ("location",)
    list_filter = (("location", PartyFilter), ("authorization_required", BooleanRadioFilter))
    search_fields = ("identity",)
    search_help_text = _("Identity, from its beginning")
    autocomplete_fields = ("location",)
    object_pages: tuple[ObjectPage, ...] = (ObjectPage("evses", _("EVSEs"), "locations.view_evse"),)
    history_parts = ((EVSE, "station"),)
    fieldsets = (
        (None, {"fields": ("identity", "location")}),
        (
            _("Access modes"),
            {
                "fields": (
                    "authorization_required",
                    "local_pre_authorize",
                    "local_authorize_offline",
                    "allow_offline_unknown",
                    "smart_button",
                )
            },
        ),
    )
    refusals = {
        "station_identity_is_unique": ("identity", None),
        "evse_station_of_its_location": (
            "location",
            _("EVSEs of this station stand at its present location: take them off the station first."),
        ),
    }

    @display(description=_("Identity"), ordering="identity_normal")
    def named(self, station: ChargeStation) -> str:
        return station.identity

    @display(description=_("Access"), label={True: "info", False: "warning"})
    def access(self, station: ChargeStation) -> Any:
        return station.authorization_required, access_of(station)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        try:
            return queryset.filter(identity_normal__startswith=ids.identity(term)), False
        except ids.BadId:
            return (queryset.none() if term else queryset), False

    def notices(self, request: HttpRequest, obj: ChargeStation) -> list[tuple[str, str]]:
        return [] if obj.authorization_required else [("warning", str(FREE))]

    def evses_page(self, request: HttpRequest, obj: ChargeStation) -> HttpResponse:
        listings = [evses_of(request, obj.location, obj)]
        return self.page_of(request, obj, "admin/listings.html", {"listings": listings}, at="evses")


@admin.register(EVSE)
class EVSEAdmin(AtLocation):
    empty = _("EVSEs are what a car is plugged into. Imported locations bring theirs.")
    list_display = ("name", "uid", "location", "station")
    sortable_by = ()
    list_select_related = ("location", "station")
    list_filter = (("location", PartyFilter),)
    search_fields = ("evse_id",)
    search_help_text = _("EVSE ID from its beginning, with or without *, or a UID")
    autocomplete_fields = ("location", "station")
    fieldsets = ((None, {"fields": (("evse_id", "uid"), "location", "station", "its_connectors")}),)
    readonly_fields = ("its_connectors",)
    refusals = {
        "evse_id_is_unique": ("evse_id", _("This EVSE ID is taken.")),
        "evse_uid_is_unique_per_location": ("uid", _("This EVSE UID is taken at this location.")),
        "evse_station_of_its_location": ("station", _("The charge station stands at another location.")),
    }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": (("evse_id", "uid"), "location", "station")}),)

    @display(description=_("Connectors"))
    def its_connectors(self, evse: EVSE) -> str:
        """They come by import or by API."""
        return described(evse.connectors) or "–"

    @display(description="EVSE ID")
    def name(self, evse: EVSE) -> str:
        return str(evse)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        try:
            normal = ids.evse_id(term)
        except ids.BadId:
            return (queryset.none() if term else queryset), False
        named = queryset.filter(evse_id_normal__startswith=beginning(normal))
        return (named if named.exists() else queryset.filter(uid=term)), False
