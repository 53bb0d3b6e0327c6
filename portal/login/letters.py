"""Letters with a link to choose a password by: after an invitation, or because the old one was forgotten.

A worker makes the link when it writes the letter, so that no link waits in the broker.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.core.signing import BadSignature, TimestampSigner
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.login import log
from portal.login.models import Outcome

INVITATION, FORGOTTEN = "invitation", "forgotten"
VALID = {INVITATION: timedelta(days=7), FORGOTTEN: timedelta(hours=1)}
# A second letter to the same user is not written before that.
PAUSE = timedelta(minutes=5)
USERS_OF_AN_ADDRESS = 5


class Links:
    """One-time links: each is over when a password is chosen, the user logs in, or the time has passed."""

    def make_token(self, user: User, kind: str) -> str:
        return self._signer(kind).sign(self._state(user, kind))

    def check_token(self, user: User | None, token: str | None) -> bool:
        return user is not None and bool(token) and any(self._is_good(user, str(token), kind) for kind in VALID)

    def _is_good(self, user: User, token: str, kind: str) -> bool:
        try:
            state = self._signer(kind).unsign(token, max_age=VALID[kind])
        except BadSignature:
            return False
        return user.is_active and constant_time_compare(state, self._state(user, kind))

    def _signer(self, kind: str) -> TimestampSigner:
        return TimestampSigner(salt=f"portal.login.{kind}")

    def _state(self, user: User, kind: str) -> str:
        about = (user.pk, user.password, user.last_login, user.email, user.is_active)
        return salted_hmac(f"portal.login.{kind}", repr(about), algorithm="sha256").hexdigest()


links = Links()


def can_be_invited(user: User) -> bool:
    """Active, with an address, and without a password so far."""
    return user.is_active and bool(user.email) and not user.has_usable_password()


def write(user: User, kind: str, language: str, site: str) -> None:
    """Sends a link. site: "https://portal.example.org". Raises OSError where the mail server does not take it."""
    where = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": links.make_token(user, kind)}
    with override(language):
        context: dict[str, Any] = {"user": user, "link": site + reverse("choose_password", kwargs=where), "site": site}
        text = render_to_string(f"login/{kind}.txt", context)
        subject = _("Your access to Chargeward") if kind == INVITATION else _("A new password for Chargeward")
    send_mail(subject, text, None, [user.email])


def answer_forgotten(email: str, language: str, site: str) -> int:
    """Writes to the users of an address, where there are any; how many."""
    written = 0
    for user in User.objects.filter(email__iexact=email, is_active=True).order_by("pk")[:USERS_OF_AN_ADDRESS]:
        if user.has_usable_password() and not log.asked_lately(user=user, within=PAUSE):
            log.note(None, Outcome.ASKED, user)
            write(user, FORGOTTEN, language, site)
            written += 1
    return written
