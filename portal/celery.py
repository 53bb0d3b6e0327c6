"""The Celery application: `celery -A portal.celery worker` and `… beat`."""

import os

from celery import Celery

from portal import task_logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("chargeward")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
task_logs.listen()
