"""Who may charge where: exception groups, exceptions, authorization lists; and the log of what was answered.

A rule about these rows is a named database constraint, or a trigger of `triggers.py` where a constraint cannot say it.
"""

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from authorization import triggers
from authorization.fields import LocalDateTimeField
from locations.models import CPO, ChargeStation, Location, contains_index
from tokens.models import EMSP, Customer, Driver, Token

CPO_SIDE = ("cpo", "location")
EMSP_SIDE = ("emsp", "customer", "driver", "token")


class Owned(models.Model):
    """Owned by one CPO, by one eMSP, or by neither: then it is Admin's, global, and everyone may use it."""

    owner_cpo = models.ForeignKey(
        CPO, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("owner CPO")
    )
    owner_emsp = models.ForeignKey(
        EMSP, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("owner eMSP")
    )

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(owner_cpo__isnull=True) | Q(owner_emsp__isnull=True),
                name="%(class)s_has_one_owner",
                violation_error_message=_("Owned by a CPO or by an eMSP, not by both."),
            )
        ]


@pghistory.track()
class ExceptionGroup(Owned):
    """Members of one category, which can never change. A group that an exception uses cannot be deleted."""

    class Category(models.TextChoices):
        CPO = "cpo", _("CPOs")
        LOCATION = "location", _("locations")
        EMSP = "emsp", _("eMSPs")
        CUSTOMER = "customer", _("customers")
        DRIVER = "driver", _("drivers")
        TOKEN = "token", _("charge tokens")

    name = models.CharField(_("name"), max_length=255)
    notes = models.TextField(_("notes"), blank=True)
    category = models.CharField(_("category"), max_length=8, choices=Category)

    class Meta(Owned.Meta):
        verbose_name = _("exception group")
        verbose_name_plural = _("exception groups")
        ordering = ["name", "pk"]
        constraints = [
            *Owned.Meta.constraints,
            # The target of group_member_is_of_its_category.
            models.UniqueConstraint(fields=["id", "category"], name="group_with_category"),
            models.CheckConstraint(condition=Q(category__in=[*CPO_SIDE, *EMSP_SIDE]), name="group_category_is_known"),
        ]
        indexes = [models.Index(fields=["name", "id"], name="group_by_name"), contains_index("name", "group_name_has")]
        triggers = triggers.members_match_category()

    def __str__(self) -> str:
        return self.name

    @property
    def side(self) -> str:
        """`cpo` or `emsp`: the side of an exception that this group can stand on."""
        return "cpo" if self.category in CPO_SIDE else "emsp"


def _exactly_the_column_of_its_category() -> Q:
    columns = [*CPO_SIDE, *EMSP_SIDE]
    condition = Q()
    for category in columns:
        condition |= Q(category=category, **{f"{column}__isnull": column != category for column in columns})
    return condition


@pghistory.track()
class GroupMember(models.Model):
    """One member of a group: the column of the group's category is set, the others are empty.

    A token with an Auth ID is a member by that (`auth_id`, normal form): so is every token that carries it, now or
    later. `token` is then the one to show, and moves to another carrier when that one goes.
    """

    group = models.ForeignKey(ExceptionGroup, models.CASCADE, related_name="members", verbose_name=_("group"))
    category = models.CharField(_("category"), max_length=8, choices=ExceptionGroup.Category, editable=False)
    cpo = models.ForeignKey(CPO, models.CASCADE, null=True, blank=True, verbose_name=_("CPO"))
    location = models.ForeignKey(Location, models.CASCADE, null=True, blank=True, verbose_name=_("location"))
    emsp = models.ForeignKey(EMSP, models.CASCADE, null=True, blank=True, verbose_name=_("eMSP"))
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, verbose_name=_("customer"))
    driver = models.ForeignKey(Driver, models.CASCADE, null=True, blank=True, verbose_name=_("driver"))
    # The trigger token_leaves_its_names moves or removes the row before the token goes.
    token = models.ForeignKey(Token, models.DO_NOTHING, null=True, blank=True, verbose_name=_("charge token"))
    auth_id = models.TextField(_("Auth ID"), null=True, blank=True, editable=False)
    # As it was named here: shown to those who may not see the token, however that one spells it.
    auth_id_entered = models.TextField(_("Auth ID as entered"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("group member")
        verbose_name_plural = _("group members")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=_exactly_the_column_of_its_category(),
                name="group_member_has_the_column_of_its_category",
                violation_error_message=_("Choose one member, of the group's category."),
            ),
            models.CheckConstraint(
                condition=Q(auth_id__isnull=True) | Q(token__isnull=False), name="group_member_auth_id_has_a_token"
            ),
            *(
                models.UniqueConstraint(
                    fields=["group", column],
                    name=f"group_member_{column}_is_unique",
                    violation_error_message=_("Already a member."),
                )
                for column in [*CPO_SIDE, *EMSP_SIDE, "auth_id"]
            ),
        ]
        indexes = [models.Index(fields=["auth_id"], name="group_member_by_auth_id", condition=Q(auth_id__isnull=False))]

    def __str__(self) -> str:
        return str(getattr(self, self.category, "") or self.pk)

    def clean(self) -> None:
        self.category = self.group.category


class Action(models.TextChoices):
    WHITELIST = "whitelist", _("whitelist")
    BLACKLIST = "blacklist", _("blacklist")


class Direction(models.TextChoices):
    EMSP_FOR_CPO = "emsp_for_cpo", _("eMSP for CPO")
    CPO_FOR_EMSP = "cpo_for_emsp", _("CPO for eMSP")


@pghistory.track()
class ChargeException(Owned):
    """An exception: places on one side, tokens on the other, and what that pair means while it is active.

    Active: enabled and valid_from ≤ t < valid_until, t the wall clock at the location.
    """

    name = models.CharField(_("name"), max_length=255)
    notes = models.TextField(_("notes"), blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    action = models.CharField(_("action"), max_length=9, choices=Action)
    direction = models.CharField(_("direction"), max_length=12, choices=Direction)
    valid_from = LocalDateTimeField(
        _("valid from"), null=True, blank=True, help_text=_("Wall clock at each location. Empty: from ever.")
    )
    valid_until = LocalDateTimeField(
        _("valid until"), null=True, blank=True, help_text=_("Not any more at this moment. Empty: for ever.")
    )
    cpo_groups = models.ManyToManyField(
        ExceptionGroup,
        through="ExceptionCpoGroup",
        related_name="+",
        verbose_name=_("CPO-side groups"),
        limit_choices_to={"category__in": CPO_SIDE},
    )
    emsp_groups = models.ManyToManyField(
        ExceptionGroup,
        through="ExceptionEmspGroup",
        related_name="+",
        verbose_name=_("eMSP-side groups"),
        limit_choices_to={"category__in": EMSP_SIDE},
    )

    class Meta(Owned.Meta):
        verbose_name = _("exception")
        verbose_name_plural = _("exceptions")
        ordering = ["name", "pk"]
        constraints = [
            *Owned.Meta.constraints,
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_from__lt=F("valid_until")),
                name="exception_begins_before_it_ends",
                violation_error_message=_("valid_from must be before valid_until."),
            ),
            models.CheckConstraint(condition=Q(action__in=Action.values), name="exception_action_is_known"),
            models.CheckConstraint(condition=Q(direction__in=Direction.values), name="exception_direction_is_known"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="exception_by_name"),
            contains_index("name", "exception_name_has"),
        ]
        triggers = triggers.exception_complete()

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class ExceptionCpoGroup(models.Model):
    """A CPO-side group of an exception."""

    exception = models.ForeignKey(ChargeException, models.CASCADE, related_name="+", verbose_name=_("exception"))
    group = models.ForeignKey(ExceptionGroup, models.PROTECT, related_name="used_on_cpo_side", verbose_name=_("group"))

    class Meta:
        verbose_name = _("CPO-side group")
        constraints = [models.UniqueConstraint(fields=["exception", "group"], name="exception_cpo_group_is_unique")]
        triggers = triggers.exception_side("cpo")

    def __str__(self) -> str:
        return str(self.group)


@pghistory.track()
class ExceptionEmspGroup(models.Model):
    """An eMSP-side group of an exception."""

    exception = models.ForeignKey(ChargeException, models.CASCADE, related_name="+", verbose_name=_("exception"))
    group = models.ForeignKey(ExceptionGroup, models.PROTECT, related_name="used_on_emsp_side", verbose_name=_("group"))

    class Meta:
        verbose_name = _("eMSP-side group")
        constraints = [models.UniqueConstraint(fields=["exception", "group"], name="exception_emsp_group_is_unique")]
        triggers = triggers.exception_side("emsp")

    def __str__(self) -> str:
        return str(self.group)


@pghistory.track()
class AuthorizationListEntry(models.Model):
    """One customer or one token on a location's authorization list. A location with an entry is private.

    `auth_id` and `token` work as in GroupMember.
    """

    location = models.ForeignKey(
        Location, models.CASCADE, related_name="authorization_list", verbose_name=_("location")
    )
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, verbose_name=_("customer"))
    # As in GroupMember.
    token = models.ForeignKey(Token, models.DO_NOTHING, null=True, blank=True, verbose_name=_("charge token"))
    auth_id = models.TextField(_("Auth ID"), null=True, blank=True, editable=False)
    # As it was named here: shown to those who may not see the token, however that one spells it.
    auth_id_entered = models.TextField(_("Auth ID as entered"), null=True, blank=True, editable=False)
    added_at = models.DateTimeField(_("added at"), auto_now_add=True)

    class Meta:
        verbose_name = _("authorization list entry")
        verbose_name_plural = _("authorization list entries")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(customer__isnull=True, token__isnull=False)
                | Q(customer__isnull=False, token__isnull=True, auth_id__isnull=True),
                name="list_entry_is_a_customer_or_a_token",
                violation_error_message=_("Choose a customer or a token."),
            ),
            *(
                models.UniqueConstraint(
                    fields=["location", column],
                    name=f"list_entry_{column}_is_unique",
                    violation_error_message=_("Already on the list."),
                )
                for column in ("customer", "token", "auth_id")
            ),
        ]
        indexes = [models.Index(fields=["auth_id"], name="list_entry_by_auth_id", condition=Q(auth_id__isnull=False))]

    def __str__(self) -> str:
        return str(self.customer or self.token)


class Revision(models.Model):
    """One row: how many transactions that may alter an answer have been committed. Counted by triggers, at commit.

    `stamp` is another one at each count. Two databases, or one and what was restored of it, may reach the same value
    with different rows; they never have the same stamp.
    """

    value = models.BigIntegerField(default=0)
    stamp = models.UUIDField(db_default=RandomUUID())
    externals_at = models.BigIntegerField(default=0, help_text="The value when an external token was last made.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_revision")]

    def __str__(self) -> str:
        return str(self.value)


class Change(models.Model):
    """One committed transaction that may have altered an answer; `revision` is set as it commits, in that order.

    What it touched is in ChangedKeys. Rows are kept for a while: who has fallen further behind reads everything anew.
    """

    revision = models.BigIntegerField(null=True, unique=True)
    stamp = models.UUIDField(null=True, help_text="The Revision's stamp at this count.")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["changed_at"], name="change_by_time")]

    def __str__(self) -> str:
        return f"revision {self.revision}"


class ChangedKeys(models.Model):
    """Documents of the compiled copy (`authorization.cache.documents`) that one statement of a change made stale."""

    id = models.BigAutoField(primary_key=True)
    change = models.ForeignKey(Change, models.DO_NOTHING, db_constraint=False, related_name="keys")
    kind = models.CharField(max_length=16, help_text="* for every kind.")
    keys = ArrayField(models.TextField(), null=True, help_text="Null: too many to name, so all of this kind.")

    class Meta:
        verbose_name_plural = _("changed keys")

    def __str__(self) -> str:
        return f"{self.kind} of change {self.change_id}"


class ApiKey(models.Model):
    """A key for machines: of a charge station, of a CPO (its and its sub-CPOs' places), or of a portal user.

    The key is `cw_<prefix>_<secret>`; the secret has 192 random bits, so one SHA-256 of the whole is a safe hash.
    """

    name = models.CharField(max_length=255, blank=True)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    hash = models.BinaryField(max_length=32, editable=False)
    station = models.ForeignKey(ChargeStation, models.CASCADE, null=True, blank=True, related_name="api_keys")
    cpo = models.ForeignKey(CPO, models.CASCADE, null=True, blank=True, related_name="api_keys", verbose_name="CPO")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="api_keys")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Refused from this instant on. Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, help_text="Refused since then.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")
    limited_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it last had asked about too many unknown tokens."
    )

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(station__isnull=False, cpo__isnull=True, user__isnull=True)
                | Q(station__isnull=True, cpo__isnull=False, user__isnull=True)
                | Q(station__isnull=True, cpo__isnull=True, user__isnull=False),
                name="api_key_has_one_scope",
                violation_error_message=_("A key is for one station, one CPO or one user."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name or 'key'} ({self.prefix})"

    def clean(self) -> None:
        if sum(scope is not None for scope in (self.station_id, self.cpo_id, self.user_id)) != 1:
            raise ValidationError("A key is for one station, one CPO or one user.")


class Decision(models.Model):
    """One answer of `authorize`, as it was given. Rows outlive what they speak of.

    The table is made of weeks (`partitions`): rows are added, and go with their week when they are old.
    """

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=64, help_text="The caller's own id, or the one the answer carried.")
    decided_at = models.DateTimeField()
    caller = models.CharField(max_length=300, help_text="Who asked: the key's prefix and scope.")
    api_key = models.ForeignKey(ApiKey, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    token_type = models.CharField(max_length=20)
    token = models.ForeignKey(Token, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    token_pseudonym = models.CharField(max_length=32, blank=True, help_text="Keyed hash of the id presented.")
    presented_sealed = models.TextField(blank=True, help_text="The id presented, encrypted, of an unknown token.")
    location = models.ForeignKey(Location, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    # Whose token and whose location these were then; the database names them. Whoever manages one sees the row.
    emsp = models.ForeignKey(EMSP, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+")
    cpo = models.ForeignKey(CPO, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+")
    place = models.CharField(max_length=300, help_text="The place as the caller named it.")
    accepted = models.BooleanField()
    reason = models.CharField(max_length=32)
    rule = models.ForeignKey(ChargeException, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    revision = models.BigIntegerField()
    source = models.CharField(max_length=8, help_text="cache or database")

    class Meta:
        verbose_name = _("authorization log entry")
        verbose_name_plural = _("authorization log")
        ordering = ["-decided_at", "-id"]
        permissions = [("read_presented", "Can read ids of unknown tokens, for the days that they are kept")]
        indexes = [
            models.Index(
                fields=["decided_at"], name="decision_with_presented", condition=~models.Q(presented_sealed="")
            ),
            models.Index(fields=["-decided_at", "-id"], name="decision_newest_first"),
            models.Index(fields=["location", "-decided_at"], name="decision_by_location"),
            models.Index(fields=["token", "-decided_at"], name="decision_by_token"),
            models.Index(fields=["token_pseudonym", "-decided_at"], name="decision_by_pseudonym"),
            models.Index(fields=["reason", "-decided_at"], name="decision_by_reason"),
            models.Index(fields=["request_id"], name="decision_by_request"),
            models.Index(fields=["api_key", "-decided_at"], name="decision_by_key"),
            models.Index(fields=["cpo", "-decided_at"], name="decision_by_cpo"),
            models.Index(fields=["emsp", "-decided_at"], name="decision_by_emsp"),
            models.Index(
                fields=["rule", "-decided_at"], name="decision_by_rule", condition=models.Q(rule__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{'accepted' if self.accepted else 'rejected'} {self.reason}"


class Node(models.Model):
    """A node that answers chargers, and which revision its compiled copy is of; its follower writes it."""

    name = models.CharField(max_length=255, primary_key=True, help_text="Host and folder of the copy.")
    revision = models.BigIntegerField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at revision {self.revision}"


class Spool(models.Model):
    """How far a node's spool file of decisions is in the log; moves in the transaction that adds the rows."""

    name = models.CharField(max_length=100, primary_key=True)
    shipped = models.BigIntegerField(default=0, help_text="Bytes.")
    shipped_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.name} up to byte {self.shipped}"
