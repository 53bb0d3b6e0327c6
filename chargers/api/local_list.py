"""`charge-stations/{identity}/local-list`: the offline list, as a central system sends it on."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from authorization import clock
from authorization.api.errors import Problem, Unavailable, WrongKey
from authorization.api.trimmed import TrimmedView
from authorization.services import Caller, NoRules
from chargers.ocpp import words
from chargers.services import local_lists
from locations import ids
from locations.access import scope_of_request, visible_to, with_sub_cpos
from locations.models import ChargeStation

MOST_VERSION = 2**31 - 1


class LocalListView(TrimmedView):
    """Who may charge at a station now: the payload of OCPP's SendLocalList.

    For the station's own key and for Admins: a Chip ID lets whoever writes it on a card charge. `Full`, or
    `Differential` against one of the last five versions. `X-Total-Count` says how many may charge there, `X-Left-Out`
    how many of them are more than `max` (those of the location's list and of whitelists come first), `X-Too-Long` how
    many ids are too long for the protocol.
    """

    # `format` is OCPP's here, not DRF's, so nothing is negotiated. Who may ask, the station says.
    allow = "GET, HEAD, OPTIONS"
    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[
            OpenApiParameter("version", int, description="The version that the station has.", required=False),
            OpenApiParameter("format", str, enum=words.FORMATS, description="Default: ocpp1.6.", required=False),
            OpenApiParameter("max", int, description="Most identifications that the station keeps.", required=False),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, identity: str) -> Response:
        station = _station(request, identity)
        version = _number(request, "version", 0, MOST_VERSION)
        most = _number(request, "max", 1, local_lists.MOST)
        form = request.query_params.get("format") or words.V16
        if form not in words.FORMATS:
            raise Problem(f"format is one of {', '.join(words.FORMATS)}.")
        try:
            answer = local_lists.answer(station, version, local_lists.MOST if most is None else most, clock.now())
        except NoRules:
            raise Unavailable from None
        told = {
            "X-Total-Count": str(answer.total),
            "X-Left-Out": str(answer.left_out),
            "X-Too-Long": str(words.too_long(answer.entries, form)),
            "Cache-Control": "no-store",
        }
        return Response(words.send_local_list(answer, form), headers=told)


def _station(request: Request, identity: str) -> ChargeStation:
    """The station, for its own key and for Admins. Raises Http404 where the caller would not see it either."""
    try:
        found = ChargeStation.objects.filter(identity_normal=ids.identity(identity)).select_related("location").first()
    except ids.BadId:
        found = None
    caller: Any = request.auth
    if isinstance(caller, Caller) and caller.user is None:
        if found is None or not _reaches(caller, found):
            raise Http404
        if caller.station is None:
            raise WrongKey("Only the station's own key may ask this.")
        return found
    if not request.user.is_authenticated:
        raise NotAuthenticated
    scope = scope_of_request(request)
    if found is None or not visible_to(scope, ChargeStation.objects.filter(pk=found.pk)).exists():
        raise Http404
    if not scope.everything:
        raise WrongKey("Only the station's own key and Admins may ask this.")
    return found


def _reaches(caller: Caller, station: ChargeStation) -> bool:
    if caller.station is not None:
        return caller.station == station.pk
    return caller.cpo is not None and station.location.cpo_id in with_sub_cpos({caller.cpo})


def _number(request: Request, name: str, least: int, most: int) -> int | None:
    text = request.query_params.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= most):
        raise Problem(f"{name} is a whole number from {least} to {most}.")
    return int(text)
