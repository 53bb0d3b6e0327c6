"""Charge point operators and their places: CPO, Location, ChargeStation, EVSE.

What a field holds follows OCPI 2.1.1 `mod_locations`. A rule about these rows is a named database constraint here, or a
trigger where a constraint cannot say it, so that SQL, imports and the admin meet the same one.
"""

import zoneinfo

import pghistory
import pgtrigger
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Collate, Upper
from django.utils.translation import gettext_lazy as _

from locations.connectors import validate as validate_connectors
from locations.validators import printable, validate_country_alpha3, validate_country_code, validate_party_id


class NormalEvseId(Func):
    """SQL twin of locations.ids.evse_id."""

    function = "chargeward_evse_id"
    output_field = models.TextField()


class HaveTheirForm(Func):
    """Whether a JSON value is a list of connectors, as far as what is shown of them relies on it."""

    conditional = True
    output_field = models.BooleanField()
    # Strict, or a list in the list would be taken for what is in it; there what is missing is unknown, and no match.
    template = """jsonb_path_match(%(expressions)s, 'strict $.type() == "array" && !exists($[*] ? (!exists(@ ? (
        @.id.type() == "string" && @.standard.type() == "string" && @.format.type() == "string"
        && @.power_type.type() == "string" && @.max_voltage.type() == "number" && @.max_amperage.type() == "number"
    ))))')"""


def validate_zone(value: str) -> None:
    """A zone of the IANA database as PyPI's tzdata has it."""
    if value not in zoneinfo.available_timezones():
        text = _("%(value)s is no IANA time zone. Use a name like Europe/Amsterdam.")
        raise ValidationError(text, code="time_zone", params={"value": repr(value)})


def printable_check(field: str, name: str) -> models.CheckConstraint:
    """Only printable ASCII, not empty: what ids.printable_ascii asks for, kept by the database."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__regex": r"^[ -~]*[!-~][ -~]*$"}),
        name=name,
        violation_error_message=_("Use printable ASCII characters only."),
    )


def prefix_index(field: str, name: str) -> models.Index:
    """For a search that begins with what was typed: LIKE uses no plain index outside the C collation."""
    return models.Index(fields=[field], opclasses=["text_pattern_ops"], name=name)


def contains_index(field: str, name: str) -> GinIndex:
    """For a search for a part of a name, in any case."""
    return GinIndex(OpClass(Upper(field), name="gin_trgm_ops"), name=name)


class Party(models.Model):
    """What CPO and eMSP have in common: a country and a party id that name them in OCPI."""

    country_code = models.CharField(
        _("country code"), max_length=2, validators=[validate_country_code], help_text=_("Two letters, like NL.")
    )
    party_id = models.CharField(
        _("party id"), max_length=3, validators=[validate_party_id], help_text=_("Three characters, like GFX.")
    )
    name = models.CharField(_("name"), max_length=255)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def clean_fields(self, exclude: set[str] | None = None) -> None:  # type: ignore[override]
        self.country_code = self.country_code.upper()
        self.party_id = self.party_id.upper()
        super().clean_fields(exclude)

    @property
    def code(self) -> str:
        """The party as it is written in requests: NL-GFX."""
        return f"{self.country_code}-{self.party_id}"


def party_constraints(table: str) -> list[models.BaseConstraint]:
    """A party's code is unique and in capitals, so that two of them never differ by case alone."""
    return [
        models.UniqueConstraint(
            fields=["country_code", "party_id"],
            name=f"{table}_party_is_unique",
            violation_error_message=_("This country code and party id are taken."),
        ),
        models.CheckConstraint(
            condition=Q(country_code__regex="^[A-Z]{2}$") & Q(party_id__regex="^[A-Z0-9]{3}$"),
            name=f"{table}_party_has_its_form",
            violation_error_message=_(
                "A party is two capital letters and three capital letters or digits, like NL GFX."
            ),
        ),
    ]


@pghistory.track()
class CPO(Party):
    """Charge point operator. A sub-CPO has a parent; what covers or may manage the parent covers the sub-CPO."""

    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent CPO")
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_zone])

    class Meta:
        verbose_name = _("CPO")
        verbose_name_plural = _("CPOs")
        ordering = ["name", "pk"]
        permissions = [
            ("manage_cpo", "Can manage this CPO and its sub-CPOs"),
            ("administer", "Is an Admin: sees, changes and deletes everything"),
        ]
        constraints = party_constraints("cpo")
        triggers = [
            pgtrigger.Trigger(
                name="cpo_is_not_its_own_parent",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("parent_id"),
                condition=pgtrigger.Condition("NEW.parent_id IS NOT NULL"),
                # The lock lets one change to the tree happen at a time: two moves could close a circle together.
                func="""
                    PERFORM pg_advisory_xact_lock(hashtext('locations_cpo.parent'));
                    IF EXISTS (
                        WITH RECURSIVE above AS (
                            SELECT NEW.parent_id AS id
                            UNION
                            SELECT c.parent_id FROM locations_cpo c JOIN above ON c.id = above.id
                        )
                        SELECT FROM above WHERE id = NEW.id
                    ) THEN
                        RAISE EXCEPTION 'A CPO cannot be above itself.'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'cpo_is_not_its_own_parent';
                    END IF;
                    RETURN NULL;
                """,
            )
        ]

    def clean(self) -> None:
        above, seen = self.parent, {self.pk}
        while above is not None:
            if above.pk in seen and self.pk is not None:
                raise ValidationError({"parent": _("A CPO cannot be above itself.")})
            seen.add(above.pk)
            above = above.parent


@pghistory.track()
class Location(models.Model):
    """A place to charge. `private` (its authorization list is not empty) is worked out from the list, never stored."""

    cpo = models.ForeignKey(CPO, models.PROTECT, related_name="locations", verbose_name=_("CPO"))
    location_id = models.CharField(_("location ID"), max_length=39, validators=[printable])
    name = models.CharField(_("name"), max_length=255, blank=True)
    address = models.CharField(_("address"), max_length=255, blank=True)
    city = models.CharField(_("city"), max_length=255, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    country = models.CharField(
        _("country"),
        max_length=3,
        blank=True,
        validators=[validate_country_alpha3],
        help_text=_("ISO 3166 alpha-3, like NLD."),
    )
    latitude = models.DecimalField(_("latitude"), max_digits=10, decimal_places=7, null=True, blank=True)
    longitude = models.DecimalField(_("longitude"), max_digits=10, decimal_places=7, null=True, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, blank=True, validators=[validate_zone], help_text=_("Default: the CPO's.")
    )
    published = models.BooleanField(
        _("published"), default=True, help_text=_("A private location cannot be published.")
    )

    class Meta:
        verbose_name = _("charge location")
        verbose_name_plural = _("charge locations")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cpo", "location_id"],
                name="location_id_is_unique_per_cpo",
                violation_error_message=_("This location ID is taken."),
            ),
            printable_check("location_id", "location_id_is_printable"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    # A comparison with null is no violation, so null is spelt out.
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__range=(-180, 180),
                ),
                name="location_coordinates_are_on_earth",
                violation_error_message=_("Give a latitude of -90 to 90 and a longitude of -180 to 180, or neither."),
            ),
            models.CheckConstraint(condition=~Q(time_zone=""), name="location_has_a_time_zone"),
        ]
        indexes = [
            models.Index(fields=["location_id"], name="location_by_location_id"),
            contains_index("name", "location_name_has"),
            contains_index("address", "location_address_has"),
            contains_index("city", "location_city_has"),
            contains_index("location_id", "location_id_has"),
            # The order of the lists: of all, of one CPO's, and of those that are private or closed.
            models.Index(fields=["name", "id"], name="location_by_name"),
            models.Index(fields=["cpo", "name", "id"], name="location_by_cpo_and_name"),
            models.Index(fields=["name", "id"], name="location_unpublished", condition=Q(published=False)),
        ]

    def __str__(self) -> str:
        return self.name or self.location_id

    def clean(self) -> None:
        self.complete()

    def complete(self) -> None:
        """The time zone is the CPO's where none is given."""
        if not self.time_zone and self.cpo_id is not None:
            self.time_zone = self.cpo.time_zone

    def save(self, *args: object, **kwargs: object) -> None:
        self.complete()
        super().save(*args, **kwargs)  # type: ignore[arg-type]


@pghistory.track(exclude=["identity_normal"])
class ChargeStation(models.Model):
    """A charger: one identity on the wire (OCPP, Josev) with one or more EVSEs, and its access modes."""

    location = models.ForeignKey(Location, models.PROTECT, related_name="stations", verbose_name=_("location"))
    identity = models.CharField(_("identity"), max_length=255, validators=[printable])
    identity_normal = models.GeneratedField(
        expression=Upper(Collate(Func(F("identity"), function="btrim"), "C")),
        output_field=models.TextField(),
        db_persist=True,
    )
    authorization_required = models.BooleanField(default=True, help_text="Off: anyone charges here, without a card.")
    local_pre_authorize = models.BooleanField(default=False)
    local_authorize_offline = models.BooleanField(default=True)
    allow_offline_unknown = models.BooleanField(default=False)
    smart_button = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("charge station")
        verbose_name_plural = _("charge stations")
        # The unique one: its index is the list's order.
        ordering = ["identity_normal"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity_normal"],
                name="station_identity_is_unique",
                violation_error_message=_("This identity is taken."),
            ),
            # The target of the foreign key that keeps an EVSE and its station at one location.
            models.UniqueConstraint(fields=["id", "location"], name="station_with_location"),
            printable_check("identity", "station_identity_is_printable"),
            models.CheckConstraint(
                condition=Q(authorization_required=False) | Q(local_pre_authorize=False),
                name="station_access_modes_agree",
                violation_error_message="A station that requires authorization cannot pre-authorize locally: "
                "switch one of the two off.",
            ),
        ]
        indexes = [
            prefix_index("identity_normal", "station_identity_begins"),
            # The few that need no card: a filter of the list, and a look of the dashboard.
            models.Index(fields=["identity_normal"], name="station_free", condition=Q(authorization_required=False)),
        ]

    def __str__(self) -> str:
        return self.identity


@pghistory.track(exclude=["evse_id_normal"])
class EVSE(models.Model):
    """One charging point of a location: what a driver plugs into, named by an EVSE id."""

    location = models.ForeignKey(Location, models.CASCADE, related_name="evses", verbose_name=_("location"))
    station = models.ForeignKey(
        ChargeStation, models.SET_NULL, null=True, blank=True, related_name="evses", verbose_name=_("station")
    )
    uid = models.CharField(_("UID"), max_length=39, validators=[printable])
    evse_id = models.CharField(_("EVSE ID"), max_length=48, null=True, blank=True, validators=[printable])
    evse_id_normal = models.GeneratedField(
        expression=NormalEvseId(F("evse_id")), output_field=models.TextField(null=True), db_persist=True
    )
    # Shown to partners; nothing of the decision. A list, for nobody asks for one of them but by its EVSE.
    connectors = models.JSONField(
        _("connectors"),
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        validators=[validate_connectors],
    )

    class Meta:
        verbose_name = _("EVSE")
        verbose_name_plural = _("EVSEs")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["location", "uid"],
                name="evse_uid_is_unique_per_location",
                violation_error_message=_("This EVSE UID is taken at this location."),
            ),
            models.UniqueConstraint(
                fields=["evse_id_normal"], name="evse_id_is_unique", violation_error_message=_("This EVSE ID is taken.")
            ),
            printable_check("uid", "evse_uid_is_printable"),
            printable_check("evse_id", "evse_id_is_printable"),
            models.CheckConstraint(
                condition=HaveTheirForm(F("connectors")),
                name="connectors_have_their_form",
                violation_error_message=_("Connectors are a list of OCPI connector objects."),
            ),
        ]
        indexes = [prefix_index("evse_id_normal", "evse_id_begins")]

    def __str__(self) -> str:
        return self.evse_id or self.uid

    def clean(self) -> None:
        self.evse_id = self.evse_id or None
        if self.station is not None and self.station.location_id != self.location_id:
            raise ValidationError({"station": _("This station stands at another location.")})
