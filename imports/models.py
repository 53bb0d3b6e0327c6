"""A file that was uploaded, what was recognised in it, what it would change, and what it changed.

Its rows are in tables of its own (`staging`), which go when the import is old; the row here stays as history.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorization.models import ExceptionGroup
from locations.models import CPO, Location
from tokens.models import EMSP

SHOWN_ERRORS = 100  # of which the API's answer itself tells; errors.csv holds all


class Kind(models.TextChoices):
    TOKENS = "tokens", _("charge tokens")
    AUTHORIZATION_LIST = "authorization_list", _("authorization list")
    GROUP_MEMBERS = "group_members", _("group members")
    LOCATIONS = "locations", _("locations")


class Status(models.TextChoices):
    STAGING = "staging", _("being read")
    PREVIEW = "preview", _("preview")
    REFUSED = "refused", _("refused")
    FINALISING = "finalising", _("being finalised")
    FINALISED = "finalised", _("finalised")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


# The column that says into what an import of each kind goes.
TARGETS = {
    Kind.TOKENS: "emsp",
    Kind.AUTHORIZATION_LIST: "location",
    Kind.GROUP_MEMBERS: "group",
    Kind.LOCATIONS: "cpo",
}


def _exactly_the_target_of_its_kind() -> Q:
    condition = Q()
    for kind, target in TARGETS.items():
        columns = {f"{column}__isnull": column != target for column in TARGETS.values()}
        condition |= Q(kind=kind.value, **columns)
    return condition


class Import(models.Model):
    """One upload, from its file to its end. Nothing is changed until it is finalised."""

    kind = models.CharField(max_length=20, choices=Kind)
    emsp = models.ForeignKey(EMSP, models.CASCADE, null=True, blank=True, related_name="+", verbose_name="eMSP")
    location = models.ForeignKey(Location, models.CASCADE, null=True, blank=True, related_name="+")
    group = models.ForeignKey(ExceptionGroup, models.CASCADE, null=True, blank=True, related_name="+")
    cpo = models.ForeignKey(CPO, models.CASCADE, null=True, blank=True, related_name="+", verbose_name="CPO")
    clear = models.BooleanField(default=False, help_text="Takes off what the file does not name; customers stay.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    file_name = models.CharField(max_length=255)
    size = models.BigIntegerField(help_text="Bytes.")
    encoding = models.CharField(max_length=16, blank=True, help_text="As it was found when the file came.")
    said = models.JSONField(default=dict, help_text="How to read the file, where its user says so.")
    recognised = models.JSONField(default=dict, help_text="How the file is read.")
    status = models.CharField(max_length=10, choices=Status, default=Status.STAGING)
    message = models.TextField(blank=True, help_text="Why it was refused, has failed, or is to be looked at again.")
    totals = models.JSONField(default=dict)
    first_rows = models.JSONField(default=list, help_text="The first rows, as they are and as they will be.")
    phase = models.CharField(max_length=12, default="received")
    rows_done = models.BigIntegerField(default=0)
    percent = models.PositiveSmallIntegerField(null=True, help_text="Of the phase, where it is known.")
    skip_errors = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)
    finalised_at = models.DateTimeField(null=True)
    change = models.BigIntegerField(null=True, help_text="The Change that finalising was.")
    revision = models.BigIntegerField(null=True, help_text="In force when it had been finalised.")
    list_after = models.TextField(blank=True, help_text="What the list was like then, for undo.")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=_exactly_the_target_of_its_kind(), name="import_has_the_target_of_its_kind"
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="import_status_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["touched_at"],
                name="import_under_way",
                condition=Q(status__in=[Status.STAGING.value, Status.FINALISING.value]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_kind_display()})"

    @property
    def target(self) -> Any:
        """The eMSP, location, group or CPO that the file goes into."""
        return getattr(self, TARGETS[Kind(self.kind)])

    @property
    def busy(self) -> bool:
        return self.status in (Status.STAGING, Status.FINALISING)


class FilePart(models.Model):
    """A piece of an uploaded file, deflated: where a worker runs on another machine, it has no disk in common."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="parts")
    nth = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "nth"], name="import_part_is_unique")]

    def __str__(self) -> str:
        return f"part {self.nth} of import {self.of_id}"


class ListChange(models.Model):
    """One entry that an import put on an authorization list or took off it: what its undo needs to know."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="list_changes")
    added = models.BooleanField()
    entry = models.BigIntegerField()
    token = models.BigIntegerField()
    auth_id = models.TextField(null=True)
    auth_id_entered = models.TextField(null=True)
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{'+' if self.added else '-'} {self.auth_id_entered or self.token}"
