"""Sessions that know whose they are, authenticator apps, and the log of log-ins."""

from base64 import b32encode

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice


class Session(AbstractBaseSession):
    """A browser's. Triggers delete it when its user is disabled, loses a role, or becomes an Admin."""

    user_id = models.BigIntegerField(null=True, db_index=True)

    @classmethod
    def get_session_store_class(cls) -> type:
        from portal.login.sessions import SessionStore

        return SessionStore


class Authenticator(TOTPDevice):  # type: ignore[misc]
    """A user's app. Its secret follows from what is stored and SECRET_KEY."""

    class Meta:
        proxy = True

    @property
    def bin_key(self) -> bytes:
        return salted_hmac("portal.login.authenticator", self.key, algorithm="sha256").digest()[:20]

    @property
    def typed(self) -> str:
        """The secret, to type where no QR code can be read."""
        text = b32encode(self.bin_key).decode()
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


class Outcome(models.TextChoices):
    IN = "in", _("logged in")
    OUT = "out", _("logged out")
    PASSWORD = "password", _("wrong name or password")
    CODE = "code", _("wrong code")
    THROTTLED = "throttled", _("refused: too many tries")
    ASKED = "asked", _("asked for a new password")
    INVITED = "invited", _("invited")
    CHOSEN = "chosen", _("chose a password")
    FACTOR = "factor", _("set up a second factor")
    CODES = "codes", _("made new recovery codes")
    OFF = "off", _("second factor removed")


FAILURES = (Outcome.PASSWORD, Outcome.CODE, Outcome.THROTTLED)


class LogIn(models.Model):
    """Something that happened at the door.

    A name that is no user's is not kept: people type their password into the wrong field.
    """

    at = models.DateTimeField(_("when"), default=timezone.now)
    outcome = models.CharField(_("what"), max_length=10, choices=Outcome)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("user"), related_name="+"
    )
    name = models.CharField(_("user name"), max_length=150, blank=True)
    by = models.CharField(_("done by"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("log-in")
        verbose_name_plural = _("log-ins")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["-at"], name="log_in_newest_first"),
            models.Index(fields=["address", "-at"], name="log_in_by_address"),
            models.Index(fields=["user", "-at"], name="log_in_by_user"),
        ]

    def __str__(self) -> str:
        return f"{self.name or '?'}: {self.get_outcome_display()}"
