"""What makes a process a web node: it answers from the compiled copy, and logs into its spool."""

import gc
import logging
import threading
import time
from contextlib import suppress

from django.conf import settings
from django.urls import get_resolver

from authorization import metrics
from authorization.api import health
from authorization.api import metrics as exposition
from authorization.bounded import Bounded, BoundedLog, BoundedStore
from authorization.cache.snapshot import NotReady, Reader
from authorization.cache.store import CacheStore
from authorization.limits import Counts, Limits, LocalCounts, NodeCounts, RedisCounts
from authorization.services import charging
from authorization.spool import DatabaseLog, SpoolLog
from authorization.store import DatabaseStore
from portal.measures import InstallationCollector

logger = logging.getLogger(__name__)
DATABASE_THREADS = 4
WATCHING_THREADS, WATCHING_PATIENCE = 2, 2.0
COLLECT_EVERY, COLLECTIONS = 1.0, 60  # seconds between looks for young garbage, and how many of them before all of it
COPY_PATIENCE = 30.0  # seconds that a node which starts is not ready for want of its copy; then it is ready without
PATIENCE = 0.8  # seconds that a question may take where the copy is in doubt: an answer or a 503 comes within one


def answer_from_the_copy() -> None:
    """Reads the copy that this node's follower keeps before the first question comes."""
    reader = Reader(settings.CACHE_FOLDER, settings.DATABASE_ADDRESS, settings.CACHE_STALE_AFTER_MS / 1000)
    bounded = Bounded(DATABASE_THREADS, PATIENCE)
    # Whoever watches the node must not use up the threads that answer chargers, should the database hang.
    health.ask = Bounded(WATCHING_THREADS, WATCHING_PATIENCE).ask
    health.copy_awaited_until = time.monotonic() + COPY_PATIENCE
    charging.store = CacheStore(reader, BoundedStore(DatabaseStore(), bounded))
    charging.log = SpoolLog(settings.SPOOL_FOLDER, BoundedLog(DatabaseLog(), bounded))
    charging.limits = Limits(counts())
    charging.limits.look_from_now_on()
    metrics.count_from_now_on()
    exposition.more.append(InstallationCollector())
    _warm(reader)
    _look_for_garbage_by_the_clock()


def _look_for_garbage_by_the_clock() -> None:
    """Python looks through all that was made when there is much of it, as in the middle of each batch: that took a
    third of a batch's time. What is there once the pages are loaded stays, and is not looked through at all."""
    gc.disable()
    threading.Thread(target=_load_pages_and_collect, name="garbage", daemon=True).start()


def _load_pages_and_collect() -> None:
    try:
        get_resolver().url_patterns  # noqa: B018 - whoever asks for a page first would wait for it
    except Exception:
        logger.exception("The portal's pages cannot be loaded")
    gc.collect()
    gc.freeze()
    while True:
        for _ in range(COLLECTIONS):
            time.sleep(COLLECT_EVERY)
            gc.collect(1)
        gc.collect()


def counts() -> list[Counts]:
    """Where unknown tokens are counted. Without a REDIS_URL, or with a wrong one, which a system check reports, a node
    counts for itself: chargers are answered all the same."""
    own: list[Counts] = [NodeCounts(settings.CACHE_FOLDER / "unknown.json"), LocalCounts()]
    try:
        return [RedisCounts(settings.REDIS_URL, f"chargeward:{settings.DATABASE_ADDRESS}:unknown"), *own]
    except ValueError:
        return own


def _warm(reader: Reader) -> None:
    # What is wrong is said again, and logged, when the first question comes.
    with suppress(NotReady), reader.begin() as view:
        view.rules()
