"""`authorize`, `authorize/batch`, `explain`: a charger's questions over HTTP.

The views are trimmed: no content negotiation, no serializers, ready bytes out.
"""

import logging
from datetime import UTC, datetime
from time import perf_counter
from typing import IO, Any, cast

import orjson
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils.dateparse import parse_datetime
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from authorization import clock, metrics
from authorization.api import errors
from authorization.api.authentication import KnownToTheStore
from authorization.api.parsers import load_json, read_body
from authorization.api.trimmed import TrimmedView
from authorization.engine.reasons import ROWS
from authorization.models import ChargeException
from authorization.questions import BadQuestion, Question, parse
from authorization.services import Answer, Caller, NoRules, authorize, explain
from locations.access import visible_to

logger = logging.getLogger(__name__)
MAX_REQUEST = 16 * 1024
MAX_BATCH_BODY = 1024 * 1024
MAX_BATCH = 1000
# What portal.front could not do, after the point of no return: an exception that the view is to answer.
FAILED = "chargeward.failed"
# Instants as 2026-11-21T10:00:00Z.
OPTIONS = orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_UTC_Z
# What is said by row; there is no row 0.
_SAID = (("", "", ""), *(("accepted" if row.accepted else "rejected", row.reason.value, row.message) for row in ROWS))


class HasKey(BasePermission):
    """Any key in force."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Caller):
            raise exceptions.NotAuthenticated("Send the header `Authorization: Token <key>`.")
        return True


class IsPortalUser(BasePermission):
    """A portal user, by key or by session. A station's or a CPO's key is of another kind."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, Caller) and request.auth.user is None:
            raise errors.WrongKey("Only a portal user's key may ask this.")
        return bool(request.user and request.user.is_authenticated)


def caller_of(request: Request) -> Caller:
    """The key's caller; for a session, its user."""
    if isinstance(request.auth, Caller):
        return request.auth
    return Caller(key=0, label=f"session of {request.user}", user=cast(User, request.user))


class ChargingView(KnownToTheStore, TrimmedView):
    """What the three have in common: the body, its limits, and errors that are never a 500."""

    permission_classes = [HasKey]
    limit = MAX_REQUEST
    endpoint = ""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        response = super().dispatch(request, *args, **kwargs)
        metrics.note_answer(self.endpoint, perf_counter() - started)
        if response.status_code != 200:
            metrics.unanswered.labels(self.endpoint, str(response.status_code)).inc()
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if FAILED in request._request.META:
            raise request._request.META[FAILED]

    def body(self, request: Request) -> Any:
        """The parsed body. Raises UnsupportedMediaType (415), TooLarge (413), Problem (400)."""
        raw = request._request  # DRF's own request looks for everything in three places
        if raw.content_type != "application/json":
            raise exceptions.UnsupportedMediaType(
                raw.content_type or "nothing", "Send JSON, with the header `Content-Type: application/json`."
            )
        return load_json(read_body(cast(IO[bytes], raw), raw.META.get("CONTENT_LENGTH"), self.limit))

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, BadQuestion):
            exc = errors.Problem(exc.detail, exc.code)
        elif isinstance(exc, NoRules):
            exc = errors.Unavailable()
        return super().handle_exception(exc) if _is_foreseen(exc) else self._unforeseen(exc)

    def _unforeseen(self, exc: Exception) -> Any:
        logger.error("A question was not answered", exc_info=exc)
        return super().handle_exception(errors.Unavailable("There is no answer now. Try again in a moment."))


def _is_foreseen(exc: Exception) -> bool:
    return isinstance(errors.as_api_exception(exc), exceptions.APIException)


class AuthorizeView(ChargingView):
    """POST: one question, one answer."""

    endpoint = "authorize"

    def post(self, request: Request) -> HttpResponse:
        question = parse(self.body(request))
        answer = authorize([question], caller_of(request), clock.now())[0]
        if isinstance(answer, BadQuestion):
            raise answer
        return ready(body_of(answer))


class BatchView(ChargingView):
    """POST: up to 1,000 questions, decided at one instant and revision; the answers in order."""

    limit = MAX_BATCH_BODY
    endpoint = "batch"

    def post(self, request: Request) -> HttpResponse:
        parsed = parse_batch(self.body(request))
        questions = [item for item in parsed if isinstance(item, Question)]
        answers = authorize(questions, caller_of(request), clock.now()) if questions else []
        return ready(body_of_batch(parsed, answers))


def parse_batch(body: Any) -> list[Question | BadQuestion]:
    """What is asked, or wrong, in each item. Raises Problem for what is no batch."""
    items = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH:
        raise errors.Problem(f'Send {{"requests": [ … ]}} with 1 to {MAX_BATCH} requests.', "invalid")
    return [_try_parse(item) for item in items]


def _try_parse(item: Any) -> Question | BadQuestion:
    try:
        return parse(item)
    except BadQuestion as error:
        return error


def body_of_batch(parsed: list[Question | BadQuestion], answers: list[Answer | BadQuestion]) -> bytes:
    """The answers to those that are questions, each in its place."""
    if len(answers) < len(parsed):
        given = iter(answers)
        answers = [item if isinstance(item, BadQuestion) else next(given) for item in parsed]
    return orjson.dumps({"results": [_represent_item(answer) for answer in answers]}, None, OPTIONS)


def _represent_item(result: Answer | BadQuestion) -> dict[str, Any]:
    if isinstance(result, BadQuestion):
        return {"id": result.id, "code": result.code, "detail": result.detail}
    return represent(result)


class ExplainView(ChargingView):
    """POST: the decision at an instant with every row it went through. Writes nothing."""

    permission_classes = [IsPortalUser]
    endpoint = "explain"

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [*super().get_authenticators(), SessionAuthentication()]

    def post(self, request: Request) -> HttpResponse:
        body = self.body(request)
        question = parse(body, with_auth_id=True)
        at = _instant(body.get("at"))
        caller = caller_of(request)
        answer = explain(question, caller, at)
        return ready(orjson.dumps(represent(answer) | represent_steps(answer, caller.user), None, OPTIONS))


def _instant(value: Any) -> datetime:
    """`at` as an aware UTC date-time between the years 1970 and 9998; now where it is absent."""
    if value is None:
        return clock.now()
    try:
        at = parse_datetime(value) if isinstance(value, str) and len(value) <= 64 else None
    except ValueError:
        at = None
    if at is None or not 1970 <= at.year <= 9998:
        raise errors.Problem("at is a UTC date and time like 2026-11-21T10:00:00Z.", "invalid")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def body_of(answer: Answer) -> bytes:
    return orjson.dumps(represent(answer), None, OPTIONS)


def represent(answer: Answer) -> dict[str, Any]:
    """The body of an answer, accepted or rejected alike, to be dumped with OPTIONS."""
    question, facts, verdict, decided_at, revision, _, _ = answer
    status, reason, message = _SAID[verdict.row]
    return {
        "id": question.id,
        "status": status,
        "reason": reason,
        "message": message,
        "location_id": facts.location_id,
        "evse_id": facts.evse_id,
        "decided_at": decided_at,
        "revision": revision,
    }


def represent_steps(answer: Answer, user: User | None) -> dict[str, Any]:
    """What explain adds. An exception that the caller may not see has neither id nor name."""
    explanation = answer.explanation
    if explanation is None:
        return {}
    considered = {item.id for step in explanation.steps for item in step.considered}
    seen = set(visible_to(user, ChargeException.objects.filter(pk__in=considered)).values_list("pk", flat=True))
    local, change = explanation.local_time, explanation.next_change_at
    return {
        "steps": [
            {
                "row": step.row,
                "reason": step.reason.value,
                "outcome": step.outcome,
                "exceptions": [
                    ({"id": item.id, "name": item.name} if item.id in seen else {})
                    | {
                        "active": item.active,
                        "why": item.why,
                        "covers_place": item.covers_place,
                        "covers_token": item.covers_token,
                    }
                    for item in step.considered
                ],
            }
            for step in explanation.steps
        ],
        "local_time": local.isoformat(timespec="seconds") if local else None,
        "next_change_at": change,
    }


def ready(body: bytes) -> HttpResponse:
    """An answer, not to be kept by anybody on the way."""
    return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "no-store"})
