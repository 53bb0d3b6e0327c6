"""What Celery does for imports. A task that is lost is found by the next look; one too many finds nothing to do."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from imports import services
from imports.models import Import, Status
from imports.work import work_on

LIMIT = 3600  # seconds; a million rows take minutes, on a slow machine


@shared_task(time_limit=LIMIT)
def work(pk: int) -> None:
    """Goes on with one import."""
    work_on(pk)


@shared_task
def look_after() -> int:
    """Imports on which nobody works though there is something to do: how many."""
    waiting = Import.objects.filter(
        status__in=[Status.STAGING, Status.FINALISING], touched_at__lt=timezone.now() - services.MOMENT
    )
    return sum(services.look_after(of) for of in waiting.order_by("pk")[:100])


@shared_task
def forget() -> int:
    """Drops the rows and files of old imports; how many. Their history stays."""
    kept = timedelta(days=settings.IMPORT_ROWS_KEPT_DAYS)
    old = Import.objects.filter(touched_at__lt=timezone.now() - kept, parts__isnull=False).distinct()
    forgotten = 0
    for of in old.exclude(status__in=[Status.STAGING, Status.FINALISING])[:1000]:
        services.expire(of)
        forgotten += 1
    return forgotten
