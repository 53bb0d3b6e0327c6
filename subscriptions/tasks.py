"""What Celery does for partners. A task that is lost is found by the next look; one too many finds nothing to do."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from subscriptions.models import Delivery, PartnerAccess, PushEndpoint
from subscriptions.push import runner, sweeping

KEPT = timedelta(days=7)  # what was sent once, and is never sent again
SESSIONS_KEPT = timedelta(days=90)
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
    """Drops what is known of CDRs and notifications that were sent, and of old sessions; how many."""
    now = timezone.now()
    PartnerAccess.objects.filter(previous_until__lt=now).update(previous_sealed="", previous_until=None)
    forgotten = 0
    for modules, kept in ((["cdrs", "chargestationnotifications"], KEPT), (["sessions"], SESSIONS_KEPT)):
        endpoints = PushEndpoint.objects.filter(module__in=modules).values("pk")
        old = Delivery.objects.filter(endpoint__in=endpoints, state="delivered", delivered_at__lt=now - kept)
        while pks := list(old.values_list("pk", flat=True)[:BATCH]):
            forgotten += Delivery.objects.filter(pk__in=pks).delete()[0]
    return forgotten
