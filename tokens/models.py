"""Mobility service providers and what they hand out: EMSP, Customer, Driver, Token.

A rule about these rows is a named database constraint here, or a trigger where a constraint cannot say it. Two of them
are composite foreign keys of migration 0001: a token's customer is one of its eMSP (`token_customer_of_its_emsp`), and
its driver one of that customer (`token_driver_of_its_customer`).
"""

from typing import Any

import pghistory
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from locations.ids import BadId
from locations.models import CPO, Party, contains_index, party_constraints, prefix_index, printable_check
from tokens import ids


class NormalUid(Func):
    """SQL twin of tokens.ids.uid."""

    function = "chargeward_uid"
    output_field = models.TextField()


class NormalAuthId(Func):
    """SQL twin of tokens.ids.auth_id."""

    function = "chargeward_auth_id"
    output_field = models.TextField()


@pghistory.track()
class EMSP(Party):
    """Mobility service provider: the party whose drivers charge."""

    blocked = models.BooleanField(_("blocked"), default=False, help_text=_("Refuses every token of this eMSP."))

    class Meta:
        verbose_name = _("eMSP")
        verbose_name_plural = _("eMSPs")
        ordering = ["name", "pk"]
        permissions = [("manage_emsp", "Can manage this eMSP")]
        constraints = party_constraints("emsp")


@pghistory.track()
class DirectoryGrant(models.Model):
    """An eMSP lets a CPO's managers search its customers, drivers and tokens. Switched off, it does not."""

    emsp = models.ForeignKey(EMSP, models.CASCADE, related_name="directory_grants", verbose_name=_("eMSP"))
    cpo = models.ForeignKey(CPO, models.CASCADE, related_name="+", verbose_name=_("CPO"))
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("directory grant")
        verbose_name_plural = _("directory grants")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["emsp", "cpo"],
                name="directory_is_granted_once",
                violation_error_message=_("This is granted already: switch it on or off."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.emsp} to {self.cpo}"


@pghistory.track()
class Customer(models.Model):
    """A customer of an eMSP: a fleet, a company, or one person with several drivers."""

    emsp = models.ForeignKey(EMSP, models.PROTECT, related_name="customers", verbose_name=_("eMSP"))
    name = models.CharField(_("name"), max_length=255)
    external_id = models.CharField(_("external ID"), max_length=100, null=True, blank=True)
    blocked = models.BooleanField(_("blocked"), default=False, help_text=_("Refuses every token of this customer."))

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["emsp", "external_id"],
                name="customer_external_id_is_unique_per_emsp",
                violation_error_message=_("This external ID is taken."),
            ),
            # The target of token_customer_of_its_emsp.
            models.UniqueConstraint(fields=["id", "emsp"], name="customer_with_emsp"),
            models.CheckConstraint(condition=~Q(external_id=""), name="customer_external_id_is_null_or_text"),
        ]
        indexes = [
            contains_index("name", "customer_name_has"),
            contains_index("external_id", "customer_external_id_has"),
            # The order of the lists: of all, and of one eMSP's.
            models.Index(fields=["name", "id"], name="customer_by_name"),
            models.Index(fields=["emsp", "name", "id"], name="customer_by_emsp_and_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.external_id = self.external_id or None


@pghistory.track()
class Driver(models.Model):
    """A person who charges on a customer's account."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="drivers", verbose_name=_("customer"))
    name = models.CharField(_("name"), max_length=255)
    external_id = models.CharField(_("external ID"), max_length=100, null=True, blank=True)
    blocked = models.BooleanField(_("blocked"), default=False, help_text=_("Refuses every token of this driver."))

    class Meta:
        verbose_name = _("driver")
        verbose_name_plural = _("drivers")
        ordering = ["name", "pk"]
        constraints = [
            # The target of token_driver_of_its_customer.
            models.UniqueConstraint(fields=["id", "customer"], name="driver_with_customer"),
            models.UniqueConstraint(
                fields=["customer", "external_id"],
                name="driver_external_id_is_unique_per_customer",
                violation_error_message=_("This external ID is taken."),
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="driver_external_id_is_null_or_text"),
        ]
        indexes = [
            contains_index("name", "driver_name_has"),
            contains_index("external_id", "driver_external_id_has"),
            models.Index(fields=["name", "id"], name="driver_by_name"),
            models.Index(fields=["customer", "name", "id"], name="driver_by_customer_and_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.external_id = self.external_id or None


class TokenType(models.TextChoices):
    """OCPI 2.1.1 knows RFID and OTHER; the rest are OCPI 2.2's and OCPP 2.0.1's words."""

    RFID = "RFID", "RFID"
    EMAID = "EMAID", "eMAID"
    MAC_ADDRESS = "MAC_ADDRESS", _("MAC address")
    KEY_CODE = "KEY_CODE", _("key code")
    APP_USER = "APP_USER", _("app user")
    AD_HOC_USER = "AD_HOC_USER", _("ad hoc user")
    OTHER = "OTHER", _("other")


class Whitelist(models.TextChoices):
    """OCPI's WhitelistType: whether a charger may decide without asking."""

    ALWAYS = "ALWAYS", _("always")
    ALLOWED = "ALLOWED", _("allowed")
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE", _("allowed offline")
    NEVER = "NEVER", _("never")


# One trigger for each statement, not for each row: a list that comes in has a million rows.
@pghistory.track(
    pghistory.InsertEvent(level=pghistory.Statement),
    pghistory.UpdateEvent(level=pghistory.Statement),
    pghistory.DeleteEvent(level=pghistory.Statement),
    exclude=["uid_normal", "auth_id_normal"],
)
class Token(models.Model):
    """A charge token: a card, an app user, a contract certificate. Its uid is the Chip ID, its auth_id the Auth ID.

    An external token has no eMSP and no uid here: it is an Auth ID that somebody named on a list or in a group.
    """

    # Their indexes are token_by_emsp and token_by_customer.
    emsp = models.ForeignKey(
        EMSP, models.PROTECT, null=True, blank=True, related_name="tokens", verbose_name=_("eMSP"), db_index=False
    )
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tokens",
        verbose_name=_("customer"),
        db_index=False,
    )
    driver = models.ForeignKey(
        Driver, models.PROTECT, null=True, blank=True, related_name="tokens", verbose_name=_("driver")
    )
    type = models.CharField(_("type"), max_length=16, choices=TokenType, default=TokenType.RFID)
    uid = models.CharField(_("Chip ID"), max_length=255, null=True, blank=True)
    uid_normal = models.GeneratedField(
        expression=NormalUid(F("type"), F("uid")), output_field=models.TextField(null=True), db_persist=True
    )
    auth_id = models.CharField(_("Auth ID"), max_length=255, null=True, blank=True)
    auth_id_normal = models.GeneratedField(
        expression=NormalAuthId(F("auth_id")), output_field=models.TextField(null=True), db_persist=True
    )
    visual_number = models.CharField(
        _("visual number"), max_length=64, blank=True, help_text=_("What is printed on the card.")
    )
    issuer = models.CharField(_("issuer"), max_length=64, blank=True)
    valid = models.BooleanField(_("valid"), default=True, help_text=_("Off: blocked."))
    whitelist = models.CharField(_("whitelist"), max_length=16, choices=Whitelist, default=Whitelist.ALLOWED)
    expires_at = models.DateTimeField(
        _("expires at"), null=True, blank=True, help_text=_("Refused from this instant on. Empty: never.")
    )
    language = models.CharField(_("language"), max_length=2, blank=True, help_text=_("ISO 639-1, like nl."))
    external = models.BooleanField(_("external"), default=False, editable=False)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("charge token")
        verbose_name_plural = _("charge tokens")
        constraints = [
            models.UniqueConstraint(
                fields=["type", "uid_normal"],
                name="token_uid_is_unique",
                violation_error_message=_("This uid is taken."),
            ),
            models.UniqueConstraint(
                fields=["auth_id_normal"],
                condition=Q(external=True),
                name="external_token_is_unique",
                violation_error_message=_("This Auth ID is taken."),
            ),
            models.CheckConstraint(
                condition=Q(uid__isnull=False) | Q(auth_id__isnull=False),
                name="token_has_an_id",
                violation_error_message=_("Give a Chip ID (uid), an Auth ID (auth_id), or both."),
            ),
            models.CheckConstraint(
                condition=Q(external=False, emsp__isnull=False)
                | Q(
                    external=True,
                    emsp__isnull=True,
                    customer__isnull=True,
                    driver__isnull=True,
                    uid__isnull=True,
                    auth_id__isnull=False,
                ),
                name="token_is_an_emsps_or_external",
                violation_error_message=_("A token belongs to an eMSP, unless it is external and an Auth ID alone."),
            ),
            models.CheckConstraint(
                condition=Q(driver__isnull=True) | Q(customer__isnull=False),
                name="token_with_driver_has_customer",
                violation_error_message=_("A token with a driver has that driver's customer."),
            ),
            models.CheckConstraint(
                condition=~Q(type="EMAID")
                | Q(uid_normal__isnull=False, auth_id_normal__isnull=False, uid_normal=F("auth_id_normal")),
                name="emaid_uid_is_its_auth_id",
                violation_error_message=_("The uid of an EMAID token is its Auth ID."),
            ),
            models.CheckConstraint(condition=Q(type__in=TokenType.values), name="token_type_is_known"),
            models.CheckConstraint(condition=Q(whitelist__in=Whitelist.values), name="token_whitelist_is_known"),
            printable_check("uid", "token_uid_is_printable"),
            printable_check("auth_id", "token_auth_id_is_printable"),
            models.CheckConstraint(
                condition=~Q(type__in=sorted(ids.HEX_TYPES))
                | Q(uid_normal__isnull=True)
                | Q(uid_normal__regex="^[0-9A-F]+$"),
                name="token_uid_is_hexadecimal",
                violation_error_message=_("A uid of this type is hexadecimal."),
            ),
            models.CheckConstraint(condition=~Q(auth_id_normal=""), name="token_auth_id_is_not_empty"),
        ]
        indexes = [
            # Equality uses these too.
            prefix_index("auth_id_normal", "token_auth_id_begins"),
            prefix_index("uid_normal", "token_uid_begins"),
            models.Index(fields=["visual_number"], name="token_by_visual_number"),
            # One eMSP's tokens page by page, without a look at the others'.
            models.Index(fields=["emsp", "id"], name="token_by_emsp"),
            models.Index(fields=["customer", "id"], name="token_by_customer"),
        ]

    def __str__(self) -> str:
        return self.auth_id or self.uid or f"token {self.pk}"

    def clean(self) -> None:
        """Fills in what follows from the rest, and says what does not fit, field by field."""
        self.uid, self.auth_id = self.uid or None, self.auth_id or None
        self.complete()
        errors: dict[str, Any] = {}
        for field, normal in (("uid", lambda v: ids.uid(self.type, v)), ("auth_id", ids.auth_id)):
            try:
                if (value := getattr(self, field)) is not None:
                    normal(value)
            except BadId as error:
                errors[field] = str(error)
        if self.driver is not None and self.driver.customer_id != self.customer_id:
            errors["driver"] = _("This driver belongs to another customer.")
        if self.customer is not None and self.customer.emsp_id != self.emsp_id:
            errors["customer"] = _("This customer belongs to another eMSP.")
        if self.emsp_id is None and not self.external:
            errors["emsp"] = _("A token belongs to an eMSP.")
        if errors:
            raise ValidationError(errors)

    def complete(self) -> None:
        """A driver brings the customer, a customer the eMSP; the uid of an EMAID token is its Auth ID."""
        if self.driver is not None and self.customer_id is None:
            self.customer = self.driver.customer
        if self.customer is not None and self.emsp_id is None:
            self.emsp = self.customer.emsp
        if self.type == TokenType.EMAID:
            self.uid, self.auth_id = self.uid or self.auth_id, self.auth_id or self.uid
