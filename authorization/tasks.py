"""What Celery does by the clock and on demand. No task is needed for an answer to be right or fresh."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from authorization import partitions
from authorization.cache import follower
from authorization.models import Change, ChangedKeys, Decision, Node, Spool
from authorization.sealed import KEPT_DAYS

CHANGES_KEPT = timedelta(days=2)  # a node that was away for longer reads everything anew
SPOOLS_KEPT = timedelta(days=30)  # of files that are gone, or of nodes that are
BATCH = 10_000


@shared_task
def make_copies_anew() -> None:
    """Every node makes its compiled copy from scratch beside the one in use, and goes on answering meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [follower.CHANNEL, follower.ANEW])


@shared_task
def forget_changes() -> int:
    """Drops notices that every node has long followed; how many. The newest stays, whatever its age."""
    newest = Change.objects.aggregate(Max("revision"))["revision__max"]
    old = Change.objects.filter(changed_at__lt=timezone.now() - CHANGES_KEPT, revision__lt=newest or 0)
    forgotten = 0
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        ChangedKeys.objects.filter(change__in=ids).delete()
        forgotten += Change.objects.filter(pk__in=ids).delete()[0]
    return forgotten


@shared_task
def forget_spools() -> int:
    """Drops what is known of spool files that have not grown for a month, and of nodes as silent; how many files."""
    Node.objects.filter(seen_at__lt=timezone.now() - SPOOLS_KEPT).delete()
    return Spool.objects.filter(shipped_at__lt=timezone.now() - SPOOLS_KEPT).delete()[0]


@shared_task
def look_after_log() -> int:
    """Makes the partitions of the next weeks, and drops what is older than the log is kept; how many rows."""
    now = timezone.now()
    partitions.provide(connection, now, now + partitions.AHEAD * partitions.WEEK)
    return partitions.forget(connection, now - timedelta(days=settings.LOG_KEPT_DAYS))


@shared_task
def forget_presented() -> int:
    """Ids of unknown tokens are readable for KEPT_DAYS days; how many are not any more."""
    old = Decision.objects.filter(decided_at__lt=timezone.now() - timedelta(days=KEPT_DAYS))
    return old.exclude(presented_sealed="").update(presented_sealed="")
