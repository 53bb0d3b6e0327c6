"""What Celery does for chargers by the clock: nothing here is needed for an answer."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from chargers.models import SeenMessage, StationMessage
from chargers.services import outbox

SEEN_KEPT = timedelta(days=2)  # longer than a broker keeps what it may deliver again


@shared_task
def forget_messages() -> int:
    """Drops messages that nobody waits for any more, and the ids of old ones; how many."""
    now = timezone.now()
    old = StationMessage.objects.filter(created_at__lt=now - outbox.KEPT).delete()[0]
    return old + SeenMessage.objects.filter(seen_at__lt=now - SEEN_KEPT).delete()[0]
