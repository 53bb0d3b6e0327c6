"""What a worker does for log-ins. A letter that is lost is asked for again."""

from celery import shared_task
from django.contrib.auth.models import User

from portal.login import letters, log
from portal.login.sessions import SessionStore

AGAIN = {"autoretry_for": (OSError,), "retry_backoff": 10, "max_retries": 5}


@shared_task(**AGAIN)
def answer_forgotten(email: str, language: str, site: str) -> int:
    """Whether the address is anybody's, only the worker looks up: the page takes as long either way."""
    return letters.answer_forgotten(email, language, site)


@shared_task(**AGAIN)
def invite(user: int, language: str, site: str) -> None:
    found = User.objects.filter(pk=user, is_active=True).first()
    if found is not None and found.email:
        letters.write(found, letters.INVITATION, language, site)


@shared_task
def forget() -> int:
    """Drops sessions that are over and old rows of the log; how many rows."""
    SessionStore.clear_expired()
    return log.forget()
