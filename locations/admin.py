"""Pages of the parties' places: CPOs, locations, charge stations, EVSEs."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import BooleanRadioFilter

from locations import ids
from locations.access import scope_of_request
from locations.admin_base import GrantedAdmin, ScopedAdmin, ScopedInline, ShownInline, display
from locations.admin_scope import PartyFilter, search_source
from locations.models import CPO, EVSE, ChargeStation, Location

FREE = (
    "This station does not require authorization: everyone charges here free, without a card. "
    "That holds at a private location too, and for blocked cards."
)
EVSE_REFUSALS = {
    "evse_id_is_unique": ("evse_id", "This EVSE ID is taken."),
    "evse_uid_is_unique_per_location": ("uid", "This EVSE UID is taken at this location."),
    "evse_station_of_its_location": ("station", "The charge station stands at another location."),
}


def search_party(queryset: Any, term: str) -> Any:
    """A party by its code (NL-GFX, nl*gfx), otherwise by its name."""
    try:
        country_code, party_id = ids.party(term)
    except ids.BadId:
        return queryset.filter(name__icontains=term)
    found = queryset.filter(country_code=country_code, party_id=party_id)
    return found if found.exists() else queryset.filter(name__icontains=term)


@admin.register(CPO)
class CPOAdmin(GrantedAdmin):
    others_by_name = True
    list_display = ("name", "party", "parent", "time_zone")
    list_select_related = ("parent",)
    search_fields = ("name",)
    search_help_text = "Name or party, like NL-GFX"
    autocomplete_fields = ("parent",)
    fieldsets = ((None, {"fields": ("name", ("country_code", "party_id"), "parent", "time_zone")}),)
    refusals = {"cpo_is_not_its_own_parent": ("parent", None), "cpo_party_is_unique": ("party_id", None)}

    @display(description="Party", label=True)
    def party(self, cpo: CPO) -> str:
        return cpo.code

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        return (search_party(queryset, term) if term else queryset), False


class EVSEInline(ScopedInline):
    managers_write = True
    model = EVSE
    fields = ("evse_id", "uid", "station")
    autocomplete_fields = ("station",)


class StationInline(ScopedInline):
    managers_write = True
    model = ChargeStation
    fields = ("identity", "authorization_required")


class LocationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A location without a time zone gets its CPO's before the constraint that asks for one is checked."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("time_zone") and cleaned.get("cpo"):
            cleaned["time_zone"] = cleaned["cpo"].time_zone
        return cleaned


class LocationAdmin(ScopedAdmin):
    """Registered by authorization.admin.locations, which adds who may charge here."""

    managers_write = True
    others_by_name = True
    fixed = ("cpo",)
    form = LocationForm
    list_display: tuple[str, ...] = ("name_or_id", "location_id", "cpo", "city", "country")
    list_select_related = ("cpo",)
    list_filter: ClassVar[tuple[Any, ...]] = (("cpo", PartyFilter),)
    search_fields = ("name", "city", "location_id")
    search_help_text = "Name, city, location ID, EVSE ID or station identity"
    autocomplete_fields = ("cpo",)
    inlines: ClassVar[tuple[Any, ...]] = (EVSEInline, StationInline)
    fieldsets = (
        (None, {"fields": ("name", ("cpo", "location_id"), ("published", "time_zone"))}),
        ("Address", {"fields": ("address", ("postal_code", "city"), "country", ("latitude", "longitude"))}),
    )
    history_parts: tuple[Any, ...] = ((EVSE, "location"), (ChargeStation, "location"))
    refusals = {
        "location_id_is_unique_per_cpo": ("location_id", None),
        "private_location_is_not_published": ("published", None),
        **{name: (None, text) for name, (_, text) in EVSE_REFUSALS.items()},
        "station_identity_is_unique": (None, "This station identity is taken."),
    }

    @display(description="Name", ordering="name")
    def name_or_id(self, location: Location) -> str:
        return str(location)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        if search_source(request) and not scope_of_request(request).everything:
            # Of others' locations the name is all that may be read, and so all that is searched.
            return queryset.filter(name__icontains=term), False
        try:
            evses = EVSE.objects.filter(evse_id_normal=ids.evse_id(term)).values("location")
            stations = ChargeStation.objects.filter(identity_normal=ids.identity(term)).values("location")
        except ids.BadId:
            return super().search(queryset, term, request)
        named = queryset.filter(Q(pk__in=evses) | Q(pk__in=stations))
        return (named, False) if named.exists() else super().search(queryset, term, request)


class StationEVSEInline(ShownInline):
    """An EVSE belongs to its location and is chosen there; here it is only shown."""

    model = EVSE
    fields = ("evse_id", "uid")


@admin.register(ChargeStation)
class ChargeStationAdmin(ScopedAdmin):
    managers_write = True
    list_display = ("identity", "location", "access")
    list_select_related = ("location",)
    list_filter = (("location", PartyFilter), ("authorization_required", BooleanRadioFilter))
    search_fields = ("identity",)
    search_help_text = "Identity, from its beginning"
    autocomplete_fields = ("location",)
    inlines = (StationEVSEInline,)
    fieldsets = (
        (None, {"fields": ("identity", "location")}),
        (
            "Access modes",
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
            "EVSEs of this station stand at its present location: take them off the station first.",
        ),
    }

    @display(description="Access", label={"authorization required": "info", "free, without a card": "warning"})
    def access(self, station: ChargeStation) -> str:
        return "authorization required" if station.authorization_required else "free, without a card"

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        try:
            return queryset.filter(identity_normal__startswith=ids.identity(term)), False
        except ids.BadId:
            return (queryset.none() if term else queryset), False

    def notices(self, request: HttpRequest, obj: ChargeStation) -> list[tuple[str, str]]:
        return [] if obj.authorization_required else [("warning", FREE)]


@admin.register(EVSE)
class EVSEAdmin(ScopedAdmin):
    managers_write = True
    list_display = ("name", "uid", "location", "station")
    list_select_related = ("location", "station")
    list_filter = (("location", PartyFilter),)
    search_fields = ("evse_id",)
    search_help_text = "EVSE ID from its beginning, with or without *, or a UID"
    autocomplete_fields = ("location", "station")
    fieldsets = ((None, {"fields": (("evse_id", "uid"), "location", "station")}),)
    refusals = EVSE_REFUSALS

    @display(description="EVSE ID", ordering="evse_id")
    def name(self, evse: EVSE) -> str:
        return str(evse)

    def search(self, queryset: Any, term: str, request: HttpRequest) -> tuple[Any, bool]:
        try:
            normal = ids.evse_id(term)
        except ids.BadId:
            return (queryset.none() if term else queryset), False
        named = queryset.filter(evse_id_normal__startswith=normal.replace("*", "") if normal[:2].isalpha() else normal)
        return (named if named.exists() else queryset.filter(uid=term)), False
