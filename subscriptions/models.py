"""Partner platforms and what they may see; what they sent us; and when each thing that they pull was last changed."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chargers.models import AuthorizationInUse
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
    # Ours, and only pushed: OCPI has no module of this kind.
    NOTIFICATIONS = "chargestationnotifications", "charge station notifications"


class Version(models.TextChoices):
    """Of OCPI. 2.2.1 has locations and tokens here."""

    V211 = "2.1.1", "2.1.1"
    V221 = "2.2.1", "2.2.1"


# What a partner can pull.
PULLED = {
    Version.V211: (Module.LOCATIONS, Module.TOKENS, Module.SESSIONS, Module.CDRS),
    Version.V221: (Module.LOCATIONS, Module.TOKENS),
}


@pghistory.track()
class Subscription(Party):
    """A partner platform, what it is let see of whom, and what it may send. Its tokens are in PullToken."""

    role = models.CharField(max_length=4, choices=Role)
    all_cpos = models.BooleanField("all CPOs", default=False, help_text="Every CPO, also those that are yet to come.")
    cpos = models.ManyToManyField(
        CPO, blank=True, related_name="+", verbose_name="CPOs", help_text="Each with its sub-CPOs."
    )
    emsps = models.ManyToManyField(EMSP, blank=True, related_name="+", verbose_name="eMSPs")
    modules = ArrayField(models.CharField(max_length=32, choices=Module), default=list, blank=True)
    enabled = models.BooleanField(default=True, help_text="Off: paused. The partner is refused until it is on again.")
    sends_base64 = models.BooleanField(
        default=False, editable=False, help_text="The partner was last seen to send its token in Base64."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
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
                violation_error_message="A module is one of locations, tokens, sessions, cdrs and "
                "chargestationnotifications.",
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


class PartnerAccess(models.Model):
    """How we authenticate with a partner, and how it knows us. Everything here is sealed: it can be used, not read.

    secret: signs what is pushed, as Standard Webhooks has it; the one before it signs beside it until `previous_until`.
    versions_url, registered_at: of a partner that registered by OCPI's `credentials`. version: in which it is pushed.
    """

    subscription = models.OneToOneField(Subscription, models.CASCADE, primary_key=True, related_name="access")
    token_sealed = models.TextField(blank=True)
    secret_sealed = models.TextField(blank=True)
    previous_sealed = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True)
    versions_url = models.CharField(max_length=500, blank=True)
    version = models.CharField(max_length=5, choices=Version, default=Version.V211)
    registered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.subscription_id)


# What changes with every turn is state, not an edit that a history would tell of.
@pghistory.track(exclude=["claimed_until", "failures", "failing_since", "next_at", "answered_at", "answer"])
class PushEndpoint(models.Model):
    """Where a module's objects are pushed to, and how that goes.

    off_at: switched off since, because the partner answered 410. claimed_until: somebody sends to it until then at the
    latest. failures: in a row, of the endpoint as such; no other try before `next_at`. answer: the last one.
    """

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="endpoints")
    module = models.CharField(max_length=32, choices=Module)
    url = models.CharField(max_length=500)
    off_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField(null=True, editable=False)
    answered_at = models.DateTimeField(null=True, editable=False)
    answer = models.CharField(max_length=255, blank=True, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "module"], name="push_endpoint_is_one_per_module"),
            models.CheckConstraint(condition=Q(module__in=Module.values), name="push_endpoint_module_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.module} to {self.url}"


class Delivery(models.Model):
    """That a partner is to be told of an object as it then is; and, afterwards, what the partner was told.

    Triggers of migration 0004 write these rows in the transaction of the change. object_id: the primary key of a
    location, a token, something relayed or a station's message. version: counts the changes, so that one which comes
    while an older one is sent is not lost. since: the first change that was not told.

    sent: the object as the partner last acknowledged it, and sent_to its [country, party, id]. known: the partner could
    have pulled it. gone: addresses at which nothing is any more, as in sent_to, or with an EVSE's uid as a fourth part.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        PARKED = "parked", _("parked")

    # Without a key in the database: to check a million of them would cost an import as much as the rest.
    endpoint = models.ForeignKey(
        PushEndpoint, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="deliveries"
    )
    object_id = models.BigIntegerField()
    state = models.CharField(max_length=9, choices=State)
    version = models.BigIntegerField()
    since = models.DateTimeField()
    next_at = models.DateTimeField()
    attempts = models.PositiveIntegerField()
    known = models.BooleanField()
    gone = models.JSONField()
    sent = models.JSONField(null=True)
    sent_to = models.JSONField(null=True)
    named = models.CharField(max_length=100, blank=True)
    answer = models.CharField(max_length=255, blank=True)
    attempted_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "object_id"], name="delivery_is_one_per_object"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "delivered", "parked"]), name="delivery_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "next_at", "id"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(fields=["endpoint", "id"], name="delivery_parked", condition=Q(state="parked")),
        ]

    def __str__(self) -> str:
        return self.named or f"{self.object_id}"


class Relayed(models.Model):
    """A session or a CDR as a partner sent it: nothing of it is ours, it is kept and handed on as it came.

    Or, with `use`, the session that an authorization in use is: triggers of migration 0005 write it. Of that one `body`
    is its auth_id and what a CPO's platform reports of it, and the object is made of both where it is shown.
    """

    class Kind(models.TextChoices):
        SESSION = "sessions", "session"
        CDR = "cdrs", "CDR"

    kind = models.CharField(max_length=8, choices=Kind)
    # Who sent it; null: the portal's own.
    subscription = models.ForeignKey(Subscription, models.PROTECT, null=True, related_name="+")
    use = models.OneToOneField(AuthorizationInUse, models.CASCADE, null=True, related_name="+")
    # Of the portal's own: whose token it was.
    emsp = models.ForeignKey(EMSP, models.SET_NULL, null=True, related_name="+")
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
            models.CheckConstraint(
                condition=Q(use=None, subscription__isnull=False)
                | Q(use__isnull=False, subscription=None, kind="sessions"),
                name="relayed_is_a_partners_or_an_authorizations",
            ),
            printable_check("object_id", "relayed_object_id_is_printable"),
        ]
        indexes = [
            models.Index(fields=["kind", "id"], name="relayed_by_kind"),
            models.Index(fields=["auth_id"], name="relayed_by_auth_id"),
            models.Index(fields=["kind", "updated_at"], name="relayed_by_time"),
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
