"""`cpos`, `locations`, `evses`, `charge-stations`."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.errors import Conflict, Unavailable
from authorization.api.filters import FlagFilter, IdFilter, NormalFilter
from authorization.api.resources.base import Checked, Resource, check
from authorization.api.resources.fields import CoordinateField
from authorization.api.resources.lists import AuthorizationListMixin
from authorization.api.resources.refusals import writing
from authorization.models import AuthorizationListEntry
from authorization.services import NoRules, lists
from authorization.services.visibility import open_to
from locations import ids
from locations.access import scope_of_request
from locations.connectors import FORMATS, MAX_ID, MAX_NUMBER, MAX_URL, MOST, POWER_TYPES, STANDARDS, Connector, read
from locations.models import CPO, EVSE, ChargeStation, Location


class CPOSerializer(Checked):
    names = ("id", "country_code", "party_id", "name")

    class Meta:
        model = CPO
        fields = ["id", "country_code", "party_id", "name", "parent", "time_zone"]

    def is_own(self, instance: CPO) -> bool:
        return instance.pk in self.scope.cpos

    def validate_parent(self, parent: CPO | None) -> CPO | None:
        if not self.scope.everything and parent != getattr(self.instance, "parent", None):
            raise PermissionDenied("Moving a CPO below another one is an Admin's.")
        return parent

    def to_representation(self, instance: CPO) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if "parent" in shown and not self.scope.everything and instance.parent_id not in self.scope.cpos:
            shown["parent"] = None  # the CPO above is another party
        return shown


class CPOFilter(filters.FilterSet):  # type: ignore[misc]
    country_code = NormalFilter(str.upper)
    party_id = NormalFilter(str.upper)
    parent = IdFilter()


class CPOs(Resource):
    queryset = CPO.objects.all()
    serializer_class = CPOSerializer
    filterset_class = CPOFilter
    search_fields = ["name", "country_code", "party_id"]
    names = ("name", "country_code", "party_id")


class ConnectorSerializer(serializers.Serializer[Any]):
    """As a Connector of OCPI 2.2.1. What partners are shown in 2.1.1 follows from it."""

    id = serializers.CharField(max_length=MAX_ID)
    standard = serializers.ChoiceField(STANDARDS)
    format = serializers.ChoiceField(FORMATS)
    power_type = serializers.ChoiceField(POWER_TYPES)
    max_voltage = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, help_text="Volts, line to neutral.")
    max_amperage = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, help_text="Amperes.")
    max_electric_power = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, required=False, help_text="Watts.")
    tariff_ids = serializers.ListField(child=serializers.CharField(max_length=MAX_ID), required=False, max_length=MOST)
    terms_and_conditions = serializers.URLField(max_length=MAX_URL, required=False)


class EVSESerializer(Checked):
    """`uid` may be left out where `evse_id` is given: then it is that. `connectors` is written as a whole, and decides
    nothing."""

    connectors = ConnectorSerializer(many=True, required=False)

    class Meta:
        model = EVSE
        fields = ["id", "location", "station", "uid", "evse_id", "connectors"]
        extra_kwargs = {"uid": {"required": False}}

    def validate_connectors(self, given: list[dict[str, Any]]) -> list[Connector]:
        found, problems = read(given)
        if problems:
            raise serializers.ValidationError([f"{problem.field} {problem.text}" for problem in problems])
        return found

    def prepare(self, instance: EVSE) -> None:
        instance.uid = instance.uid or instance.evse_id or ""


class EVSEFilter(filters.FilterSet):  # type: ignore[misc]
    cpo = IdFilter("location__cpo")
    location = IdFilter()
    station = IdFilter()
    uid = filters.CharFilter()
    evse_id = NormalFilter(ids.evse_id, "evse_id_normal")


class EVSEs(Resource):
    queryset = EVSE.objects.all()
    serializer_class = EVSESerializer
    filterset_class = EVSEFilter
    search_fields = ["uid", "evse_id", "evse_id_normal"]


class NestedEVSESerializer(EVSESerializer):
    class Meta(EVSESerializer.Meta):
        fields = ["id", "station", "uid", "evse_id", "connectors"]
        # A new location has no stations yet.
        read_only_fields = ["station"]


class LocationSerializer(Checked):
    evses = NestedEVSESerializer(many=True, required=False)
    latitude = CoordinateField(required=False, allow_null=True)
    longitude = CoordinateField(required=False, allow_null=True)
    time_zone = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=64)
    private = serializers.SerializerMethodField()
    names = ("id", "cpo", "location_id", "name")

    class Meta:
        model = Location
        fields = [
            "id", "cpo", "location_id", "name", "address", "city", "postal_code", "country", "latitude", "longitude",
            "time_zone", "published", "private", "evses",
        ]  # fmt: skip

    def is_own(self, instance: Location) -> bool:
        return instance.cpo_id in self.scope.cpos

    def validate_cpo(self, cpo: CPO) -> CPO:
        if isinstance(self.instance, Location) and cpo.pk != self.instance.cpo_id and not self.scope.everything:
            raise PermissionDenied("Moving a location to another CPO is an Admin's.")
        return cpo

    def get_private(self, location: Any) -> bool:
        known = getattr(location, "is_private", None)
        return location.authorization_list.exists() if known is None else bool(known)

    def validate_evses(self, evses: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.instance is not None:
            raise serializers.ValidationError("The EVSEs of a location are changed at evses/.")
        return evses

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        latitude, longitude = (
            attrs.get(name, getattr(self.instance, name, None)) for name in ("latitude", "longitude")
        )
        if (latitude is None) != (longitude is None):
            raise serializers.ValidationError({"latitude": "Give a latitude and a longitude, or neither."})
        return attrs

    def prepare(self, instance: Location) -> None:
        instance.time_zone = instance.time_zone or instance.cpo.time_zone

    def create(self, validated_data: dict[str, Any]) -> Location:
        evses = validated_data.pop("evses", [])
        location: Location = super().create(validated_data)
        errors = {index: self._create_evse(location, values) for index, values in enumerate(evses)}
        if any(errors.values()):
            raise serializers.ValidationError(
                {"evses": {str(index): error for index, error in errors.items() if error}}
            )
        return location

    def _create_evse(self, location: Location, values: dict[str, Any]) -> Any:
        evse = EVSE(location=location, **values)
        evse.uid = evse.uid or evse.evse_id or ""
        try:
            check(evse)
        except serializers.ValidationError as error:
            return error.detail
        evse.save()
        return {}


class LocationFilter(filters.FilterSet):  # type: ignore[misc]
    cpo = IdFilter()
    country_code = NormalFilter(str.upper, "cpo__country_code")
    party_id = NormalFilter(str.upper, "cpo__party_id")
    location_id = filters.CharFilter()
    evse_id = NormalFilter(ids.evse_id, "evses__evse_id_normal")
    city = filters.CharFilter(lookup_expr="iexact")
    country = NormalFilter(str.upper)
    time_zone = filters.CharFilter()
    published = FlagFilter()
    private = FlagFilter("is_private")
    visible_to_token = filters.CharFilter(method="shown_to")

    def shown_to(self, queryset: QuerySet[Any], name: str, auth_id: str) -> QuerySet[Any]:
        """What a driver's app may show to the card with this Auth ID."""
        try:
            return open_to(queryset, auth_id, scope_of_request(self.request), timezone.now())
        except NoRules:
            raise Unavailable from None


class Locations(AuthorizationListMixin, Resource):
    queryset = Location.objects.all()
    serializer_class = LocationSerializer
    filterset_class = LocationFilter
    search_fields = ["name", "location_id", "address", "city"]
    names = ("name", "cpo", "location_id", "country_code", "party_id", "visible_to_token")
    managed_actions = ("authorization_list",)

    def get_queryset(self) -> QuerySet[Any]:
        entries = AuthorizationListEntry.objects.filter(location=OuterRef("pk"))
        rows: QuerySet[Any] = super().get_queryset()
        annotated: QuerySet[Any] = rows.annotate(is_private=Exists(entries)).prefetch_related("evses")
        return annotated

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        with writing():
            location = self.get_object()
            try:
                lists.publish(location)
            except lists.PrivateLocation as error:
                raise Conflict(str(error), "private_location") from None
        return self.shown(location)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def unpublish(self, request: Request, pk: str) -> Response:
        with writing():
            location = self.get_object()
            lists.unpublish(location)
        return self.shown(location)


class StationSerializer(Checked):
    class Meta:
        model = ChargeStation
        extra_kwargs = {
            "authorization_required": {
                "help_text": "Off: anyone charges without a card. Excludes local_pre_authorize."
            },
            "local_pre_authorize": {"help_text": "Begins with a token of its own list, and asks afterwards."},
            "local_authorize_offline": {"help_text": "Without a connection, lets in who is on its offline list."},
            "allow_offline_unknown": {"help_text": "Without a connection, lets in anybody."},
            "smart_button": {"help_text": "A button at the station starts and stops charging."},
        }
        fields = [
            "id", "location", "identity", "authorization_required", "local_pre_authorize", "local_authorize_offline",
            "allow_offline_unknown", "smart_button",
        ]  # fmt: skip


class StationFilter(filters.FilterSet):  # type: ignore[misc]
    cpo = IdFilter("location__cpo")
    location = IdFilter()
    identity = NormalFilter(ids.identity, "identity_normal")
    authorization_required = FlagFilter()
    local_pre_authorize = FlagFilter()
    local_authorize_offline = FlagFilter()
    allow_offline_unknown = FlagFilter()
    smart_button = FlagFilter()


class ChargeStations(Resource):
    """Found by identity, in any case. Percent-encode it: a `/` in it is fine too."""

    queryset = ChargeStation.objects.all()
    serializer_class = StationSerializer
    filterset_class = StationFilter
    search_fields = ["identity"]
    lookup_field = "identity_normal"
    lookup_url_kwarg = "identity"
    lookup_value_regex = ".+?"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "identity" in self.kwargs:
            try:
                self.kwargs["identity"] = ids.identity(self.kwargs["identity"])
            except ids.BadId:
                raise Http404 from None
