"""A charge location's pages: who may charge there, its state, its chargers; and those of its neighbours."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from authorization.models import AuthorizationListEntry
from locations.models import CPO, EVSE, ChargeStation, Location
from tests import factories
from tests.portal.pages import filled, said, send
from tests.portal.test_admin import decision, url
from tokens.models import Customer, Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Location:
    return factories.location(name="Depot North")


@pytest.fixture
def owner(place: Location) -> Client:
    """The browser of the location's manager."""
    client = Client()
    client.force_login(factories.manager(place.cpo))
    return client


def confirmed(client: Client, address: str, data: dict[str, Any]) -> Any:
    """Sends, and says yes to the question that comes back."""
    question = client.post(address, data)
    assert question.status_code == 200, "there was no question"
    return client.post(address, dict(_hidden(question)))


def _hidden(question: Any) -> list[tuple[str, Any]]:
    found: dict[str, list[Any]] = {"confirmed": ["yes"]}
    for name, value in question.context["fields"]:
        found.setdefault(name, []).append(value)
    return list(found.items())


def lines(question: Any) -> str:
    assert question.status_code == 200
    return " ".join(map(str, question.context["lines"]))


def listed(client: Client, place: Location, name: str, **query: Any) -> list[list[str]]:
    """The cells of one of the tab's lists."""
    page = client.get(url(Location, "authorization", place.pk), query)
    listing = next(found for found in page.context["listings"] if found.name == name)
    return [[str(cell.value) for cell in row.cells] for row in listing]


class TestFirstAndLast:
    """The first entry makes private, the last one removed closes, and both are said before they happen."""

    def test_the_first_entry_is_asked_about(self, owner: Client, place: Location) -> None:
        address = url(Location, "add_tokens", place.pk)
        question = owner.post(address, {"auth_ids": "NL-TNM-C00122045-K\r\n\r\n nl-tfc-c1 \r\n"})
        assert "makes the location private" in lines(question)
        assert "will be unpublished" in lines(question)
        place.refresh_from_db()
        assert (place.published, Token.objects.count(), place.authorization_list.count()) == (True, 0, 0)
        answer = owner.post(address, dict(_hidden(question)))
        text = said(owner, answer)
        assert "2 entries added" in text
        assert "is private now" in text
        place.refresh_from_db()
        assert (place.published, place.authorization_list.count()) == (False, 2)

    def test_the_second_entry_is_not(self, owner: Client, place: Location) -> None:
        factories.listed(place, token=factories.external("NLTNM1"))
        answer = owner.post(url(Location, "add_tokens", place.pk), {"auth_ids": "NLTNM2"})
        assert "1 entry added" in said(owner, answer)

    def test_the_last_removed_is_asked_about(self, owner: Client, place: Location) -> None:
        entry = factories.listed(place, token=factories.external("NLTNM1"))
        address = url(Location, "remove", place.pk)
        question = owner.post(address, {"only": entry.pk})
        assert "will be closed" in lines(question)
        assert "NLTNM1" in lines(question)
        assert place.authorization_list.exists()
        answer = owner.post(address, dict(_hidden(question)))
        assert "closed until somebody publishes it" in said(owner, answer)
        place.refresh_from_db()
        assert (place.published, place.authorization_list.exists()) == (False, False)

    def test_others_stay_on_the_list(self, owner: Client, place: Location) -> None:
        entries = [factories.listed(place, token=factories.external(f"NLTNM{n}")) for n in range(3)]
        question = owner.post(url(Location, "remove", place.pk), {"entry": [entries[0].pk, entries[1].pk]})
        assert "stays private" in lines(question)
        answer = owner.post(url(Location, "remove", place.pk), dict(_hidden(question)))
        assert "2 entries removed" in said(owner, answer)
        assert place.authorization_list.get() == entries[2]

    @pytest.mark.parametrize(("every", "stays"), [("customers", "token"), ("tokens", "customer")])
    def test_all_of_a_kind(self, boss: Client, place: Location, every: str, stays: str) -> None:
        factories.listed(place, customer=factories.customer())
        factories.listed(place, token=factories.token())
        confirmed(boss, url(Location, "remove", place.pk), {"all": every})
        assert getattr(place.authorization_list.get(), stays) is not None

    def test_a_get_changes_nothing(self, owner: Client, place: Location) -> None:
        factories.listed(place, token=factories.external("NLTNM1"))
        for slug in ("remove", "publish", "unpublish", "add_tokens", "add_customers"):
            owner.get(url(Location, slug, place.pk), {"confirmed": "yes", "all": "tokens", "auth_ids": "X"})
        assert place.authorization_list.count() == 1


class TestTwoOperators:
    def test_what_was_announced_happens_or_is_asked_anew(self, owner: Client, place: Location) -> None:
        one, two = (factories.listed(place, token=factories.external(f"NLTNM{n}")) for n in range(2))
        address = url(Location, "remove", place.pk)
        question = owner.post(address, {"only": one.pk})
        assert "stays private" in lines(question)
        two.delete()
        again = owner.post(address, dict(_hidden(question)))
        assert "Somebody else has changed the list" in lines(again)
        assert "will be closed" in lines(again)
        assert place.authorization_list.exists()
        assert owner.post(address, dict(_hidden(again))).status_code == 302
        assert not place.authorization_list.exists()

    def test_remove_all_takes_no_row_that_was_not_seen(self, owner: Client, place: Location) -> None:
        factories.listed(place, token=factories.external("NLTNM1"))
        address = url(Location, "remove", place.pk)
        question = owner.post(address, {"all": "tokens"})
        factories.listed(place, token=factories.external("NLTNM2"))
        assert "NLTNM2" in lines(owner.post(address, dict(_hidden(question))))
        assert place.authorization_list.count() == 2

    def test_what_is_gone_already_is_said(self, owner: Client, place: Location) -> None:
        entry = factories.listed(place, token=factories.external("NLTNM1"))
        question = owner.post(url(Location, "remove", place.pk), {"only": entry.pk})
        entry.delete()
        answer = owner.post(url(Location, "remove", place.pk), dict(_hidden(question)))
        assert "somebody else was faster" in said(owner, answer)

    def test_an_entry_added_by_another_needs_no_question(self, owner: Client, place: Location) -> None:
        question = owner.post(url(Location, "add_tokens", place.pk), {"auth_ids": "NLTNM1"})
        factories.listed(place, token=factories.external("NLTNM1"))
        answer = owner.post(url(Location, "add_tokens", place.pk), dict(_hidden(question)))
        assert "on the list already" in said(owner, answer)


class TestPublishing:
    def test_a_private_location_is_refused(self, owner: Client, place: Location) -> None:
        factories.listed(place, token=factories.external("NLTNM1"))
        for method in (owner.get, owner.post):
            answer = method(url(Location, "publish", place.pk), {"confirmed": "yes"})
            assert "A private location cannot be published: empty its authorization list first." in said(owner, answer)
        place.refresh_from_db()
        assert not place.published

    def test_both_ways(self, owner: Client, place: Location) -> None:
        for slug, published, word in (("unpublish", False, "is closed"), ("publish", True, "becomes public")):
            address = url(Location, slug, place.pk)
            assert word in lines(owner.get(address))
            assert owner.post(address, {"confirmed": "yes"}).status_code == 302
            place.refresh_from_db()
            assert place.published is published

    def test_the_form_of_a_location_that_is_there_does_not(self, owner: Client, place: Location) -> None:
        address = url(Location, "change", place.pk)
        assert "published" not in filled(owner, address)
        assert send(owner, address, name="Depot", published=None).status_code == 302
        place.refresh_from_db()
        assert (place.published, place.name) == (True, "Depot")


class TestWhatAManagerSees:
    """Of another's token the Auth ID alone, as it was named; of another's customer that there is one."""

    def test_others_on_the_list(self, owner: Client, place: Location) -> None:
        customer = factories.customer(name="canary one", external_id="canary-1")
        factories.listed(place, customer=customer)
        token = factories.token(auth_id="NL-TNM-C1", uid="0CAA", customer=customer)
        factories.listed(place, token=token, auth_id_entered="nltnm c1")
        factories.listed(place, token=factories.token(uid="0CAB"))
        page = owner.get(url(Location, "authorization", place.pk)).content.decode()
        assert "canary" not in page
        assert "0CA" not in page
        assert listed(owner, place, "customers")[0][:4] == ["a customer of another party", "–", "–", "–"]
        tokens = listed(owner, place, "tokens")
        assert tokens[0][:4] == ["nltnm c1", "–", "–", "–"]
        assert tokens[1][:4] == ["a charge token of another party", "–", "–", "–"]
        assert "arrow_forward" not in page
        assert listed(owner, place, "customers", **{"customers-q": "canary"}) == []
        assert listed(owner, place, "tokens", **{"tokens-q": "0CAA"}) == []
        assert len(listed(owner, place, "tokens", **{"tokens-q": "nl-tnm"})) == 1

    def test_an_admin_sees_them_and_gets_there(self, boss: Client, place: Location) -> None:
        customer = factories.customer(name="Fleet A", external_id="A1", blocked=True)
        factories.listed(place, customer=customer)
        factories.listed(place, token=factories.token(auth_id="NL-TNM-C1", uid="0CAA"))
        page = boss.get(url(Location, "authorization", place.pk)).content.decode()
        assert url(Customer, "change", customer.pk) in page
        assert listed(boss, place, "customers", **{"customers-q": "A1"})[0][3] == "blocked"
        assert len(listed(boss, place, "tokens", **{"tokens-q": "0caa"})) == 1

    def test_a_directory_opens_its_names(self, owner: Client, place: Location) -> None:
        emsp = factories.emsp()
        customer = factories.customer(emsp, name="Fleet A")
        address = url(Location, "add_customers", place.pk)
        assert "Fleet A" not in owner.get(address, {"found-q": "Fleet"}).content.decode()
        refused = owner.post(address, {"customer": customer.pk})
        assert "Not found" in refused.content.decode()
        factories.directory(emsp, place.cpo)
        assert "Fleet A" in owner.get(address, {"found-q": "Fleet"}).content.decode()
        assert confirmed(owner, address, {"customer": customer.pk}).status_code == 302
        assert listed(owner, place, "customers")[0][0] == "Fleet A"

    def test_guessing_an_auth_id_teaches_nothing(self, owner: Client, place: Location) -> None:
        factories.listed(place, token=factories.external("FIRST"))
        known = factories.token(auth_id="NL-TNM-C1", uid="0CAA")
        answers = []
        for auth_id in (known.auth_id, "NL-TNM-C2"):
            text = said(owner, owner.post(url(Location, "add_tokens", place.pk), {"auth_ids": auth_id}))
            answers.append((text.split("revision")[0], listed(owner, place, "tokens")[-1][1:4]))
        assert answers[0] == answers[1]

    def test_a_strangers_location_is_not_there(self, owner: Client) -> None:
        other = factories.location()
        for slug in ("authorization", "chargers", "add_customers", "add_tokens", "remove", "publish", "unpublish"):
            for method in (owner.get, owner.post):
                answer = method(url(Location, slug, other.pk), {"confirmed": "yes", "auth_ids": "X"})
                assert answer.status_code in (302, 403), slug
                assert "Location" not in answer.headers or answer.headers["Location"] == "/admin/"
        other.refresh_from_db()
        assert (other.published, other.authorization_list.exists()) == (True, False)

    def test_an_emsps_manager_opens_no_location(self, place: Location) -> None:
        client = Client()
        client.force_login(factories.manager(factories.emsp()))
        assert client.get(url(Location, "authorization", place.pk)).headers["Location"] == "/admin/"
        assert client.post(url(Location, "add_tokens", place.pk), {"auth_ids": "X"}).status_code in (302, 403)
        assert not place.authorization_list.exists()


def test_what_is_typed_stays_when_it_is_refused(owner: Client, place: Location) -> None:
    page = owner.post(url(Location, "add_tokens", place.pk), {"auth_ids": "NLTNM1\nNL\u0422NM"})
    assert "NLTNM1" in page.context["typed"]
    assert page.context["errors"]
    assert not place.authorization_list.exists()
    assert "Nothing is chosen" in owner.post(url(Location, "add_customers", place.pk)).content.decode()


def test_a_wrong_check_digit_is_a_warning(owner: Client, place: Location) -> None:
    answer = confirmed(owner, url(Location, "add_tokens", place.pk), {"auth_ids": "NL-TNM-C00122045-X"})
    assert "computed is K" in said(owner, answer)


def test_what_is_on_the_list_is_not_offered_again(boss: Client, place: Location) -> None:
    token, other = factories.token(auth_id="NL-TNM-C1"), factories.token(auth_id="NLTNMC1", uid="04AA")
    factories.listed(place, token=token)
    listing = boss.get(url(Location, "add_tokens", place.pk)).context["listing"]
    assert [row.key for row in listing] == [None, None]
    assert {row.object.pk for row in listing} == {token.pk, other.pk}


def test_a_search_loses_neither_ticks_nor_what_was_typed(boss: Client, place: Location) -> None:
    """Without JavaScript too: the search is of the same form, and adds nothing."""
    one, other = factories.token(auth_id="NL-TNM-C1"), factories.token(auth_id="NL-TNM-C2")
    address = url(Location, "add_tokens", place.pk)
    sent = {"auth_ids": "BE-XTR-C1", "token": [one.pk], "found-q": "NL-TNM-C2", "search": "yes"}
    page = boss.post(address, sent)
    listing = page.context["listing"]
    assert [(row.key, row.picked) for row in listing] == [(other.pk, False)]
    assert [(row.key, row.picked) for row in listing.elsewhere] == [(one.pk, True)]
    assert "BE-XTR-C1</textarea>" in page.content.decode()
    assert not place.authorization_list.exists()
    both = {"auth_ids": "BE-XTR-C1", "token": [one.pk, other.pk], "confirmed": "yes"}
    assert boss.post(address, both).status_code == 302
    assert place.authorization_list.count() == 3


def test_pages_cost_the_same_for_many_rows(
    boss: Client, owner: Client, place: Location, django_assert_max_num_queries: Any
) -> None:
    emsp = factories.emsp()
    factories.directory(emsp, place.cpo)
    for n in range(12):
        factories.listed(place, customer=factories.customer(emsp))
        factories.listed(place, token=factories.token(customer=factories.customer(emsp), auth_id=f"X{n}"))
        station = factories.station(place)
        factories.evse(place, station=station)
        decision(location=place)
    for client in (boss, owner):
        for slug in ("change", "authorization", "chargers", "add_customers", "add_tokens", "exceptions", "log"):
            with django_assert_max_num_queries(25):
                assert client.get(url(Location, slug, place.pk)).status_code == 200, slug


def test_the_list_says_in_what_state_each_is(owner: Client, place: Location) -> None:
    closed = factories.location(place.cpo, name="Closed one", published=False)
    private = factories.location(place.cpo, name="Private one", city="Utrecht")
    factories.listed(private, customer=factories.customer())
    factories.evse(private), factories.station(private), factories.station(private)
    address = url(Location, "changelist")
    for state, row in (("public", place), ("private", private), ("closed", closed)):
        found = owner.get(address, {"state": state}).context["cl"].result_list
        assert [item.pk for item in found] == [row.pk]
    page = owner.get(address, {"q": "utrecht"})
    assert [row.pk for row in page.context["cl"].result_list] == [private.pk]
    assert "2 / 1" in page.content.decode()
    assert url(Location, "authorization", private.pk) in page.content.decode()


class TestNeighbours:
    def test_what_is_added_from_a_location_leads_back_there(self, owner: Client, place: Location) -> None:
        tab = url(Location, "chargers", place.pk)
        for model, fields in ((ChargeStation, {"identity": "CS-77"}), (EVSE, {"uid": "1", "evse_id": "NL*GFX*E77"})):
            address = f"{url(model, 'add')}?location={place.pk}"
            assert address in owner.get(tab).content.decode()
            assert filled(owner, address)["location"] == str(place.pk)
            assert send(owner, address, **fields).headers["Location"] == tab
        page = owner.get(tab).content.decode()
        assert "CS-77" in page
        assert "NL*GFX*E77" in page

    def test_anothers_location_is_not_filled_in(self, owner: Client) -> None:
        other = factories.location(name="canary")
        assert "canary" not in owner.get(f"{url(EVSE, 'add')}?location={other.pk}").content.decode()

    def test_chargers_are_found_in_the_tab(self, owner: Client, place: Location) -> None:
        station = factories.station(place, identity="CS-77")
        factories.evse(place, station=station, evse_id="NL*GFX*E77", uid="u77")
        for name, term, number in (
            ("stations", "cs-7", 1), ("stations", "x", 0), ("stations", "\u0421S", 0),
            ("evses", "nlgfxe7", 1), ("evses", "u77", 1), ("evses", "NL*GFX*E8", 0), ("evses", "\u0421", 0),
        ):  # fmt: skip
            page = owner.get(url(Location, "chargers", place.pk), {f"{name}-q": term})
            listing = next(found for found in page.context["listings"] if found.name == name)
            assert listing.count == number, (name, term)

    def test_an_evse_shows_its_connectors(self, owner: Client, place: Location) -> None:
        plug = {
            "id": "7", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "max_voltage": 400,
            "max_amperage": 125,
        }  # fmt: skip
        evse = factories.evse(place)
        EVSE.objects.filter(pk=evse.pk).update(connectors=[plug])
        line = "7: CHADEMO, CABLE, DC, 400 V, 125 A"
        address = url(EVSE, "change", evse.pk)
        page = owner.get(address)
        for shown in (page, owner.get(url(Location, "chargers", place.pk)), owner.get(url(EVSE, "history", evse.pk))):
            assert line in shown.content.decode()
        # They are not the form's to change.
        send(owner, address, uid="renamed", connectors="[]")
        evse.refresh_from_db()
        assert (evse.uid, evse.connectors) == ("renamed", [plug])
        assert "connectors" not in owner.get(url(EVSE, "add")).context["adminform"].form.fields

    def test_a_station_has_its_evses_and_its_log(self, owner: Client, place: Location) -> None:
        station = factories.station(place, authorization_required=False)
        factories.evse(place, station=station, evse_id="NL*GFX*E77")
        page = owner.get(url(ChargeStation, "change", station.pk))
        assert [tab["slug"] for tab in page.context["object_tabs"]] == ["change", "evses", "log", "charging", "history"]
        assert "everyone charges here free" in page.content.decode()
        assert url(Location, "change", place.pk) in page.content.decode()
        assert "NL*GFX*E77" in owner.get(url(ChargeStation, "evses", station.pk)).content.decode()
        assert owner.get(url(ChargeStation, "log", station.pk)).status_code == 200

    def test_a_manager_reads_a_cpo(self, owner: Client, place: Location) -> None:
        above = factories.cpo(name="canary above")
        below = factories.cpo(parent=place.cpo, name="Below")
        CPO.objects.filter(pk=place.cpo_id).update(parent=above)
        page = owner.get(url(CPO, "change", place.cpo_id)).content.decode()
        listed = owner.get(url(CPO, "changelist")).content.decode()
        assert "canary" not in page + listed
        assert 'name="name"' not in page
        tab = owner.get(url(CPO, "locations", place.cpo_id)).content.decode()
        assert "Depot North" in tab
        assert "Below" in tab
        assert str(place.cpo) in owner.get(url(CPO, "change", below.pk)).content.decode() or place.cpo.name in listed
        assert owner.post(url(CPO, "change", place.cpo_id), {"name": "x"}).status_code == 403

    def test_moving_to_another_cpo_is_an_admins(self, owner: Client, boss: Client, place: Location) -> None:
        address, other = url(Location, "change", place.pk), factories.cpo()
        before = place.cpo_id
        assert send(owner, address, cpo=other.pk).status_code == 302
        place.refresh_from_db()
        assert place.cpo_id == before
        assert send(boss, address, cpo=other.pk).status_code == 302
        place.refresh_from_db()
        assert place.cpo_id == other.pk


def test_the_list_is_in_the_history(boss: Client, place: Location) -> None:
    factories.listed(place, customer=factories.customer(name="Fleet A"))
    page = boss.get(url(Location, "history", place.pk)).content.decode()
    assert "Fleet A" in page
    assert AuthorizationListEntry.objects.count() == 1


def test_the_menu_leads_to_an_import_of_this_list(owner: Client, place: Location) -> None:
    page = owner.get(url(Location, "authorization", place.pk))
    address = f"{reverse('admin:imports_import_add')}?kind=authorization_list&location={place.pk}"
    assert any(item.address == address for listing in page.context["listings"] for item in listing.menu)
    assert owner.get(address).status_code == 200
