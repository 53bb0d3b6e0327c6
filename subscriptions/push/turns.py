"""One turn with one endpoint: whoever claims it sends what is due there, in order, for a bounded time.

An endpoint has one sender at a time, and an object one delivery, so what is told of an object is told in order. A turn
holds no connection to the database while it waits for the partner.

A failure is the object's (the partner refuses it) or the endpoint's (nobody answers, or with 5xx, 401, 403, 408, 429).
Either is tried again after a pause that grows, with some jitter, until 3 days are over.
"""

import logging
import random
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

import orjson
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from prometheus_client import Counter

from authorization.sealed import unseal
from subscriptions import services
from subscriptions.models import Delivery, PartnerAccess, PushEndpoint, Version
from subscriptions.push import signing
from subscriptions.push.objects import Plan, Step, plans
from subscriptions.push.outgoing import Answer, Line

logger = logging.getLogger(__name__)
# Who sends is a worker: it counts where a web node on the same machine tells of it (PROMETHEUS_MULTIPROC_DIR).
pushes = Counter("chargeward_pushes", "Requests to partners' platforms.", ["subscription", "module", "outcome"])
TURN = 10.0  # seconds, after which others get theirs
# Renewed all the while, and longer than one exchange takes at most: who died is followed this soon, and who was frozen
# finds that another has the turn before it sends again what has changed since.
CLAIM = timedelta(seconds=15)
RENEW = 2.0  # seconds
BATCH = 100
PATIENCE = timedelta(days=3)
FIRST_PAUSE = 1.0  # seconds; doubled with each failure in a row
MOST_PAUSE, MOST_OBJECT_PAUSE = 300.0, 3600.0
DOWN = (401, 403, 408, 429)  # and all of 5xx: it is not the object


def due(now: datetime) -> list[int]:
    """Endpoints with something to send that nobody sends to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id FROM subscriptions_pushendpoint e JOIN subscriptions_subscription s ON s.id = e.subscription_id
            WHERE s.enabled AND e.off_at IS NULL AND e.module = ANY (s.modules)
                AND coalesce(e.claimed_until <= %(now)s, true) AND coalesce(e.next_at <= %(now)s, true)
                AND EXISTS (
                    SELECT FROM subscriptions_delivery d
                    WHERE d.endpoint_id = e.id AND d.state = 'waiting' AND d.next_at <= %(now)s
                )
            ORDER BY e.answered_at NULLS FIRST
            """,
            {"now": now},
        )
        return [row[0] for row in cursor.fetchall()]


@dataclass
class Access:
    """What a partner is sent with: the token, the secrets in force to sign with, and the version of OCPI."""

    token: str
    secrets: list[str]
    version: str = Version.V211

    @classmethod
    def of(cls, subscription: int, now: datetime) -> "Access":
        row = PartnerAccess.objects.filter(subscription=subscription).first()
        if row is None:
            return cls("", [])
        sealed = [row.secret_sealed]
        if row.previous_until is not None and row.previous_until > now:
            sealed.append(row.previous_sealed)
        return cls(unseal(row.token_sealed) or "", [text for text in map(unseal, sealed) if text], row.version)

    def headers(self, message_id: str, body: bytes) -> dict[str, str]:
        token = services.authorization(self.token, self.version) if self.token else {}
        if self.version != Version.V211:
            # Every request has an id of its own; a second try is of the same message.
            token |= {"X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": message_id}
        return token | signing.headers(self.secrets, message_id, int(time.time()), body)


def claim(pk: int, now: datetime) -> PushEndpoint | None:
    """The endpoint, to send to until CLAIM is over; None where somebody else does."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    if not PushEndpoint.objects.filter(free, pk=pk).update(claimed_until=now + CLAIM):
        return None
    return PushEndpoint.objects.select_related("subscription").filter(pk=pk).first()


def take(pk: int) -> int:
    """A turn; how many objects the partner took. 0 where somebody else has the turn."""
    try:
        endpoint = claim(pk, timezone.now())
        if endpoint is None:
            return 0
        with Line() as line:
            return Turn(endpoint, line).run()
    finally:
        _rest()


def _rest() -> None:
    """Gives the connection back to the pool while the partner is waited for."""
    if not connection.in_atomic_block:
        connection.close()


class Lost(Exception):
    """The claim ran out: somebody else has the turn."""


class Turn:
    def __init__(self, endpoint: PushEndpoint, line: Line) -> None:
        self.endpoint, self.line = endpoint, line
        self.until = time.monotonic() + TURN
        self.renew_at = time.monotonic() + RENEW
        self.done = 0
        # What came of the endpoint as such: failures in a row, and whether one of them ends the turn.
        self.failures = endpoint.failures
        self.pause: float | None = None
        self.last = ""
        self.gone = False

    @property
    def over(self) -> bool:
        return self.pause is not None or self.gone or time.monotonic() >= self.until

    def run(self) -> int:
        try:
            while not self.over and self._batch():
                pass
        except Lost:
            logger.warning("The turn with endpoint %s was lost to another sender", self.endpoint.pk)
        finally:
            self._end()
        return self.done

    def _renew(self) -> None:
        """Raises Lost."""
        if time.monotonic() < self.renew_at:
            return
        until = timezone.now() + CLAIM
        if not self._own().update(claimed_until=until):
            raise Lost
        _rest()
        self.endpoint.claimed_until, self.renew_at = until, time.monotonic() + RENEW

    def _own(self) -> QuerySet[PushEndpoint]:
        """The endpoint, as long as the turn with it is ours."""
        return PushEndpoint.objects.filter(pk=self.endpoint.pk, claimed_until=self.endpoint.claimed_until)

    def _batch(self) -> bool:
        """Sends some of what is due; whether there was anything."""
        now = timezone.now()
        subscription = self.endpoint.subscription
        # Versions first, objects after: what changes between is told again.
        rows = list(
            Delivery.objects.filter(endpoint=self.endpoint, state="waiting", next_at__lte=now).order_by(
                "next_at", "pk"
            )[:BATCH]
        )
        if not rows:
            return False
        access = Access.of(subscription.pk, now)
        planned = plans(self.endpoint.module, services.sight_of(subscription, access.version), rows, now)
        _rest()
        settled: list[tuple[Delivery, Plan, Answer | None]] = []
        flushed = time.monotonic()
        try:
            for row in rows:
                if self.over:
                    break
                plan = planned[row.pk]
                settled.append((row, plan, self._send(row, plan, access)))
                if time.monotonic() - flushed > 1.0:
                    self._note(settled)
                    settled, flushed = [], time.monotonic()
        finally:
            self._note(settled)
        return True

    def _send(self, row: Delivery, plan: Plan, access: Access) -> Answer | None:
        """The last answer; None where there is nothing to tell."""
        answer = None
        for number, step in enumerate(plan.steps):
            answer = self._ask(step, f"msg_{row.pk}_{row.version}_{number}", access)
            if step.undoes and answer.http == 404:
                answer = Answer(200, text="")
            elif step.whole is not None and answer.http in (404, 405):
                whole = Step("PUT", step.path, step.whole)
                answer = self._ask(whole, f"msg_{row.pk}_{row.version}_{number}_whole", access)
            self.last = str(answer)
            if not answer.ok:
                self._judge(answer)
                return answer
            self.failures = 0
        return answer

    def _ask(self, step: Step, message_id: str, access: Access) -> Answer:
        """Raises Lost."""
        self._renew()
        url = self.endpoint.url
        if step.path:
            url = "/".join([url.rstrip("/"), *(quote(part, safe="") for part in step.path)])
        body = orjson.dumps(step.body)
        answer = self.line.ask(step.method, url, access.headers(message_id, body), body)
        outcome = "taken" if answer.ok else "unanswered" if answer.http is None else "refused"
        partner = self.endpoint.subscription
        pushes.labels(f"{partner.code}/{partner.role}", self.endpoint.module, outcome).inc()
        return answer

    def _judge(self, answer: Answer) -> None:
        """What a failure says of the endpoint."""
        if answer.http == 410:
            self.gone = True
        elif answer.http is None or answer.http >= 500 or answer.http in DOWN:
            self.failures += 1
            self.pause = answer.retry_after
            if self.pause is None:
                self.pause = pause(self.failures, MOST_PAUSE)

    def _note(self, settled: Iterable[tuple[Delivery, Plan, Answer | None]]) -> None:
        told = []
        for row, plan, answer in settled:
            if answer is None and plan.sent is None and row.sent is None:
                # Nothing was ever told, and there is nothing to tell.
                Delivery.objects.filter(pk=row.pk, version=row.version).delete()
            elif answer is None or answer.ok:
                told.append((row, plan, answer))
            else:
                self._failed(row, plan, answer)
        _delivered(told)
        self.done += sum(answer is not None for _, _, answer in told)
        _rest()

    def _failed(self, row: Delivery, plan: Plan, answer: Answer) -> None:
        now = timezone.now()
        wait = timedelta(seconds=self.pause or pause(row.attempts + 1, MOST_OBJECT_PAUSE))
        tried = {"attempts": F("attempts") + 1, "answer": str(answer), "attempted_at": now, "named": _named(row, plan)}
        if self.pause is None and any(step.whole for step in plan.steps):
            # It may have something else there than we believe: the next time it gets the whole object.
            tried |= {"sent": None, "known": True}
        Delivery.objects.filter(pk=row.pk).update(**tried)
        parked = now - row.since >= PATIENCE
        state = {"state": "parked"} if parked else {"next_at": now + wait}
        Delivery.objects.filter(pk=row.pk, version=row.version).update(**state)

    def _end(self) -> None:
        now = timezone.now()
        failing = self.failures > 0
        since = self.endpoint.failing_since
        said = {"answer": self.last, "answered_at": now} if self.last else {}
        self._own().update(
            claimed_until=None,
            failures=self.failures,
            failing_since=(since or now) if failing else None,
            next_at=now + timedelta(seconds=self.pause) if self.pause is not None else None,
            off_at=now if self.gone else F("off_at"),
            **said,
        )
        if self.gone:
            park(Delivery.objects.filter(endpoint=self.endpoint))
        elif self.done and self.endpoint.failures:
            # It is back: what waits for its own pause need not.
            with transaction.atomic():
                Delivery.objects.filter(endpoint=self.endpoint, state="waiting", next_at__gt=now).update(next_at=now)
        _rest()


def _delivered(told: list[tuple[Delivery, Plan, Answer | None]]) -> None:
    """What partners have now, in one statement. What has changed meanwhile stays due."""
    if not told:
        return
    rows = [
        {
            "id": row.pk,
            "version": row.version,
            "sent": plan.sent,
            "sent_to": plan.sent_to,
            "named": _named(row, plan),
            "answer": None if answer is None else str(answer),
        }
        for row, plan, answer in told
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE subscriptions_delivery d SET
                sent = t.sent, sent_to = t.sent_to, named = t.named, known = false,
                answer = coalesce(t.answer, d.answer),
                attempted_at = CASE WHEN t.answer IS NULL THEN d.attempted_at ELSE clock_timestamp() END,
                delivered_at = CASE WHEN t.answer IS NULL THEN d.delivered_at ELSE clock_timestamp() END,
                state = CASE WHEN d.version = t.version THEN 'delivered' ELSE d.state END,
                attempts = CASE WHEN d.version = t.version THEN 0 ELSE d.attempts END,
                gone = CASE WHEN d.version = t.version THEN '[]' ELSE d.gone END
            FROM jsonb_to_recordset(%s)
                AS t (id bigint, version bigint, sent jsonb, sent_to jsonb, named text, answer text)
            WHERE d.id = t.id
            """,
            [orjson.dumps(rows).decode()],
        )


def _named(row: Delivery, plan: Plan) -> str:
    to = plan.sent_to or (plan.steps[0].path if plan.steps else ())
    return "/".join(to)[:100] or row.named


def park(rows: QuerySet[Delivery]) -> int:
    """Ends the tries of those that wait; how many."""
    return rows.filter(state="waiting").update(state="parked")


def pause(failures: int, most: float) -> float:
    """Seconds until the next try: doubled each time, and spread by half, lest all come back at once."""
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 30), most) * random.uniform(0.75, 1.25))  # noqa: S311
