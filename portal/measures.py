"""What `/metrics` tells besides a node's own counts: the whole installation's queues, imports and log-ins, asked for
while somebody looks."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Min, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from authorization import selectors
from authorization.api import health
from authorization.models import Node
from chargers.models import AuthorizationInUse, StationMessage
from imports.models import Import, Status
from people import finish
from people.models import Erasure
from portal.login.log import WINDOW
from portal.login.models import FAILURES, LogIn, Outcome

QUEUE = "celery"
PATIENCE = 1.0  # seconds
LATELY = timedelta(seconds=30)
Family = GaugeMetricFamily
COUNTED = 10_000
# Each endpoint's part of an index, from what is due first: what has waited longest is among it.
_DELIVERIES = """
SELECT s.country_code || '-' || s.party_id || '/' || s.role, e.module, w.number, w.since, p.number
FROM subscriptions_pushendpoint e JOIN subscriptions_subscription s ON s.id = e.subscription_id,
LATERAL (
    SELECT count(*) AS number, min(since) AS since FROM (
        SELECT since FROM subscriptions_delivery d WHERE d.endpoint_id = e.id AND d.state = 'waiting'
        ORDER BY d.next_at, d.id LIMIT %(most)s
    ) AS waiting
) AS w, LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM subscriptions_delivery d WHERE d.endpoint_id = e.id AND d.state = 'parked'
        ORDER BY d.id LIMIT %(most)s
    ) AS parked
) AS p
"""


def _gauge(name: str, about: str, value: float) -> Family:
    return Family(f"chargeward_{name}", about, value=value)


def _of_the_database() -> list[Family]:
    now = timezone.now()
    imports = Family("chargeward_imports", "Imports of the last 24 hours by status.", labels=["status"])
    recent = Import.objects.filter(created_at__gt=now - timedelta(days=1)).order_by()
    for status, number in recent.values_list("status").annotate(Count("pk")):
        imports.add_metric([status], number)
    under_way = Import.objects.filter(status__in=[Status.STAGING, Status.FINALISING]).aggregate(since=Min("created_at"))
    waiting = StationMessage.objects.filter(delivered_at=None).aggregate(number=Count("pk"), oldest=Min("created_at"))
    age = _age(waiting["oldest"], now)
    unfinished = Erasure.objects.filter(finished_at=None, at__lt=now - finish.LONGEST).count()
    nodes = Node.objects.filter(seen_at__gt=now - LATELY).aggregate(number=Count("pk"), oldest=Min("revision"))
    committed, in_use = selectors.revision(), AuthorizationInUse.objects.filter(ended_at=None).count()
    doors = LogIn.objects.filter(at__gt=now - WINDOW).aggregate(
        failed=Count("pk", filter=Q(outcome__in=FAILURES)),
        stopped=Count("pk", filter=Q(outcome=Outcome.THROTTLED)),
        latest=Max("at"),
    )
    return [
        imports,
        _gauge("import_oldest_seconds", "Age of the oldest import that is under way.", _age(under_way["since"], now)),
        *_deliveries(now),
        _gauge("erasures_unfinished", "Erasures of personal data of which somebody has yet to hear.", unfinished),
        _gauge("station_messages_waiting", "Messages that no station has taken yet.", waiting["number"]),
        _gauge("station_messages_oldest_seconds", "Age of the oldest of them.", age),
        _gauge("authorizations_in_use", "Authorizations in use.", in_use),
        _gauge("committed_revision", "Revision of the database.", committed),
        _gauge("nodes", "Nodes seen in the last half minute.", nodes["number"]),
        _gauge("nodes_behind", "Revisions by which the slowest node is behind.", _behind(committed, nodes["oldest"])),
        _gauge("log_ins_failed", "Failed log-ins of the last quarter of an hour.", doors["failed"]),
        _gauge("log_ins_stopped", "Of these, refused for too many tries.", doors["stopped"]),
    ]


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0


def _deliveries(now: datetime) -> list[Family]:
    """By endpoint, of which there are some for each subscription: each counted to COUNTED and no further."""
    labels = ["subscription", "module"]
    waiting = Family("chargeward_deliveries_waiting", "Objects that a partner is yet to be told of.", labels=labels)
    parked = Family("chargeward_deliveries_parked", "Objects of which a partner could not be told.", labels=labels)
    oldest = Family("chargeward_delivery_oldest_seconds", "Age of the oldest change of those waiting.", labels=labels)
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES, {"most": COUNTED})
        for party, module, waits, since, given_up in cursor.fetchall():
            waiting.add_metric([party, module], waits)
            parked.add_metric([party, module], given_up)
            oldest.add_metric([party, module], _age(since, now))
    return [waiting, parked, oldest]


def _behind(committed: int, oldest: int | None) -> int:
    return max(0, committed - oldest) if oldest is not None else 0


def _queue() -> int:
    """Tasks that wait for a worker."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    with client:
        return int(client.llen(QUEUE))


class InstallationCollector(Collector):
    """The same from every node; what cannot be asked is left out, and said to be down."""

    def collect(self) -> Iterator[Family]:
        up = Family("chargeward_part_up", "1 where the part answers this node.", labels=["part"])
        found: list[Family] = []
        with suppress(DatabaseError):
            found = health.ask(_of_the_database)
        up.add_metric(["database"], 1 if found else 0)
        try:
            found.append(_gauge("queue_length", "Tasks that wait for a worker.", _queue()))
            up.add_metric(["redis"], 1)
        except (redis.RedisError, ValueError):
            up.add_metric(["redis"], 0)
        yield up
        yield from found
