"""`/healthz`: the process is up. `/readyz`: it can answer. `/api/v1/status`: from which revision."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from authorization import selectors
from authorization.api.authentication import KnownToTheStore
from authorization.api.charging import HasKey
from authorization.models import Change, ChargeException
from authorization.services import charging
from locations.models import Location
from tokens.models import Token

MAX_SKEW = 2.0  # seconds between this machine's clock and the database's
# A web process says until when, by time.monotonic(), it would rather wait for its copy than be asked.
copy_awaited_until = 0.0
# How the database is asked: at once; a web node puts a bounded way here.
ask: Callable[[Callable[[], Any]], Any] = lambda work: work()  # noqa: E731 - a default, not a function


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "up"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where a question would be answered now, and from where; else 503 and why.

    A node that is being stopped says 503 too, and answers all the same: who sends requests is to ask others.
    """
    try:
        problem = "This node is being stopped." if settings.DRAINING_FILE.exists() else ask(_problem)
        source = "" if problem else charging.store.state().source
        problem = problem or _without_its_copy(source)
    except DatabaseError:
        problem, source = "The database does not answer, or is not migrated.", ""
    if problem:
        return JsonResponse({"status": "not ready", "detail": problem}, status=503, headers={"Retry-After": "1"})
    return JsonResponse({"status": "ready", "source": source})


def _without_its_copy(source: str) -> str:
    """What a node that has just started lacks. Until it has a copy, others that have one answer better."""
    global copy_awaited_until
    if source == "cache":
        copy_awaited_until = 0.0
    return "The copy is being made." if time.monotonic() < copy_awaited_until else ""


def _problem() -> str:
    revision, clock = selectors.revision_and_clock()
    if revision is None:
        return "The database has no revision: run the migrations."
    skew = abs(timezone.now().timestamp() - clock)
    return f"This machine's clock is {skew:.1f} s off the database's." if skew > MAX_SKEW else ""


class StatusView(KnownToTheStore, APIView):
    """GET, with any key: from which revision and source this process answers, and how far that is behind."""

    permission_classes = [HasKey]

    def get(self, request: Request) -> Response:
        state = charging.store.state()
        return Response({"revision": state.revision, "source": state.source} | ask(lambda: _committed(state.revision)))


def _committed(revision: int) -> dict[str, Any]:
    """What the database holds, and for how many seconds something of it has been missing at a revision."""
    committed = selectors.revision()
    missing = Change.objects.filter(revision__gt=revision).order_by("revision").values_list("changed_at", flat=True)
    since: datetime | None = missing.first() if committed > revision else None
    return {
        "committed_revision": committed,
        "lag_seconds": max(0.0, round((timezone.now() - since).total_seconds(), 3)) if since else 0.0,
        "tokens": Token.objects.count(),
        "locations": Location.objects.count(),
        "exceptions": ChargeException.objects.count(),
    }
