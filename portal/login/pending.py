"""Who gave the right password and has not shown the second factor: nobody is logged in until then."""

import time
from typing import NamedTuple

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

KEY = "portal.login.pending"
PATIENCE = 600  # seconds


class Pending(NamedTuple):
    user: User
    leads_to: str


def keep(request: HttpRequest, user: User, leads_to: str) -> None:
    # Another session's key: nobody has handed this one to the user.
    request.session.cycle_key()
    request.session[KEY] = {"user": user.pk, "hash": user.get_session_auth_hash(), "at": time.time(), "to": leads_to}


def find(request: HttpRequest) -> Pending | None:
    kept = request.session.get(KEY)
    if not kept or not 0 <= time.time() - kept["at"] <= PATIENCE:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    return Pending(user, kept["to"])


def drop(request: HttpRequest) -> None:
    request.session.pop(KEY, None)
