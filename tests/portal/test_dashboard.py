"""The first page: the last 24 hours, what needs attention, what changed; for each user of their own parties alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from locations.access import scope_of
from portal import attention, newest
from portal.day import day
from tests import factories
from tests.portal.test_admin import decision

pytestmark = pytest.mark.django_db


def home(user: User) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def titles(user: User) -> list[str]:
    return [item.title for item in attention.items(scope_of(user), timezone.now())]


def test_without_questions(admin_user: User) -> None:
    assert "No charger has asked in the last 24 hours" in home(admin_user)


def test_an_empty_portal_says_what_to_begin_with(admin_user: User) -> None:
    assert "Begin here" in home(admin_user)
    cpo = factories.cpo()
    assert "Begin here" not in home(admin_user)
    assert "Begin here" not in home(factories.manager(cpo))


def test_who_manages_nothing_is_told_whom_to_ask() -> None:
    assert "No CPO or eMSP has been granted to you yet" in home(factories.manager())


def test_each_sees_their_own_lines_of_the_bar(admin_user: User) -> None:
    cpo = home(factories.manager(factories.cpo()))
    assert "Charge locations" in cpo
    assert "/admin/tokens/token/" not in cpo
    assert "/admin/auth/user/" not in cpo
    emsp = home(factories.manager(factories.emsp()))
    assert "/admin/tokens/token/" in emsp
    assert "/admin/locations/location/" not in emsp
    assert "/admin/auth/user/" in home(admin_user)


class TestDay:
    NOW = datetime.fromisoformat("2026-11-21T10:30:00+00:00")

    def test_is_counted_by_the_hour(self, admin_user: User) -> None:
        for hours, accepted in ((0.1, True), (0.2, True), (5, False), (23.2, True), (24.5, True)):
            decision(decided_at=self.NOW - timedelta(hours=hours), accepted=accepted, reason="ALLOWED")
        found = day(scope_of(admin_user), self.NOW)
        assert (found.accepted, found.rejected, found.percent, found.whole) == (3, 1, 75, True)
        counts = {
            hour.begin.hour: (hour.accepted, hour.rejected) for hour in found.hours if hour.accepted or hour.rejected
        }
        assert counts == {10: (2, 0), 5: (0, 1), 11: (1, 0)}
        assert [hour.begin.hour for hour in found.hours] == [*range(11, 24), *range(11)]

    def test_of_a_busy_one_the_newest_are_counted(self, admin_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("portal.day.NEWEST", 3)
        for minutes in range(3):
            decision(decided_at=self.NOW - timedelta(minutes=minutes), accepted=False, reason="BLACKLISTED")
        found = day(scope_of(admin_user), self.NOW)
        assert (found.asked, found.reasons, found.whole) == (3, [("BLACKLISTED", 3)], True)
        decision(decided_at=self.NOW - timedelta(hours=2), accepted=True)
        found = day(scope_of(admin_user), self.NOW)
        assert (found.asked, found.reasons, found.whole) == (3, [("BLACKLISTED", 3)], False)

    def test_names_what_is_refused_most(self, admin_user: User) -> None:
        location, token = factories.location(), factories.token()
        for times, reason in ((3, "BLACKLISTED"), (1, "TOKEN_BLOCKED")):
            for _ in range(times):
                decision(decided_at=self.NOW, location=location, token=token, reason=reason)
        found = day(scope_of(admin_user), self.NOW)
        assert found.reasons == [("BLACKLISTED", 3), ("TOKEN_BLOCKED", 1)]
        first = found.refusals[0]
        assert (first["location"], first["token"], first["times"]) == (location, token, 3)

    def test_is_ones_own(self) -> None:
        location, token = factories.location(), factories.token()
        decision(decided_at=self.NOW, location=location, token=token)
        decision(decided_at=self.NOW)
        of_place = day(scope_of(factories.manager(location.cpo)), self.NOW)
        assert (of_place.asked, of_place.refusals[0]["token"], of_place.refusals[0]["others"]) == (1, None, True)
        of_token = day(scope_of(factories.manager(token.emsp)), self.NOW)
        assert (of_token.asked, of_token.refusals[0]["token"]) == (1, token)
        assert day(scope_of(factories.manager(factories.cpo())), self.NOW).asked == 0


class TestAttention:
    def test_an_exception_that_ends_within_a_week(self, admin_user: User) -> None:
        cpo = factories.cpo()
        places, cards = factories.group("cpo", cpo), factories.group("token", factories.token())
        local = timezone.now().replace(tzinfo=None)
        for days in (-1, 3, 9):
            factories.exception(
                "blacklist", "emsp_for_cpo", [places], [cards], owner_cpo=cpo, valid_until=local + timedelta(days=days)
            )
        assert titles(admin_user) == ["An exception ends within a week"]
        assert titles(factories.manager(cpo)) == ["An exception ends within a week"]
        assert titles(factories.manager(factories.cpo())) == []

    def test_an_empty_group_in_use(self, admin_user: User) -> None:
        factories.group("token", name="unused")
        places = factories.group("cpo", factories.cpo())
        factories.exception("whitelist", "emsp_for_cpo", [places], [factories.group("token", name="nobody")])
        assert titles(admin_user) == ["A group in use is empty: it covers nothing"]

    @pytest.mark.parametrize("usable", [True, False])
    def test_a_private_location_that_lets_nobody_in(self, admin_user: User, usable: bool) -> None:
        by_token, by_customer = factories.location(), factories.location()
        token = factories.token(valid=usable)
        factories.listed(by_token, token=token)
        customer = factories.customer(blocked=not usable)
        factories.token(customer=customer, emsp=customer.emsp)
        factories.listed(by_customer, customer=customer)
        found = attention.items(scope_of(admin_user), timezone.now())
        assert [len(item.links) for item in found] == ([] if usable else [2])

    def test_a_free_station_at_a_private_location(self, admin_user: User) -> None:
        station = factories.station(authorization_required=False)
        assert titles(admin_user) == []
        factories.listed(station.location, token=factories.token())
        assert titles(admin_user) == ["A charge station at a private location is free for everybody"]


@pytest.mark.django_db(transaction=True)
def test_newest_changes(admin_user: User) -> None:
    location, foreign = factories.location(name="Depot North"), factories.location(name="canary")
    foreign.save()
    location.name = "Depot South"
    location.save()
    said = [f"{line.what} {line.verb}" for line in newest.changes(scope_of(factories.manager(location.cpo)))]
    assert said == ["charge location Depot South changed", "charge location Depot North added"]
    assert "charge location canary" in {line.what for line in newest.changes(scope_of(admin_user))}


def test_costs_the_same_for_many_rows(admin_user: User, django_assert_max_num_queries: Any) -> None:
    client = Client()
    client.force_login(admin_user)
    for _ in range(15):
        decision(location=factories.location(), token=factories.token())
    with django_assert_max_num_queries(60):
        client.get("/admin/")
