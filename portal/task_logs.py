"""A task says in its log lines which one it is, and which request it came from, also through further tasks."""

from contextvars import Token
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from portal.logs import SANE, request_id
from portal.logs import task as task_running

HEADER = "request_id"
_before: dict[str, tuple[Token[str], Token[tuple[str, str]]]] = {}


def listen() -> None:
    before_task_publish.connect(_sent, dispatch_uid="portal.task_logs.sent")
    task_prerun.connect(_begins, dispatch_uid="portal.task_logs.begins")
    task_postrun.connect(_ends, dispatch_uid="portal.task_logs.ends")


def _sent(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    if headers is not None and (identity := request_id.get()):
        headers.setdefault(HEADER, identity)


def _begins(task_id: str, task: Any, **kwargs: Any) -> None:
    # A task that is called within a request has its id already; what comes from the broker may be anything.
    given = getattr(task.request, HEADER, None)
    identity = given if isinstance(given, str) and SANE.fullmatch(given) else request_id.get()
    _before[task_id] = request_id.set(identity), task_running.set((task.name, task_id))


def _ends(task_id: str, **kwargs: Any) -> None:
    before = _before.pop(task_id, None)
    if before is not None:
        request_id.reset(before[0])
        task_running.reset(before[1])
