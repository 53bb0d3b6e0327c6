"""`charge-stations/{identity}/commands/`: what a station is to do, and what came of it."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from authorization import clock
from authorization.api.charging import caller_of
from authorization.api.errors import Conflict, Problem, Unavailable
from authorization.api.resources.base import Resource
from authorization.api.resources.fields import PkField
from authorization.questions import NO_AUTHORIZATION, TOKEN_TYPES, BadQuestion
from authorization.services import NoRules
from authorization.services.asking import token_of
from chargers.models import Command
from chargers.services import commands
from chargers.services.commands import NothingThere, Order
from locations import ids
from locations.access import managed_by, scope_of_request, visible_to
from locations.models import EVSE, ChargeStation
from tokens.models import Token


class CommandSerializer(serializers.ModelSerializer[Command]):
    """state: `refused` by the decision; `pending`, `delivered`; `accepted`, `rejected` by the station; `timed_out`."""

    command = serializers.ChoiceField(choices=Command.Kind.choices, source="kind")
    station = serializers.CharField(source="station.identity")
    token = serializers.SerializerMethodField()

    class Meta:
        model = Command
        fields = [
            "id", "command", "station", "evse", "token", "state", "detail", "created_at", "answer_until", "answered_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_token(self, command: Command) -> int | None:
        """The charge token, where the reader may see it."""
        scope = scope_of_request(self.context["request"])
        seen = visible_to(scope, Token.objects.filter(pk=command.token_id)) if command.token_id else None
        return command.token_id if seen is not None and seen.exists() else None


class GivenSerializer(serializers.Serializer[Any]):
    """token: one that the user may see; or what a charger would be shown, as `id_token` and `token_type`."""

    serializer_related_field = PkField
    command = serializers.ChoiceField(choices=Command.Kind.choices)
    evse = PkField(queryset=EVSE.objects.all(), required=False, allow_null=True)
    token = PkField(queryset=Token.objects.all(), rule=visible_to, required=False, allow_null=True)
    id_token = serializers.CharField(required=False, max_length=255)
    token_type = serializers.ChoiceField(choices=TOKEN_TYPES, required=False)
    until = serializers.DateTimeField(required=False, help_text="Of an overridden schedule.")

    def validate_token_type(self, token_type: str) -> str:
        if token_type == NO_AUTHORIZATION:
            raise serializers.ValidationError("A command is about a token, or leaves both out.")
        return token_type

    def presented(self) -> dict[str, str] | None:
        values = self.validated_data
        if values.get("token") is not None:
            return token_of(values["token"])
        if "id_token" in values:
            return {"id_token": values["id_token"], "token_type": values.get("token_type", "ISO14443")}
        return None


class Commands(Resource):
    """Start authorizes a token, if the decision accepts it; stop ends what is in use; pause and resume keep it. A
    station is told over MQTT or OCPP, and has 30 seconds to answer."""

    queryset = Command.objects.select_related("station")
    serializer_class = CommandSerializer
    http_method_names = ["get", "post", "head", "options"]

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(station=self._station())

    def _station(self) -> ChargeStation:
        try:
            normal = ids.identity(self.kwargs["identity"])
        except ids.BadId:
            raise Http404 from None
        rows = ChargeStation.objects.filter(identity_normal=normal)
        station = managed_by(self.scope, rows).select_related("location").first()
        if station is None:
            raise Http404
        return station

    @extend_schema(request=GivenSerializer, responses={201: CommandSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """202 would say less: the command is kept, and its `state` tells what becomes of it."""
        station = self._station()
        given = GivenSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        evse = given.validated_data.get("evse")
        if evse is not None and evse.station_id != station.pk:
            raise serializers.ValidationError({"evse": "This EVSE is not one of the station's."})
        order = Order(
            given.validated_data["command"], station, evse, given.presented(), given.validated_data.get("until")
        )
        try:
            command = commands.give(order, caller_of(request), clock.now())
        except BadQuestion as error:
            raise Problem(error.detail, error.code) from None
        except NothingThere as error:
            raise Conflict(str(error), "nothing_in_use") from None
        except NoRules:
            raise Unavailable from None
        return Response(self.get_serializer(command).data, status=status.HTTP_201_CREATED)
