"""What Celery does for chargers by the clock: nothing here is needed for an answer."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from chargers.models import AuthorizationInUse, Command, SeenMessage, StationMessage
from chargers.services import outbox

BATCH = 10_000
SEEN_KEPT = timedelta(days=2)  # longer than a broker keeps what it may deliver again


@shared_task
def forget_messages() -> int:
    """Drops messages that nobody waits for any more, the ids of old ones, and what was in use long ago; how many."""
    now = timezone.now()
    old = StationMessage.objects.filter(created_at__lt=now - outbox.KEPT).delete()[0]
    old += SeenMessage.objects.filter(seen_at__lt=now - SEEN_KEPT).delete()[0]
    kept = now - timedelta(days=settings.LOG_KEPT_DAYS)
    old += _some(Command.objects.filter(created_at__lt=kept))
    return old + _some(AuthorizationInUse.objects.filter(ended_at__lt=kept))


def _some(rows: QuerySet[Any]) -> int:
    """Deletes batch by batch."""
    deleted = 0
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        deleted += rows.model._default_manager.filter(pk__in=pks).delete()[0]
    return deleted
