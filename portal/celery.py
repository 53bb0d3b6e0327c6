"""The Celery application: `celery -A portal.celery worker` and `… beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("chargeward")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
