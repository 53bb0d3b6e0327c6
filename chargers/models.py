"""What happens at charge stations: authorizations in use, commands, and the messages that tell of them.

Messages are rows first (`StationMessage`), written in the transaction of what they tell, and delivered from there: a
broker, a gateway or a partner that is away gets them later.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from locations.admin_format import moment
from locations.models import EVSE, ChargeStation, Location
from tokens.models import Token


class AtStation(models.Model):
    """Something that happens at a station or at an EVSE. location: theirs, which says who may see it."""

    location = models.ForeignKey(Location, models.CASCADE, related_name="+")
    station = models.ForeignKey(ChargeStation, models.CASCADE, null=True, blank=True, related_name="+")
    evse = models.ForeignKey(EVSE, models.CASCADE, null=True, blank=True, related_name="+", verbose_name="EVSE")

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(station__isnull=False) | Q(evse__isnull=False), name="%(class)s_is_at_a_station_or_an_evse"
            )
        ]

    @property
    def where(self) -> str:
        return str(self.evse or self.station)


class Via(models.TextChoices):
    """How something came in."""

    REST = "rest", _("HTTP")
    MQTT = "mqtt", "MQTT"
    OCPP = "ocpp", "OCPP"
    COMMAND = "command", _("command")


class Ended(models.TextChoices):
    """What ended an authorization in use."""

    PRESENTED = "presented", _("the same token again")
    TRANSACTION = "transaction", _("end of the transaction")
    COMMAND = "command", _("stopped by command")
    REPORTED = "reported", _("reported by the station")
    RESTRICTION = "restriction", _("taken away")
    SUPERSEDED = "superseded", _("another one began")


class AuthorizationInUse(AtStation):
    """Somebody may charge here since `began_at`, until `ended_at`.

    place: the station ("s5"), a connector of it ("s5/2") or an EVSE ("e7"). token_key: the token ("t3"), or the keyed
    hash of what was presented; at one place it is in use once. presented: the id as it was, to ask again; empty once
    ended. held: the decision accepted it when last looked at, at `revision`; the next look is due at `next_change_at`.
    reference: the transaction's, by which a station names it again.
    """

    place = models.CharField(max_length=40, editable=False)
    token_type = models.CharField(max_length=20)
    token = models.ForeignKey(Token, models.DO_NOTHING, null=True, blank=True, db_constraint=False, related_name="+")
    token_key = models.CharField(max_length=40, editable=False)
    token_pseudonym = models.CharField(max_length=32, blank=True, editable=False)
    presented = models.CharField(max_length=255, blank=True, editable=False)
    via = models.CharField(max_length=8, choices=Via)
    message_id = models.CharField(max_length=64, help_text="Of the message that began it.")
    reference = models.CharField(max_length=300, null=True, blank=True, editable=False)
    paused = models.BooleanField(default=False)
    held = models.BooleanField(default=True, editable=False)
    revision = models.BigIntegerField(editable=False)
    next_change_at = models.DateTimeField(null=True, editable=False)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=12, choices=Ended, blank=True)
    reason = models.CharField(max_length=32, blank=True, help_text="The decision's, when it took it away.")

    class Meta(AtStation.Meta):
        verbose_name = _("authorization in use")
        verbose_name_plural = _("authorizations in use")
        ordering = ["-began_at", "-pk"]
        constraints = [
            *AtStation.Meta.constraints,
            models.UniqueConstraint(
                fields=["place", "token_key"], condition=Q(ended_at=None), name="token_is_in_use_once_at_a_place"
            ),
            models.UniqueConstraint(fields=["station", "reference"], name="transaction_begins_once"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by="") | (Q(ended_at__isnull=False) & ~Q(ended_by="")),
                name="authorization_ends_by_something",
            ),
        ]
        indexes = [
            models.Index(fields=["revision"], name="in_use_by_revision", condition=Q(ended_at=None)),
            models.Index(fields=["next_change_at"], name="in_use_by_next_change", condition=Q(ended_at=None)),
            models.Index(fields=["-began_at", "-id"], name="in_use_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.where} {moment(self.began_at)}"


class Command(AtStation):
    """Something that a station is to do; it says whether it does, or time runs out."""

    class Kind(models.TextChoices):
        START = "start", _("start")
        STOP = "stop", _("stop")
        PAUSE = "pause", _("pause")
        RESUME = "resume", _("resume")
        TOGGLE = "toggle", _("toggle")
        OVERRIDE_SCHEDULE = "override_schedule", _("override schedule")

    class State(models.TextChoices):
        REFUSED = "refused", _("refused by the decision")
        PENDING = "pending", _("on its way")
        DELIVERED = "delivered", _("delivered")
        ACCEPTED = "accepted", _("accepted by the station")
        REJECTED = "rejected", _("rejected by the station")
        TIMED_OUT = "timed_out", _("no answer in time")

    id = models.BigAutoField(primary_key=True)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    detail = models.CharField(max_length=255, blank=True, help_text="Why it was refused or rejected.")
    token = models.ForeignKey(Token, models.DO_NOTHING, null=True, blank=True, db_constraint=False, related_name="+")
    use = models.ForeignKey(AuthorizationInUse, models.SET_NULL, null=True, blank=True, related_name="commands")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    answer_until = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta(AtStation.Meta):
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["answer_until"], name="command_unanswered", condition=Q(state__in=["pending", "delivered"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.where}"


class StationMessage(AtStation):
    """Something to tell a station's side, once it is committed.

    body: the message on the wire. topic: where over MQTT, empty for the station's own. delivered_at: over `channel`.
    notifies: a partner's webhook is to hear of it too; `notified_at` is when all have, and is left to whoever pushes.
    """

    class Channel(models.TextChoices):
        MQTT = "mqtt", "MQTT"
        OCPP = "ocpp", "OCPP"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(ChargeStation, models.CASCADE, null=True, blank=True, related_name="+")
    location = models.ForeignKey(Location, models.CASCADE, null=True, related_name="+")  # type: ignore[assignment]
    message_id = models.UUIDField()
    channel = models.CharField(max_length=4, choices=Channel)
    topic = models.CharField(max_length=800, blank=True)
    type = models.CharField(max_length=32)
    text = models.CharField(max_length=255)
    body = models.JSONField()
    use = models.ForeignKey(AuthorizationInUse, models.CASCADE, null=True, related_name="+")
    command = models.ForeignKey(Command, models.CASCADE, null=True, related_name="+")
    notifies = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = []
        indexes = [
            models.Index(fields=["channel", "id"], name="message_to_deliver", condition=Q(delivered_at=None)),
            models.Index(fields=["id"], name="message_to_notify", condition=Q(notifies=True, notified_at=None)),
            models.Index(fields=["message_id"], name="message_by_id"),
            models.Index(fields=["created_at"], name="message_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"


class SeenMessage(models.Model):
    """A message that was taken in, by whom it came from and its id; and what it was answered with.

    Who sends it again gets the same answer, and nothing happens twice. digest: of what it said.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=40)
    message_id = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    answer = models.CharField(max_length=16, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "message_id"], name="message_is_seen_once")]
        indexes = [models.Index(fields=["seen_at"], name="seen_message_by_time")]

    def __str__(self) -> str:
        return self.message_id


class StationLink(models.Model):
    """How a station was heard last, and so how it is told something. prefixed: on MQTT topics of its own."""

    station = models.OneToOneField(ChargeStation, models.CASCADE, primary_key=True, related_name="link")
    channel = models.CharField(max_length=4, choices=StationMessage.Channel)
    prefixed = models.BooleanField(default=True)
    heard_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.station_id} {self.channel}"


class LocalList(models.Model):
    """A version of a station's offline list. entries: `type:normal uid` → [uid, expiry as ISO 8601 or null]."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(ChargeStation, models.CASCADE, related_name="local_lists")
    version = models.PositiveIntegerField()
    entries = models.JSONField()
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["station", "version"], name="local_list_version_is_unique")]

    def __str__(self) -> str:
        return f"{self.station_id} version {self.version}"
