"""What Celery does about personal data by the clock."""

from celery import shared_task
from django.utils import timezone

from people import ageing
from people import finish as finishing


@shared_task
def finish() -> int:
    """Goes on with erasures for which somebody had to hear first; how many are finished now."""
    return finishing.finish(timezone.now())


@shared_task
def age() -> int:
    """Has old rows of the history lose what identifies; how many."""
    return ageing.age(timezone.now())
