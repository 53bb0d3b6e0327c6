"""The log of log-ins: what is written into it, and what is read out of it to slow guessing down."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest
from django.utils import timezone

from portal.login.clients import address_of, agent_of
from portal.login.models import FAILURES, LogIn, Outcome

WINDOW = timedelta(minutes=15)
# Failures from one address in that time, whoever they are about; offices share an address.
MOST_FROM_AN_ADDRESS = 100


def note(request: HttpRequest | None, outcome: Outcome, user: Any = None, by: Any = None) -> None:
    """A row of the log; without a request where a worker or a command did it."""
    LogIn.objects.create(
        outcome=outcome,
        user=user,
        name=user.get_username() if user is not None else "",
        by=by.get_username() if by is not None else "",
        address=address_of(request) if request is not None else None,
        agent=agent_of(request) if request is not None else "",
    )


def too_many_from(request: HttpRequest) -> bool:
    """Whether so many failures came from this address that no more passwords are looked at."""
    recent = LogIn.objects.filter(address=address_of(request), at__gt=timezone.now() - WINDOW, outcome__in=FAILURES)
    return len(recent.order_by().values_list("pk")[:MOST_FROM_AN_ADDRESS]) == MOST_FROM_AN_ADDRESS


def asked_lately(*, user: User | None = None, request: HttpRequest | None = None, within: timedelta = WINDOW) -> int:
    """How often a new password was asked for: for a user, or from an address."""
    rows = LogIn.objects.filter(outcome=Outcome.ASKED, at__gt=timezone.now() - within)
    return rows.filter(user=user).count() if request is None else rows.filter(address=address_of(request)).count()


def forget() -> int:
    """Drops what is older than the log is kept; how many rows."""
    old = timezone.now() - timedelta(days=settings.LOG_INS_KEPT_DAYS)
    AccessAttempt.objects.filter(attempt_time__lt=old).delete()
    return LogIn.objects.filter(at__lt=old).delete()[0]


def listen() -> None:
    """Django tells of what happens at the door."""
    user_logged_in.connect(_came_in, dispatch_uid="portal.login.in")
    user_logged_out.connect(_went_out, dispatch_uid="portal.login.out")
    user_login_failed.connect(_failed, dispatch_uid="portal.login.failed")


def _came_in(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    note(request, Outcome.IN, user)


def _went_out(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    if user is not None:
        note(request, Outcome.OUT, user)


def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    # Looked for in either case, so that it takes as long where there is no such user.
    user = User.objects.filter(username=str(credentials.get("username", "")).replace("\0", "")).first()
    locked = getattr(request, "axes_locked_out", False)
    note(request, Outcome.THROTTLED if locked else Outcome.PASSWORD, user)
