"""Exceptions in the portal: the sentence, the instants of local times, switching, duplicating, whose they may be."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from authorization.admin.instants import Instant, instant, instants
from authorization.admin.touching import utc_now
from authorization.engine.clock import local_time, zone_of
from authorization.models import ChargeException, ExceptionGroup
from locations.models import CPO
from tests import factories
from tests.portal.pages import errors, filled, said, send
from tests.portal.test_admin import url
from tokens.models import EMSP

pytestmark = pytest.mark.django_db


def browser(*parties: CPO | EMSP) -> Client:
    client = Client()
    client.force_login(factories.manager(*parties))
    return client


def pair(**owner: Any) -> tuple[ExceptionGroup, ExceptionGroup]:
    places = factories.group("location", factories.location(), name="Depot North", **owner)
    return places, factories.group("token", factories.token(), name="Fleet A", **owner)


def form(places_: ExceptionGroup, cards_: ExceptionGroup, /, **changes: Any) -> dict[str, Any]:
    good = {"name": "X", "action": "whitelist", "direction": "emsp_for_cpo", "enabled": "on"}
    return {**good, "places": [places_.pk], "cards": [cards_.pk], **changes}


def moments(begin: str = "", end: str = "") -> dict[str, str]:
    """`2026-12-01 08:00` as the form's inputs."""
    given = {"valid_from": begin, "valid_until": end}
    return {f"{name}_{n}": part for name, text in given.items() if text for n, part in enumerate(text.split())}


def effect(client: Client, **chosen: Any) -> Any:
    answer = client.get(url(ChargeException, "effect"), chosen)
    assert answer.status_code == 200
    return answer.context["effect"]


class TestEffect:
    def test_follows_the_choices(self, boss: Client) -> None:
        places, cards = pair()
        said_at_each_step = [
            str(effect(boss, **chosen).sentence)
            for chosen in (
                {},
                {"action": "whitelist"},
                {"action": "whitelist", "places": places.pk},
                {"action": "whitelist", "places": places.pk, "cards": cards.pk},
                form(places, cards),
                form(places, cards, direction="cpo_for_emsp"),
                form(places, cards, action="blacklist", direction=""),
            )
        ]
        starts = ["Choose whether", "Choose the places", "Choose the cards", "Choose what it restricts"]
        assert [text.startswith(start) for text, start in zip(said_at_each_step, starts, strict=False)] == [True] * 4
        fleet, depot = "<strong>Fleet A</strong>", "<strong>Depot North</strong>"
        assert said_at_each_step[4:] == [
            f"Only cards of {fleet} may charge at {depot}.",
            f"Cards of {fleet} may charge only at {depot}.",
            f"Cards of {fleet} may not charge at {depot}.",
        ]

    def test_says_from_when_until_when_there(self, boss: Client) -> None:
        places, cards = pair()
        found = effect(boss, **form(places, cards, **moments("2026-12-01 08:00", "2027-01-31 18:00")))
        assert found.sentence.endswith(
            "</strong>, from 1 Dec 2026 08:00 until 31 Jan 2027 18:00, local time at each charger."
        )
        [row] = found.covers.rows
        assert row[:4] == ("Europe/Amsterdam", "1 Dec 2026 07:00", "31 Jan 2027 17:00", 1)

    def test_counts_the_locations_covered(self, boss: Client) -> None:
        above = factories.cpo(time_zone="Europe/Lisbon")
        below = factories.cpo(parent=above, time_zone="Europe/Berlin")
        one = factories.location(above)
        factories.location(below), factories.location(below, time_zone="Europe/Paris"), factories.location()
        places = [factories.group("cpo", above), factories.group("location", one, factories.location(below))]
        cards = factories.group("emsp", factories.emsp())
        chosen = form(places[0], cards, places=[group.pk for group in places], **moments("2026-12-01 08:00"))
        covers = effect(boss, **chosen).covers
        assert covers.locations == 4
        assert [row[:4] for row in covers.rows] == [
            ("Europe/Berlin and Europe/Paris", "1 Dec 2026 07:00", "–", 3),
            ("Europe/Lisbon", "1 Dec 2026 08:00", "–", 1),
        ]

    def test_warns_of_what_is_empty(self, boss: Client) -> None:
        places, _ = pair()
        empty = factories.group("token", name="Nobody")
        text = " ".join(effect(boss, **form(places, empty)).warnings)
        assert "“Nobody”" in text
        assert "Nobody may then charge" in text
        late = effect(boss, **form(*pair(), **moments("2026-12-01 08:00", "2026-11-01 08:00")))
        assert late.warnings == ["It ends before it begins."]

    def test_reads_anything(self, boss: Client) -> None:
        places, _ = pair()
        for chosen in (
            {"places": "x", "cards": "99999999999999999999", "action": "maybe", "of": "other"},
            {"places": [places.pk, "987654321"], "valid_from_0": "2026-13-01", "valid_from_1": "25:00"},
            {"valid_until_0": "2026-12-01", "valid_from_0": "0001-01-01", "valid_from_1": "00:00"},
            {"places": places.pk, "valid_from_0": "0001-01-01", "valid_from_1": "00:00"},
            {"places": places.pk, "valid_until_0": "9999-12-31", "valid_until_1": "23:59"},
            {"name": "a\x00b", "places": "\x00"},
        ):
            effect(boss, **chosen)

    def test_costs_the_same_for_many(self, boss: Client, django_assert_max_num_queries: Any) -> None:
        owner = factories.cpo()
        zones = ["Europe/Amsterdam", "Asia/Tokyo", "America/New_York", "UTC", "Asia/Kolkata", "America/Chicago"]
        zones += ["Europe/London", "Europe/Athens", "Asia/Dubai", "Asia/Shanghai", "Australia/Sydney"]
        places = [factories.group("location", factories.location(owner, time_zone=zone)) for zone in zones]
        cards = factories.group("emsp", factories.emsp())
        chosen = form(places[0], cards, places=[group.pk for group in places], **moments("2026-12-01 08:00"))
        with django_assert_max_num_queries(12):
            found = effect(boss, **chosen)
        assert found.covers.locations == 11
        assert len(found.covers.rows) == 8
        assert found.covers.more == "And at 2 locations in other time zones."

    def test_stands_in_the_form_without_javascript(self, boss: Client) -> None:
        places, cards = pair()
        answer = send(boss, url(ChargeException, "add"), **form(places, cards, _effect="yes"))
        assert errors(answer) == {"__all__": ["Nothing is saved yet. See below what it would do."]}
        assert "may charge at <strong>Depot North</strong>" in answer.content.decode()
        assert not ChargeException.objects.exists()

    def test_says_what_a_foreign_group_is_not(self) -> None:
        cpo = factories.cpo()
        own = factories.group("location", owner_cpo=cpo, name="Mine")
        canary = factories.group("token", owner_emsp=factories.emsp(), name="canary")
        found = effect(browser(cpo), **form(own, canary))
        assert found.sentence.startswith("Choose the cards")


class TestInstants:
    """What the engine decides by is the clock at the location: so these instants are its own."""

    @pytest.mark.parametrize(
        ("local", "zone", "expected"),
        [
            ("2026-12-01 00:00", "Europe/Amsterdam", Instant(datetime(2026, 11, 30, 23))),
            ("2026-12-01 00:00", "UTC", Instant(datetime(2026, 12, 1))),
            ("2026-03-29 02:30", "Europe/Amsterdam", Instant(datetime(2026, 3, 29, 1), skipped=True)),
            (
                "2026-10-25 02:30",
                "Europe/Amsterdam",
                Instant(datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 1), datetime(2026, 10, 25, 1, 30)),
            ),
            ("2026-12-01 00:00", "Atlantis/Centre", None),
            ("0001-01-01 00:00", "Asia/Tokyo", None),
        ],
    )
    def test_of_a_zone(self, local: str, zone: str, expected: Instant | None) -> None:
        found = instant(datetime.fromisoformat(local), zone)
        naive = found and Instant(*(t.replace(tzinfo=None) if isinstance(t, datetime) else t for t in found))
        assert naive == expected

    @pytest.mark.parametrize("local", ["2026-10-25 02:30", "2026-03-29 02:30", "2026-07-01 12:00"])
    def test_the_clock_agrees(self, local: str) -> None:
        wall, rules = datetime.fromisoformat(local), zone_of("Europe/Amsterdam")
        found = instant(wall, "Europe/Amsterdam")
        assert found is not None
        second = timedelta(seconds=1)
        assert local_time(found.at - second, rules) < wall <= local_time(found.at, rules)
        if found.jump and found.again:
            assert local_time(found.jump - second, rules) >= wall > local_time(found.jump, rules)
            assert local_time(found.again - second, rules) < wall <= local_time(found.again, rules)

    def test_odd_ones_come_first_and_are_explained(self) -> None:
        zones = {"Europe/Amsterdam": 2, "America/New_York": 90}
        wall = datetime(2026, 10, 25, 2, 30)
        found = instants(zones, wall, wall + timedelta(days=300))
        assert [row.zones for row in found.rows] == ["Europe/Amsterdam", "America/New_York"]
        [note] = found.rows[0].notes
        assert note.startswith("25 Oct 2026 02:30 comes twice there: it begins the first time, 25 Oct 2026 00:30 UTC")
        gap = instants({"Europe/Amsterdam": 1}, None, datetime(2026, 3, 29, 2, 30))
        assert "does not exist there" in gap.rows[0].notes[0]
        assert gap.rows[0].ends == "29 Mar 2026 01:00"


class TestSwitching:
    def test_several_after_a_question(self, boss: Client) -> None:
        places, cards = pair()
        rows = [factories.exception("blacklist", "emsp_for_cpo", [places], [cards]) for _ in range(12)]
        chosen = {"action": "disable", "_selected_action": [row.pk for row in rows]}
        asked = boss.post(url(ChargeException, "changelist"), chosen)
        text = asked.content.decode()
        assert "Disable 12 exceptions?" in text
        assert "Cards of Fleet A may not charge at Depot North." in text
        assert "And 2 more." in text
        assert ChargeException.objects.filter(enabled=True).count() == 12
        answer = boss.post(url(ChargeException, "changelist"), chosen | {"confirmed": "yes"})
        assert "12 exceptions disabled." in said(boss, answer)
        assert not ChargeException.objects.filter(enabled=True).exists()
        assert "not so already" in said(boss, boss.post(url(ChargeException, "changelist"), chosen))

    def test_one_from_its_page(self, boss: Client) -> None:
        row = factories.exception("blacklist", "emsp_for_cpo", *([group] for group in pair()))
        address = url(ChargeException, "switch", row.pk)
        assert [b.title for b in boss.get(url(ChargeException, "change", row.pk)).context["object_buttons"]] == [
            "Disable", "Duplicate",
        ]  # fmt: skip
        assert "Disable 1 exception?" in boss.get(address).content.decode()
        # What was asked is done, also when somebody else was faster.
        for _ in range(2):
            assert boss.post(address, {"confirmed": "yes", "to": "off"}).status_code == 302
            row.refresh_from_db()
            assert not row.enabled

    def test_a_managers_own_alone(self) -> None:
        cpo = factories.cpo()
        places, cards = pair(owner_cpo=cpo)
        own = factories.exception("blacklist", "emsp_for_cpo", [places], [cards], owner_cpo=cpo)
        everybodys, foreign = (
            factories.exception("blacklist", "emsp_for_cpo", [places], [cards], **owner)
            for owner in ({}, {"owner_cpo": factories.cpo()})
        )
        client = browser(cpo)
        chosen = {"action": "disable", "_selected_action": [own.pk, everybodys.pk, foreign.pk], "confirmed": "yes"}
        assert "1 exception disabled" in said(client, client.post(url(ChargeException, "changelist"), chosen))
        for row, status in ((everybodys, 403), (foreign, 302)):
            answer = client.post(url(ChargeException, "switch", row.pk), {"confirmed": "yes", "to": "off"})
            assert answer.status_code == status
        assert list(ChargeException.objects.filter(enabled=False)) == [own]


class TestDuplicate:
    def test_opens_the_form_filled_in(self, boss: Client) -> None:
        places, cards = pair()
        row = factories.exception(
            "blacklist",
            "cpo_for_emsp",
            [places],
            [cards],
            name="Week 50",
            notes="why",
            valid_from=datetime(2026, 12, 1),
        )
        address = f"{url(ChargeException, 'add')}?copy={row.pk}"
        assert send(boss, address).status_code == 302
        copy = ChargeException.objects.exclude(pk=row.pk).get()
        same = ("action", "direction", "notes", "valid_from", "valid_until", "enabled")
        assert [getattr(copy, name) for name in same] == [getattr(row, name) for name in same]
        assert (copy.name, list(copy.cpo_groups.all()), list(copy.emsp_groups.all())) == (
            "Copy of Week 50", [places], [cards],
        )  # fmt: skip

    def test_of_an_admins_takes_what_can_be_saved(self) -> None:
        cpo = factories.cpo()
        places, cards = pair()
        row = factories.exception("blacklist", "emsp_for_cpo", [places], [cards], name="Global")
        fields = filled(browser(cpo), f"{url(ChargeException, 'add')}?copy={row.pk}")
        assert (fields["name"], fields["places"], fields["cards"]) == ("Copy of Global", [], [str(cards.pk)])

    def test_of_a_foreign_one_is_an_empty_form(self) -> None:
        row = factories.exception(
            "blacklist", "emsp_for_cpo", *([g] for g in pair()), owner_cpo=factories.cpo(), name="canary"
        )
        for copied in (row.pk, "x", "9" * 30):
            fields = filled(browser(factories.cpo()), f"{url(ChargeException, 'add')}?copy={copied}")
            assert (fields["name"], fields["cards"]) == ("", [])


def test_list_says_state_and_effect(boss: Client) -> None:
    now, day = utc_now(), timedelta(days=2)
    periods = {
        "active": (None, now + day),
        "scheduled": (now + day, None),
        "ended": (None, now - day),
        "active in some zones": (now, None),
    }
    groups = [[group] for group in pair()]
    for name, (begin, end) in periods.items():
        factories.exception("whitelist", "emsp_for_cpo", *groups, name=name, valid_from=begin, valid_until=end)
    factories.exception("whitelist", "emsp_for_cpo", *groups, name="disabled", enabled=False)
    page = boss.get(url(ChargeException, "changelist"))
    admin = page.context["cl"].model_admin
    assert {str(row): admin.state(row)[1] for row in page.context["cl"].result_list} == {
        n: n for n in [*periods, "disabled"]
    }
    assert "Only cards of <strong>Fleet A</strong> may charge at <strong>Depot North</strong>" in page.content.decode()
    for state in ("active", "scheduled", "ended", "disabled"):
        found = boss.get(url(ChargeException, "changelist"), {"state": state}).context["cl"].result_list
        assert {row.name for row in found} == {state} | ({"active in some zones"} if state == "active" else set())


def kept(question: Any) -> dict[str, Any]:
    """What the question's page sends again."""
    fields: dict[str, Any] = {}
    for name, value in question.context["fields"]:
        fields.setdefault(name, []).append(value)
    return fields


class TestSavingAsksFirst:
    """The form does what the switch does, and so asks what the switch asks."""

    def test_before_it_is_switched(self, boss: Client) -> None:
        places, cards = pair()
        row = factories.exception("whitelist", "emsp_for_cpo", [places], [cards], notes="a < b")
        address = url(ChargeException, "change", row.pk)
        question = send(boss, address, enabled=None, name="Off")
        text = question.content.decode()
        assert "Disable 1 exception?" in text
        assert "Ends at once." in text
        row.refresh_from_db()
        assert (row.enabled, row.name) == (True, row.name)
        assert boss.post(address, kept(question) | {"confirmed": "yes"}).status_code == 302
        row.refresh_from_db()
        assert (row.enabled, row.name, row.notes) == (False, "Off", "a < b")
        assert "Enable 1 exception?" in send(boss, address, enabled="on").content.decode()

    def test_and_the_form_comes_back_as_it_was_typed(self, boss: Client) -> None:
        places, cards = pair()
        row = factories.exception("whitelist", "emsp_for_cpo", [places], [cards])
        address = url(ChargeException, "change", row.pk)
        question = send(boss, address, action="blacklist", name="Typed")
        name = question.context["returns"]
        again = boss.post(address, kept(question) | {"confirmed": "yes", name: "yes"})
        assert errors(again) == {"__all__": ["Nothing is saved yet. See below what it would do."]}
        typed = again.context["adminform"].form.data
        assert (typed["name"], typed["action"]) == ("Typed", "blacklist")
        row.refresh_from_db()
        assert row.action == "whitelist"

    def test_before_it_has_another_effect(self, boss: Client) -> None:
        places, cards = pair()
        more = factories.group("token", name="Fleet B")
        row = factories.exception("whitelist", "emsp_for_cpo", [places], [cards])
        address = url(ChargeException, "change", row.pk)
        for changes, then in (
            ({"cards": [cards.pk, more.pk]}, "Only cards of Fleet A or Fleet B may charge at Depot North."),
            ({"action": "blacklist"}, "Cards of Fleet A may not charge at Depot North."),
            (moments(end="2030-01-31 18:00"), "until 31 Jan 2030 18:00"),
        ):
            question = send(boss, address, **changes)
            text = question.content.decode()
            assert "Until now: Only cards of Fleet A may charge at Depot North." in text
            assert then in text
        row.refresh_from_db()
        assert (row.action, row.valid_until, list(row.emsp_groups.all())) == ("whitelist", None, [cards])
        boss.post(address, kept(question) | {"confirmed": "yes"})
        row.refresh_from_db()
        assert row.valid_until == datetime(2030, 1, 31, 18)

    def test_where_nothing_opens_it_saves(self, boss: Client) -> None:
        places, cards = pair()
        row = factories.exception("whitelist", "emsp_for_cpo", [places], [cards])
        address = url(ChargeException, "change", row.pk)
        assert send(boss, address, name="New", notes="why").status_code == 302
        ChargeException.objects.update(enabled=False)
        assert send(boss, address, action="blacklist").status_code == 302

    def test_what_is_wrong_is_said_before(self, boss: Client) -> None:
        row = factories.exception("whitelist", "emsp_for_cpo", *([group] for group in pair()))
        assert list(errors(send(boss, url(ChargeException, "change", row.pk), cards=[]))) == ["cards"]


class TestManagers:
    def test_a_cpos_says_who_may_charge_at_its_places(self) -> None:
        cpo = factories.cpo()
        places, cards = pair(owner_cpo=cpo)
        client, address = browser(cpo), url(ChargeException, "add")
        assert not {"direction", "owner_cpo", "owner_emsp", "owner"} & set(filled(client, address))
        given = form(places, cards, direction="cpo_for_emsp", owner_emsp=factories.emsp().pk)
        assert send(client, address, **given).status_code == 302
        row = ChargeException.objects.get()
        assert (row.direction, row.owner_cpo, row.owner_emsp) == ("emsp_for_cpo", cpo, None)
        assert (
            send(client, url(ChargeException, "change", row.pk), direction="cpo_for_emsp", name="New").status_code
            == 302
        )
        row.refresh_from_db()
        assert (row.direction, row.name) == ("emsp_for_cpo", "New")

    def test_an_emsps_says_where_its_cards_may_charge(self) -> None:
        emsp = factories.emsp()
        places, cards = pair(owner_emsp=emsp)
        assert send(browser(emsp), url(ChargeException, "add"), **form(places, cards)).status_code == 302
        row = ChargeException.objects.get()
        assert (row.direction, row.owner_emsp) == ("cpo_for_emsp", emsp)

    @pytest.mark.parametrize("side", ["cpo", "emsp"])
    def test_global_groups_stand_on_the_other_side_alone(self, side: str) -> None:
        party: Any = factories.cpo() if side == "cpo" else factories.emsp()
        own, everybodys = pair(**{f"owner_{side}": party}), pair()
        client, address = browser(party), url(ChargeException, "add")
        mine, others = ("places", "cards") if side == "cpo" else ("cards", "places")
        groups = {"places": (own[0], everybodys[0]), "cards": (own[1], everybodys[1])}
        wrong = {mine: [groups[mine][1].pk], others: [groups[others][1].pk]}
        assert list(errors(send(client, address, **form(*own, **wrong)))) == [mine]
        assert not ChargeException.objects.exists()
        right = {mine: [groups[mine][0].pk], others: [groups[others][1].pk]}
        assert send(client, address, **form(*own, **right)).status_code == 302

    def test_search_offers_what_can_be_saved(self) -> None:
        cpo, emsp = factories.cpo(), factories.emsp()
        sub = factories.cpo(parent=cpo)
        of_cpo = factories.group("location", owner_cpo=sub)
        of_emsp, everybodys = factories.group("location", owner_emsp=emsp), factories.group("location")
        factories.group("location", owner_cpo=factories.cpo(), name="canary")
        query = {"app_label": "authorization", "model_name": "chargeexception", "field_name": "cpo_groups", "term": ""}

        def offered(client: Client, owner: str = "") -> set[int]:
            answer = client.get(reverse("admin:autocomplete"), query | {"owner": owner})
            return {int(found["id"]) for found in answer.json()["results"]}

        assert offered(browser(cpo)) == {of_cpo.pk}
        assert offered(browser(emsp)) == {of_emsp.pk, everybodys.pk}
        both = browser(cpo, emsp)
        assert offered(both, f"cpo-{cpo.pk}") == {of_cpo.pk}
        assert offered(both, f"emsp-{emsp.pk}") == {of_cpo.pk, of_emsp.pk, everybodys.pk}
        page = both.get(url(ChargeException, "add"), {"owner": f"cpo-{cpo.pk}"}).content.decode()
        assert f"/admin/autocomplete/?owner=cpo-{cpo.pk}" in page

    def test_who_has_several_parties_is_asked_first(self) -> None:
        cpo, emsp, foreign = factories.cpo(name="Mine"), factories.emsp(name="Mine too"), factories.emsp(name="canary")
        client, address = browser(cpo, emsp), url(ChargeException, "add")
        places, cards = pair(owner_emsp=emsp)
        for nobodys in ("", f"?owner=emsp-{foreign.pk}", "?owner=x&copy=7"):
            page = client.get(address + nobodys)
            assert f"?owner=emsp-{emsp.pk}" in page.content.decode()
            assert "canary" not in page.content.decode()
            assert client.post(address + nobodys, form(places, cards)).status_code == 200
        assert not ChargeException.objects.exists()
        saved = send(client, f"{address}?{urlencode({'owner': f'emsp-{emsp.pk}'})}", **form(places, cards))
        assert saved.status_code == 302
        assert ChargeException.objects.get().owner_emsp == emsp
        assert client.get(url(ChargeException, "change", ChargeException.objects.get().pk)).status_code == 200

    def test_an_admins_is_read_only(self) -> None:
        cpo = factories.cpo()
        places, cards = pair()
        row = factories.exception("blacklist", "emsp_for_cpo", [places], [cards], name="Global")
        client = browser(cpo)
        page = client.get(url(ChargeException, "change", row.pk))
        text = page.content.decode()
        assert "only an Admin edits it" in text
        assert "may not charge at <strong>Depot North</strong>." in text
        assert "The places cover 0 locations that you see." in text
        assert "data-effect" not in text
        assert [b.title for b in page.context["object_buttons"]] == ["Duplicate"]
        assert client.post(url(ChargeException, "change", row.pk), form(places, cards)).status_code == 403
        assert client.get(url(ChargeException, "switch", row.pk)).status_code == 403

    def test_what_an_admin_put_in_stays_in(self) -> None:
        """A group that the manager does not see is neither shown nor lost."""
        cpo = factories.cpo()
        places, cards = pair(owner_cpo=cpo)
        canary = factories.group("token", factories.token(), owner_emsp=factories.emsp(), name="canary")
        row = factories.exception("blacklist", "emsp_for_cpo", [places], [cards, canary], owner_cpo=cpo)
        client, address = browser(cpo), url(ChargeException, "change", row.pk)
        for page in (address, url(ChargeException, "changelist"), url(ChargeException, "switch", row.pk)):
            assert "canary" not in client.get(page).content.decode()
        question = send(client, address, name="New", action="whitelist")
        assert "canary" not in question.content.decode()
        assert client.post(address, kept(question) | {"confirmed": "yes"}).status_code == 302
        assert set(row.emsp_groups.all()) == {cards, canary}

    def test_what_an_admin_put_on_the_own_side_is_not_turned(self) -> None:
        """It names another's places: whoever owns the exception does not get to close them."""
        cpo = factories.cpo()
        places, cards = pair(owner_cpo=cpo)
        foreign = factories.group("location", owner_cpo=factories.cpo(), name="canary")
        row = factories.exception("whitelist", "emsp_for_cpo", [places, foreign], [cards], owner_cpo=cpo)
        client, address = browser(cpo), url(ChargeException, "change", row.pk)
        assert list(errors(send(client, address, action="blacklist"))) == ["places"]
        assert send(client, address, name="New").status_code == 302
        row.refresh_from_db()
        assert (row.name, row.action, row.cpo_groups.count()) == ("New", "whitelist", 2)
