"""`/metrics`: what the node's workers counted, and the copy and the spool as they are now."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector
from rest_framework.request import Request
from rest_framework.views import APIView

from authorization import metrics, spool
from authorization.api.authentication import KnownToTheStore
from authorization.api.charging import HasKey
from authorization.cache.snapshot import NotReady
from authorization.cache.store import CacheStore
from authorization.services import charging

# What else is told on a web node, besides what it counts itself.
more: list[Collector] = []
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class NodeCollector(Collector):
    """The copy and the spool as they are while somebody looks."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "chargeward_spool_bytes", "Bytes in spool files.", value=spool.backlog(settings.SPOOL_FOLDER)
        )
        store = charging.store
        if not isinstance(store, CacheStore):
            return
        ready, revision, age, size = 0, 0, float("nan"), 0
        with suppress(NotReady), store.reader.begin() as view:
            ready, revision = 1, view.meta.revision
            age, size = time.monotonic() - view.meta.verified, view.opened.environment.used()
        about = "1 where questions are answered from the compiled copy, 0 where from the database."
        yield GaugeMetricFamily("chargeward_cache_ready", about, value=ready)
        yield GaugeMetricFamily("chargeward_cache_revision", "Revision of the compiled copy.", value=revision)
        yield GaugeMetricFamily("chargeward_cache_age_seconds", "Since the copy was last verified.", value=age)
        yield GaugeMetricFamily("chargeward_cache_bytes", "Size of the compiled copy.", value=size)


def exposition() -> bytes:
    """All metrics as Prometheus reads them."""
    metrics.count()
    registry = CollectorRegistry()
    for collector in (NodeCollector(), *more):
        registry.register(collector)
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)


class MetricsView(KnownToTheStore, APIView):
    """GET, with any key, or from a network of METRICS_NETWORKS: Prometheus' text."""

    permission_classes = [HasKey]
    schema = None  # no part of the API: Prometheus knows what it reads

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not _is_internal(request):
            super().initial(request, *args, **kwargs)

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def _is_internal(request: Request) -> bool:
    """What came through a proxy came from anywhere, whatever the proxy's own address is."""
    if any(header in request.META for header in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
        return any(address in ip_network(network) for network in settings.METRICS_NETWORKS)
    except ValueError:
        return False
