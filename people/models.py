"""What is known of erasures, which is nothing of whom they were about."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from locations.admin_format import moment
from tokens.models import EMSP


class Erasure(models.Model):
    """That a person's data was erased: by whom, when, and how many rows of each table. Nothing of the person.

    pending: what is still to be done, by numbers and keyed hashes; null once all is.
    """

    class Kind(models.TextChoices):
        DRIVER = "driver", _("driver with charge tokens")
        TOKEN = "token", _("charge token")

    kind = models.CharField(_("what"), max_length=6, choices=Kind)
    emsp = models.ForeignKey(EMSP, models.SET_NULL, null=True, verbose_name=_("eMSP"), related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, verbose_name=_("user"), related_name="+"
    )
    by_name = models.CharField(_("done by"), max_length=150)
    at = models.DateTimeField(_("when"))
    counts = models.JSONField(_("rows"), default=dict)
    pending = models.JSONField(null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("erasure of personal data")
        verbose_name_plural = _("erasures of personal data")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="erasure_newest_first"),
            models.Index(fields=["at"], name="erasure_unfinished", condition=models.Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {moment(self.at)}"


class Aged(models.Model):
    """Up to which of its rows the history of a table has lost what identifies."""

    table = models.CharField(max_length=63, primary_key=True)
    upto = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.table} up to {self.upto}"
