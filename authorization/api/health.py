"""`/healthz`: the process is up. `/readyz`: it can answer. `/api/v1/status`: from which revision."""

from typing import Any

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from authorization import selectors
from authorization.api.authentication import ApiKeyAuthentication
from authorization.api.charging import HasKey
from authorization.models import ChargeException
from locations.models import Location
from tokens.models import Token

MAX_SKEW = 2.0  # seconds between this machine's clock and the database's


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "up"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where a question would be answered now, else 503 and why."""
    problem = _problem()
    if problem:
        return JsonResponse({"status": "not ready", "detail": problem}, status=503, headers={"Retry-After": "1"})
    return JsonResponse({"status": "ready"})


def _problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp(), (SELECT value FROM authorization_revision)")
            clock, revision = cursor.fetchone() or (None, None)
    except DatabaseError:
        return "The database does not answer, or is not migrated."
    if clock is None or revision is None:
        return "The database has no revision: run the migrations."
    skew = abs((timezone.now() - clock).total_seconds())
    return f"This machine's clock is {skew:.1f} s off the database's." if skew > MAX_SKEW else ""


class StatusView(APIView):
    """GET, with any key. Without a cache the answer's source is the database, which is never behind itself."""

    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasKey]

    def get(self, request: Request) -> Response:
        revision = selectors.revision()
        body: dict[str, Any] = {
            "revision": revision,
            "committed_revision": revision,
            "lag_seconds": 0.0,
            "source": "database",
            "tokens": Token.objects.count(),
            "locations": Location.objects.count(),
            "exceptions": ChargeException.objects.count(),
        }
        return Response(body)
