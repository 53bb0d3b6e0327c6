"""The database's rules about places, groups and exceptions: they hold for the ORM, update() and SQL alike."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError

from authorization.models import (
    ChargeException,
    ExceptionCpoGroup,
    ExceptionEmspGroup,
    ExceptionGroup,
    GroupMember,
)
from locations.models import CPO, EVSE, ChargeStation
from tests import factories
from tests.refusals import at_commit, refused, sql

pytestmark = pytest.mark.django_db


def row(item: Any) -> Any:
    """The row as a queryset, for update() past save()."""
    return type(item)._default_manager.filter(pk=item.pk)


# Places


def test_a_cpos_party_is_unique_and_in_capitals() -> None:
    cpo = factories.cpo(country_code="NL", party_id="GFX")
    with refused("cpo_party_is_unique"):
        factories.cpo(country_code="NL", party_id="GFX")
    for wrong in ({"country_code": "nl"}, {"party_id": "gfx"}, {"country_code": "ЫЫ"}, {"party_id": "GF"}):
        with refused("cpo_party_has_its_form"):
            row(cpo).update(**wrong)


def test_no_cpo_is_above_itself() -> None:
    top = factories.cpo()
    middle = factories.cpo(parent=top)
    bottom = factories.cpo(parent=middle)
    for above in (top, middle, bottom):
        with refused("cpo_is_not_its_own_parent"):
            row(top).update(parent=above)
    top.parent = bottom
    with refused("cpo_is_not_its_own_parent"):
        top.save()
    with refused("cpo_is_not_its_own_parent"):
        sql("UPDATE locations_cpo SET parent_id = id WHERE id = %s", bottom.pk)
    with refused("cpo_is_not_its_own_parent"):
        CPO.objects.filter(pk__in=[top.pk, middle.pk]).update(parent=bottom)
    row(bottom).update(parent=top)
    row(middle).update(parent=bottom)


def test_a_location_id_is_unique_per_cpo_and_printable() -> None:
    one = factories.location(location_id="L1")
    factories.location(location_id="L1")
    with refused("location_id_is_unique_per_cpo"):
        factories.location(one.cpo, location_id="L1")
    for wrong in ("", " ", "L\u0661", "L\t"):
        with refused("location_id_is_printable"):
            row(one).update(location_id=wrong)


def test_coordinates_are_on_earth_or_absent() -> None:
    place = factories.location(latitude=90, longitude=-180)
    wrong = [(90.1, 0), (-90.1, 0), (0, 180.1), (0, -180.1), (None, 5), (5, None)]
    for latitude, longitude in wrong:
        with refused("location_coordinates_are_on_earth"):
            row(place).update(latitude=latitude, longitude=longitude)
    row(place).update(latitude=None, longitude=None)


def test_a_location_has_a_time_zone_by_default_its_cpos() -> None:
    place = factories.location(factories.cpo(time_zone="Asia/Kathmandu"))
    assert place.time_zone == "Asia/Kathmandu"
    with refused("location_has_a_time_zone"):
        row(place).update(time_zone="")


def test_a_station_identity_is_unique_in_any_case() -> None:
    station = factories.station(identity="CS-NL-01")
    with refused("station_identity_is_unique"):
        factories.station(identity=" cs-nl-01 ")
    with refused("station_identity_is_unique"):
        row(factories.station()).update(identity="Cs-Nl-01")
    with refused("station_identity_is_printable"):
        row(station).update(identity="CS-\u041d")


def test_access_modes_agree() -> None:
    station = factories.station()
    with refused("station_access_modes_agree"):
        row(station).update(local_pre_authorize=True)
    row(station).update(local_pre_authorize=True, authorization_required=False)


def test_an_evse_id_is_unique_in_normal_form() -> None:
    evse = factories.evse(evse_id="NL*GFX*E12*3")
    for same in ("nlgfxe123", "NL*GFX*E1*23", " nl*gfx*e123 "):
        with refused("evse_id_is_unique"):
            factories.evse(evse_id=same)
        with refused("evse_id_is_unique"):
            EVSE.objects.bulk_create([EVSE(location=evse.location, uid="x", evse_id=same)])
    for other in ("+49*810*000*438", "+49*810*0004*38", "NL*GFX*E124"):
        factories.evse(evse_id=other)
    with refused("evse_id_is_unique"):
        row(evse).update(evse_id="49*810*000*438")
    for _ in range(2):
        factories.evse(evse_id=None)
    with refused("evse_id_is_printable"):
        row(evse).update(evse_id="NL*GFX*\u0415123")
    with refused("evse_uid_is_unique_per_location"):
        factories.evse(evse.location, uid=evse.uid)


def test_an_evse_stands_at_its_stations_location() -> None:
    station, elsewhere = factories.station(), factories.location()
    evse = factories.evse(station.location, station=station)
    with refused("evse_station_of_its_location"):
        factories.evse(elsewhere, station=station)
    with refused("evse_station_of_its_location"):
        row(evse).update(location=elsewhere)
    with refused("evse_station_of_its_location"):
        ChargeStation.objects.filter(pk=station.pk).update(location=elsewhere)
    station.delete()
    row(evse).update(location=elsewhere)


# Groups


def test_the_category_of_a_group_never_changes() -> None:
    empty = factories.group("cpo")
    for category in ("location", "token"):
        with refused("group_category_never_changes"):
            row(empty).update(category=category)
    row(empty).update(category="cpo", name="New name", notes="New notes")
    with refused("group_category_is_known"):
        factories.group("station")


def test_a_member_is_of_its_groups_category() -> None:
    group, emsp = factories.group("cpo", factories.cpo()), factories.emsp()
    with refused("group_member_is_of_its_category"):
        GroupMember.objects.create(group=group, category="emsp", emsp=emsp)
    for wrong in ({"emsp": emsp}, {}, {"cpo": factories.cpo(), "emsp": emsp}):
        with refused("group_member_has_the_column_of_its_category"):
            GroupMember.objects.create(group=group, category="cpo", **wrong)
    with refused("group_member_is_of_its_category"):
        GroupMember.objects.filter(group=group).update(category="emsp", cpo=None, emsp=emsp)
    with refused("group_member_is_of_its_category"):
        GroupMember.objects.filter(group=group).update(group=factories.group("location"))


@pytest.mark.parametrize("category", ["cpo", "location", "emsp", "customer", "driver", "token"])
def test_a_member_is_a_member_once(category: str) -> None:
    item = getattr(factories, category)()
    group = factories.group(category, item)
    with refused(f"group_member_{category}_is_unique"):
        GroupMember.objects.create(group=group, category=category, **{category: item})


def test_owned_by_one_party_at_most() -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    with refused("exceptiongroup_has_one_owner"):
        factories.group("cpo", owner_cpo=cpo, owner_emsp=emsp)
    with refused("chargeexception_has_one_owner"):
        row(exception()).update(owner_cpo=cpo, owner_emsp=emsp)


def test_a_group_that_an_exception_uses_cannot_be_deleted() -> None:
    places, tokens = factories.group("location"), factories.group("driver", factories.driver())
    used = factories.exception("whitelist", "emsp_for_cpo", [places], [tokens])
    for group in (places, tokens):
        with pytest.raises(ProtectedError):
            group.delete()
        sql("DELETE FROM authorization_groupmember WHERE group_id = %s", group.pk)
        with refused(r"authorization_except_group_id_.*_fk_.*"):
            sql("DELETE FROM authorization_exceptiongroup WHERE id = %s", group.pk)
    used.delete()
    places.delete()
    tokens.delete()
    assert not ExceptionGroup.objects.exists()


# Exceptions


def exception(**fields: Any) -> ChargeException:
    groups = [factories.group("cpo")], [factories.group("token")]
    return factories.exception("whitelist", "emsp_for_cpo", *groups, **fields)


def test_groups_stand_on_their_side() -> None:
    made = exception()
    for category in ("emsp", "customer", "driver", "token"):
        group = factories.group(category)
        with refused("exception_cpo_group_is_of_its_side"):
            made.cpo_groups.add(group)
        with refused("exception_cpo_group_is_of_its_side"):
            ExceptionCpoGroup.objects.filter(exception=made).update(group=group)
        made.emsp_groups.add(group)
    for category in ("cpo", "location"):
        group = factories.group(category)
        with refused("exception_emsp_group_is_of_its_side"):
            ExceptionEmspGroup.objects.bulk_create([ExceptionEmspGroup(exception=made, group=group)])
        made.cpo_groups.add(group)
    with refused("exception_cpo_group_is_unique"):
        ExceptionCpoGroup.objects.create(exception=made, group=made.cpo_groups.all()[0])
    with refused("exception_emsp_group_is_unique"):
        ExceptionEmspGroup.objects.create(exception=made, group=made.emsp_groups.all()[0])


def test_an_exception_has_groups_on_both_sides_at_commit() -> None:
    rule = "exception_has_groups_on_both_sides"
    places, tokens = [factories.group("cpo")], [factories.group("token")]
    for cpo_groups, emsp_groups in ((places, []), ([], tokens), ([], [])):
        with refused(rule):
            factories.exception("blacklist", "cpo_for_emsp", cpo_groups, emsp_groups)
    made, other = exception(), exception()
    at_commit()
    for take_away in (
        lambda: made.cpo_groups.clear(),
        lambda: made.emsp_groups.clear(),
        lambda: sql("DELETE FROM authorization_exceptionemspgroup WHERE exception_id = %s", made.pk),
        lambda: ExceptionCpoGroup.objects.filter(exception=made).update(exception=other),
    ):
        with refused(rule):
            take_away()
    made.cpo_groups.set([factories.group("location")])
    at_commit()
    made.delete()
    at_commit()


def test_an_exceptions_words_are_known() -> None:
    made = exception()
    with refused("exception_action_is_known"):
        row(made).update(action="greylist")
    with refused("exception_direction_is_known"):
        row(made).update(direction="both")


def test_validity_begins_before_it_ends() -> None:
    noon = datetime(2026, 6, 1, 12)
    made = exception(valid_from=noon)
    for until in (noon, datetime(2026, 6, 1, 11, 59, 59)):
        with refused("exception_begins_before_it_ends"):
            row(made).update(valid_until=until)
    row(made).update(valid_until=datetime(2026, 6, 1, 12, 0, 0, 1))


# Not an hour that Amsterdam had, one that it had twice, and the ends of what can be written.
@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "America/St_Johns"])
def test_validity_is_kept_as_it_was_entered_in_every_zone(zone: str, settings: Any) -> None:
    settings.TIME_ZONE = zone
    sql("SELECT set_config('TimeZone', %s, true)", zone)
    for moment in (
        datetime(2026, 3, 29, 2, 30),
        datetime(2026, 10, 25, 2, 30),
        datetime(2026, 1, 1),
        datetime(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ):
        made = exception(valid_from=moment)
        made.refresh_from_db()
        assert made.valid_from == moment
        assert row(made).filter(valid_from=moment, valid_from__lte=moment).exists()
        assert sql("SELECT valid_from::text FROM authorization_chargeexception WHERE id = %s", made.pk) == [
            (moment.isoformat(" ").rstrip("0") if moment.microsecond else moment.isoformat(" "),)
        ]


def test_a_time_with_a_zone_is_refused() -> None:
    made = exception()
    aware = datetime(2026, 6, 1, 12, tzinfo=UTC)
    for write in (
        lambda: exception(valid_from=aware),
        lambda: row(made).update(valid_until=aware),
        lambda: row(made).filter(valid_from__lt=aware).exists(),
        lambda: ChargeException(valid_from="2026-06-01T12:00:00Z").full_clean(),
        lambda: ChargeException(valid_from="2026-06-01T12:00:00+02:00").full_clean(),
    ):
        with pytest.raises(ValidationError, match="without a zone"):
            write()
