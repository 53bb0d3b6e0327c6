"""A task's log lines say which task it is and which request it came from, through a broker and in a worker."""

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from django.conf import settings as configured

from portal.celery import app
from portal.logs import AsJson, WithRequestId, request_id, task

QUEUE = "task-logs"
logger = logging.getLogger("task-logs")
done = threading.Event()


@shared_task(name="tests.second")
def second() -> None:
    logger.warning("second")
    done.set()


@shared_task(name="tests.first")
def first() -> None:
    logger.warning("first")
    second.apply_async(queue=QUEUE)


class Kept(logging.Handler):
    """The lines, as they go out."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(AsJson().format(record)))


@pytest.fixture
def lines() -> Iterator[Any]:
    kept = Kept()
    kept.addFilter(WithRequestId())
    logger.addHandler(kept)
    done.clear()
    yield lambda: {line["message"]: line for line in kept.lines}
    logger.removeHandler(kept)
    with redis.Redis.from_url(configured.REDIS_URL) as broker:
        broker.delete(QUEUE)


def test_of_a_request_through_a_worker(lines: Any) -> None:
    """Also what the task starts; and what comes next in the same worker is of no request."""
    token = request_id.set("of-the-request")
    try:
        sent = first.apply_async(queue=QUEUE)
    finally:
        request_id.reset(token)
    with start_worker(app, pool="solo", queues=[QUEUE], perform_ping_check=False, shutdown_timeout=10.0):
        assert done.wait(20)
    found = lines()
    assert found["first"]["request_id"] == found["second"]["request_id"] == "of-the-request"
    assert (found["first"]["task"], found["first"]["task_id"]) == ("tests.first", sent.id)
    assert found["second"]["task"] == "tests.second"
    assert (request_id.get(), task.get()) == ("", ("", ""))


@pytest.mark.parametrize("given", ["", "x" * 65, 'a"b', 7])
def test_what_is_no_id_is_not_taken_over(lines: Any, given: Any) -> None:
    second.apply(headers={"request_id": given})
    assert "request_id" not in lines()["second"]
    assert lines()["second"]["task"] == "tests.second"
