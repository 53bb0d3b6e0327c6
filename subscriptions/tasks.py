"""What Celery does for partners. A task that is lost is found by the next look; one too many finds nothing to do."""

from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from subscriptions.models import Delivery, PartnerAccess, PushEndpoint, Relayed
from subscriptions.push import runner, sweeping
from subscriptions.push.turns import PATIENCE

BATCH = 10_000


@shared_task
def push() -> int:
    """Sends what is due, until nothing is; how many objects partners took."""
    return runner.run()


@shared_task
def look_after() -> int:
    """Ends what has been tried for too long, and finds deliveries whose wake-up was lost, and those to try again."""
    sweeping.sweep(timezone.now())
    return runner.catch_up()


@shared_task
def expire_tokens() -> int:
    """Tokens that have expired are told as invalid; how many. A walk through an eMSP's tokens, so once a minute."""
    return sweeping.expire(timezone.now())


@shared_task
def forget() -> int:
    """Drops what is known of what was sent and of what no partner took, and old sessions and CDRs; how many rows."""
    now = timezone.now()
    PartnerAccess.objects.filter(previous_until__lt=now).update(previous_sealed="", previous_until=None)
    kept = now - timedelta(days=settings.DELIVERIES_KEPT_DAYS)
    old = _of("cdrs", "chargestationnotifications").filter(state="delivered", delivered_at__lt=kept)
    # Of a session that may change, what the partner has is known for as long as the session.
    gone = _of("tokens", "locations").filter(state="delivered", sent__isnull=True, delivered_at__lt=kept)
    parked = Delivery.objects.filter(state="parked", since__lt=kept - PATIENCE)
    return _drop(old) + _drop(gone) + _drop(parked) + _forget_relayed(now)


def _of(*modules: str) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint__in=PushEndpoint.objects.filter(module__in=modules).values("pk"))


def _forget_relayed(now: datetime) -> int:
    forgotten = 0
    for kind, days in (("sessions", settings.SESSIONS_KEPT_DAYS), ("cdrs", settings.CDRS_KEPT_DAYS)):
        if not days:
            continue
        old = Relayed.objects.filter(kind=kind, updated_at__lt=now - timedelta(days=days))
        endpoints = PushEndpoint.objects.filter(module=kind).values("pk")
        while pks := list(old.order_by("pk").values_list("pk", flat=True)[:BATCH]):
            forgotten += Delivery.objects.filter(endpoint__in=endpoints, object_id__in=pks).delete()[0]
            forgotten += Relayed.objects.filter(pk__in=pks).delete()[0]
    return forgotten


def _drop(rows: QuerySet[Delivery]) -> int:
    dropped = 0
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        dropped += Delivery.objects.filter(pk__in=pks).delete()[0]
    return dropped
