"""The Celery application: `celery -A portal.celery worker` and `… beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_process_shutdown

from portal import task_logs, traces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("chargeward")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
task_logs.listen()


def _read_traces(**kwargs: Any) -> None:
    # Once, before the worker forks: its processes have few seconds to come up.
    traces.prepare()


def _begin_traces(**kwargs: Any) -> None:
    if traces.start("worker"):
        worker_process_shutdown.connect(_end_traces)


def _end_traces(**kwargs: Any) -> None:
    traces.stop()


worker_init.connect(_read_traces)
worker_process_init.connect(_begin_traces)
