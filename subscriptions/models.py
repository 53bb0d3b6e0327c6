"""Partner platforms and what they may see; what they sent us; and when each thing that they pull was last changed."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from locations.models import CPO, Party, printable_check
from tokens.models import EMSP


class Role(models.TextChoices):
    """What the partner is to us. A CPO pulls tokens and asks about them; an eMSP pulls locations and sends tokens."""

    CPO = "CPO", "CPO"
    EMSP = "EMSP", "eMSP"


class Module(models.TextChoices):
    """OCPI's modules, by their identifiers."""

    LOCATIONS = "locations", "locations"
    TOKENS = "tokens", "tokens"
    SESSIONS = "sessions", "sessions"
    CDRS = "cdrs", "CDRs"


@pghistory.track()
class Subscription(Party):
    """A partner platform, what it is let see of whom, and what it may send. Its tokens are in PullToken."""

    role = models.CharField(max_length=4, choices=Role)
    all_cpos = models.BooleanField("all CPOs", default=False, help_text="Every CPO, also those that are yet to come.")
    cpos = models.ManyToManyField(
        CPO, blank=True, related_name="+", verbose_name="CPOs", help_text="Each with its sub-CPOs."
    )
    emsps = models.ManyToManyField(EMSP, blank=True, related_name="+", verbose_name="eMSPs")
    modules = ArrayField(models.CharField(max_length=16, choices=Module), default=list, blank=True)
    enabled = models.BooleanField(default=True, help_text="Off: paused. The partner is refused until it is on again.")
    sends_base64 = models.BooleanField(
        default=False, editable=False, help_text="The partner was last seen to send its token in Base64."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["country_code", "party_id", "role"],
                name="subscription_is_unique_per_partner",
                violation_error_message="This partner has a subscription in this role.",
            ),
            models.CheckConstraint(
                condition=Q(country_code__regex="^[A-Z]{2}$") & Q(party_id__regex="^[A-Z0-9]{3}$"),
                name="subscription_party_has_its_form",
                violation_error_message="A party is two capital letters and three capital letters or digits, "
                "like NL GFX.",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="subscription_role_is_known"),
            models.CheckConstraint(
                condition=Q(modules__contained_by=Module.values),
                name="subscription_modules_are_known",
                violation_error_message="A module is one of locations, tokens, sessions and cdrs.",
            ),
        ]


class PullToken(models.Model):
    """What a partner authenticates with: at most 64 printable characters, of which only the SHA-256 is kept.

    The text has 192 random bits, so one SHA-256 is a safe hash. While a token is rotated a subscription has two.
    """

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="tokens")
    prefix = models.CharField(max_length=16, help_text="How it begins, to tell two apart.")
    hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, help_text="Refused from this instant on. Empty: never.")
    last_used_at = models.DateTimeField(null=True, help_text="To the minute.")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.prefix


class Relayed(models.Model):
    """A session or a CDR as a partner sent it. Nothing of it is ours: it is kept and handed on as it came."""

    class Kind(models.TextChoices):
        SESSION = "sessions", "session"
        CDR = "cdrs", "CDR"

    kind = models.CharField(max_length=8, choices=Kind)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    # Null: the party is no CPO of the portal.
    cpo = models.ForeignKey(CPO, models.SET_NULL, null=True, related_name="+")
    country_code = models.CharField(max_length=2)
    party_id = models.CharField(max_length=3)
    object_id = models.CharField(max_length=36)
    auth_id = models.TextField(null=True, help_text="In normal form: whose charge it was.")
    body = models.JSONField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "country_code", "party_id", "object_id"], name="relayed_object_is_unique_per_party"
            ),
            models.CheckConstraint(condition=Q(kind__in=["sessions", "cdrs"]), name="relayed_kind_is_known"),
            printable_check("object_id", "relayed_object_id_is_printable"),
        ]
        indexes = [
            models.Index(fields=["kind", "id"], name="relayed_by_kind"),
            models.Index(fields=["auth_id"], name="relayed_by_auth_id"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


# When something was last changed. Triggers of migration 0002 write these rows, also for SQL and imports; the tables
# are apart from what they speak of, so that a note of the time is no change of it. Without foreign keys: a check for
# each of a million rows would cost an import more than all the rest of it.


class LocationStamp(models.Model):
    """A location, or one of its EVSEs, or its authorization list, or its CPO."""

    location = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="location_stamp_by_time")]

    def __str__(self) -> str:
        return f"location {self.location}"


class TokenStamp(models.Model):
    token = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="token_stamp_by_time")]

    def __str__(self) -> str:
        return f"token {self.token}"


class HolderStamp(models.Model):
    """When an eMSP, a customer or a driver was last blocked or unblocked, and its tokens with it."""

    kind = models.CharField(max_length=8)  # emsp, customer, driver
    holder = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "holder"], name="holder_has_one_stamp")]
        indexes = [models.Index(fields=["at"], name="holder_stamp_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.holder}"
