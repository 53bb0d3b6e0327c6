"""Exception groups in the portal: made by side and category, filled by search and by pasted ids, taken apart."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from authorization.models import ExceptionGroup, GroupMember
from locations.models import CPO
from tests import factories
from tests.portal.pages import errors, filled, said, send
from tests.portal.test_admin import url
from tokens.models import EMSP, Token

pytestmark = pytest.mark.django_db


def browser(*parties: CPO | EMSP) -> Client:
    client = Client()
    client.force_login(factories.manager(*parties))
    return client


def page(group: ExceptionGroup) -> str:
    return url(ExceptionGroup, "members", group.pk)


def paste(client: Client, group: ExceptionGroup, *lines: str, **more: Any) -> Any:
    return client.post(page(group), {"do": "paste", "lines": "\r\n".join(lines), **more})


def shown(client: Client, group: ExceptionGroup, **query: str) -> list[list[str]]:
    listing = client.get(page(group), query).context["listing"]
    return [[str(cell.value) for cell in row.cells if cell.title] for row in listing]


def test_goes_on_to_its_members(boss: Client) -> None:
    saved = send(boss, url(ExceptionGroup, "add"), name="Fleet", category="customer")
    group = ExceptionGroup.objects.get()
    assert saved.headers["Location"] == page(group)
    customer = factories.customer(name="Bakery", external_id="C1")
    added = boss.post(page(group), {"do": "choose", "chosen": [customer.pk]})
    assert "1 member added." in said(boss, added)
    again = boss.post(page(group), {"do": "choose", "chosen": [customer.pk]})
    assert "0 members added. 1 was one already." in said(boss, again)
    assert shown(boss, group) == [["Bakery", "C1", str(customer.emsp)]]


def test_categories_are_explained(boss: Client) -> None:
    text = boss.get(url(ExceptionGroup, "add")).content.decode()
    assert "CPO side: places where to charge" in text
    assert "All cards of these" in text or "all cards of these, now and later" in text


def test_only_name_and_notes_change(boss: Client) -> None:
    group = factories.group("customer", owner_emsp=factories.emsp())
    address = url(ExceptionGroup, "change", group.pk)
    assert {name for name in filled(boss, address) if not name.startswith("_")} >= {"name", "notes"}
    changed = {"category": "token", "name": "New", "notes": "why", "owner_emsp": "", "owner_cpo": factories.cpo().pk}
    assert send(boss, address, **changed).status_code == 302
    after = ExceptionGroup.objects.get(pk=group.pk)
    assert (after.category, after.name, after.notes) == ("customer", "New", "why")
    assert after.owner_emsp == group.owner_emsp


def test_takes_members_of_its_category_only(boss: Client) -> None:
    group, other = factories.group("customer"), factories.token()
    answer = boss.post(page(group), {"do": "choose", "chosen": [other.pk]})
    assert "Select a valid choice" in answer.content.decode()
    assert not group.members.exists()


def test_knows_a_contract_once(boss: Client) -> None:
    one = factories.token(auth_id="NL-TNM-C00122045-K", uid="04AA")
    other = factories.token(one.emsp, auth_id="NLTNMC00122045", uid="04BB")
    group = factories.group("token", one)
    answer = boss.post(page(group), {"do": "choose", "chosen": [other.pk]})
    assert "was one already" in said(boss, answer)


class TestPasted:
    def test_auth_ids(self, boss: Client) -> None:
        group, card = factories.group("token"), factories.token(auth_id="NL-TNM-C00122045-K")
        lines = ("NLTNMC00122045", "", "  DE-ABC-1 ", "nl-tnm-c00122045-k")
        assert "2 members added." in said(boss, paste(boss, group, *lines))
        assert set(group.members.values_list("token", flat=True)) >= {card.pk}
        assert Token.objects.get(external=True).auth_id == "DE-ABC-1"

    def test_what_is_wrong_is_said_line_by_line_and_nothing_is_lost(self, boss: Client) -> None:
        group = factories.group("token")
        chip = factories.token(uid="04A2B3C4D5E680", auth_id="NL-TNM-000001")
        lines = ["NL-TNM-000002", "ä", "04a2b3c4d5e680", "A" * 256]
        answer = paste(boss, group, *lines)
        text = answer.content.decode()
        assert not group.members.exists()
        assert [problem.line for problem in answer.context["found"].problems] == [2, 3, 4]
        assert "Line 2" in text
        assert "Chip ID" in answer.context["found"].problems[1].why
        assert answer.context["paste"]["lines"].value().split() == lines
        answer = paste(boss, group, *lines, known_only="yes")
        assert group.members.get().token.auth_id == "NL-TNM-000002"
        assert answer.context["paste"]["lines"].value().split() == lines[1:]
        assert chip.pk not in group.members.values_list("token", flat=True)

    def test_too_many(self, boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("authorization.services.pasted.MOST", 2)
        group = factories.group("token")
        answer = paste(boss, group, "A1", "A2", "A3", known_only="yes")
        assert "import a CSV file" in answer.content.decode()
        assert not group.members.exists()

    def test_external_ids(self, boss: Client) -> None:
        group = factories.group("customer")
        one, two, _ = (factories.customer(external_id=id_) for id_ in ("C1", "C2", "C2"))
        answer = paste(boss, group, "C1", "C2", "C3")
        whys = [problem.why for problem in answer.context["found"].problems]
        assert "several eMSPs" in whys[0]
        assert whys[1].startswith("No customer")
        paste(boss, group, "C1", "C3", known_only="yes")
        assert group.members.get().customer == one
        drivers = factories.group("driver")
        factories.driver(two, external_id="D1")
        assert "1 member added" in said(boss, paste(boss, drivers, "D1"))

    def test_parties(self, boss: Client) -> None:
        for category, party in (("cpo", factories.cpo(party_id="GFX")), ("emsp", factories.emsp(party_id="TNM"))):
            group = factories.group(category)
            code = f"{party.country_code}*{party.party_id}".lower()
            answer = paste(boss, group, code, "NL", "XX-XXX")
            whys = [problem.why for problem in answer.context["found"].problems]
            assert ["party code" in why for why in whys] == [True, False]
            paste(boss, group, code, known_only="yes")
            assert str(group.members.get()) == str(party)

    def test_locations(self, boss: Client) -> None:
        group = factories.group("location")
        one, two = (factories.location(factories.cpo(party_id=p), location_id="LOC1") for p in ("AAA", "BBB"))
        other = factories.location(one.cpo, location_id="LOC 2")
        answer = paste(boss, group, "LOC1", "LOC 2", "NL-BBB LOC1", "NL-CCC LOC1")
        assert [problem.line for problem in answer.context["found"].problems] == [1, 4]
        paste(boss, group, "LOC 2", "NL-BBB LOC1")
        assert set(group.members.values_list("location", flat=True)) == {two.pk, other.pk}


class TestRemoving:
    def test_one_some_and_all_after_a_question(self, boss: Client) -> None:
        group = factories.group("driver", *(factories.driver() for _ in range(4)))
        rows = list(group.members.values_list("pk", flat=True))
        asked = boss.post(page(group), {"do": "remove", "only": rows[0], "row": rows})
        assert "1 member leaves" in asked.content.decode()
        assert group.members.count() == 4
        for fields, left in (({"row": rows[:1]}, 3), ({"row": rows[1:3]}, 1), ({"all": "yes"}, 0)):
            boss.post(page(group), {"do": "remove", "confirmed": "yes", **fields})
            assert group.members.count() == left

    def test_says_what_follows(self, boss: Client) -> None:
        group = factories.group("driver", factories.driver())
        question = {"do": "remove", "all": "yes"}
        assert "No exception that you see uses the group" in boss.post(page(group), question).content.decode()
        factories.exception("whitelist", "emsp_for_cpo", [factories.group("cpo")], [group], name="Depot only")
        text = boss.post(page(group), question).content.decode()
        assert "at once in “Depot only”" in text
        assert "lets nobody in" in text

    def test_nothing_chosen(self, boss: Client) -> None:
        group = factories.group("driver", factories.driver())
        answer = boss.post(page(group), {"do": "remove", "confirmed": "yes", "row": ["x"]})
        assert "Choose the members" in said(boss, answer)
        assert group.members.count() == 1

    def test_rows_of_another_group_stay(self, boss: Client) -> None:
        group, other = factories.group("driver"), factories.group("driver", factories.driver())
        row = other.members.get().pk
        answer = boss.post(page(group), {"do": "remove", "confirmed": "yes", "row": [row]})
        assert "Nothing was changed" in said(boss, answer)
        assert other.members.exists()


def test_where_it_is_used(boss: Client) -> None:
    group, places = factories.group("emsp"), factories.group("cpo")
    factories.exception("whitelist", "emsp_for_cpo", [places], [group], name="Depot only")
    factories.exception("whitelist", "emsp_for_cpo", [places], [factories.group("emsp")], name="Other")
    text = boss.get(url(ExceptionGroup, "where_used", group.pk)).content.decode()
    assert "Depot only" in text
    assert "Other" not in text


@pytest.mark.parametrize(
    ("category", "term"),
    [
        ("cpo", "nl-gfx"),
        ("location", "depot"),
        ("location", "LOC1"),
        ("customer", "baker"),
        ("customer", "C1"),
        ("driver", "Ann"),
        ("token", "nltnmc0012"),
        ("token", "04a2"),
    ],
)
def test_members_are_searched(boss: Client, category: str, term: str) -> None:
    wanted: dict[str, Any] = {
        "cpo": factories.cpo(party_id="GFX"),
        "location": factories.location(name="Depot North", location_id="LOC1"),
        "customer": factories.customer(name="Bakery", external_id="C1"),
        "driver": factories.driver(name="Ann"),
        "token": factories.token(uid="04:A2:B3", auth_id="NL-TNM-C00122045-K"),
    }
    make = {"cpo": factories.cpo, "location": factories.location, "customer": factories.customer}
    make |= {"driver": factories.driver, "token": factories.token}
    group = factories.group(category, make[category](), wanted[category])
    found = boss.get(page(group), {"members-q": term}).context["listing"]
    assert [getattr(row.object, category) for row in found] == [wanted[category]]


def test_pages_of_many(boss: Client, django_assert_max_num_queries: Any) -> None:
    emsp = factories.emsp()
    group = factories.group("token", *(factories.token(emsp) for _ in range(60)))
    with django_assert_max_num_queries(16):
        text = boss.get(page(group), {"members-p": "3"}).content.decode()
    assert "Page 3 of 3" in text


class TestManagers:
    def test_their_party_is_filled_in(self) -> None:
        cpo = factories.cpo()
        client = browser(cpo)
        assert "owner" not in filled(client, url(ExceptionGroup, "add"))
        send(client, url(ExceptionGroup, "add"), name="Sites", category="location", owner_emsp=factories.emsp().pk)
        group = ExceptionGroup.objects.get()
        assert (group.owner_cpo, group.owner_emsp) == (cpo, None)

    def test_who_has_several_says_which(self) -> None:
        cpo, emsp = factories.cpo(), factories.emsp()
        client, address = browser(cpo, emsp), url(ExceptionGroup, "add")
        foreign = factories.emsp()
        for nobodys in ("", f"emsp-{foreign.pk}"):
            answer = send(client, address, name="Cards", category="token", owner=nobodys)
            assert "owner" in errors(answer)
            assert foreign.name not in answer.content.decode()
        send(client, address, name="Cards", category="token", owner=f"emsp-{emsp.pk}")
        assert ExceptionGroup.objects.get().owner_emsp == emsp

    def test_without_a_party_nothing_is_made(self) -> None:
        client = browser()
        assert client.get(url(ExceptionGroup, "add")).status_code == 403
        client.post(url(ExceptionGroup, "add"), {"name": "x", "category": "cpo"})
        assert not ExceptionGroup.objects.exists()

    def test_global_groups_are_read_only(self) -> None:
        cpo = factories.cpo()
        own, other = factories.location(cpo), factories.location(name="canary")
        group = factories.group("location", own, other, name="Depots")
        client = browser(cpo)
        assert "only an Admin edits it" in client.get(url(ExceptionGroup, "change", group.pk)).content.decode()
        assert client.post(url(ExceptionGroup, "change", group.pk), {"name": "x"}).status_code == 403
        assert [row[0] for row in shown(client, group)] == [str(own)]
        for body in ({"do": "paste", "lines": "X"}, {"do": "remove", "all": "yes", "confirmed": "yes"}):
            assert client.post(page(group), body).status_code == 403
        assert group.members.count() == 2

    def test_put_in_what_they_may_name(self) -> None:
        cpo = factories.cpo()
        client, foreign = browser(cpo), factories.location(location_id="CANARY1")
        sites = factories.group("location", owner_cpo=cpo)
        answer = client.post(page(sites), {"do": "choose", "chosen": [foreign.pk]})
        assert "Select a valid choice" in answer.content.decode()
        assert "may be added here" in str(paste(client, sites, "CANARY1").context["found"].problems)
        search = {"app_label": "authorization", "model_name": "groupmember", "field_name": "location", "term": ""}
        own = factories.location(factories.cpo(parent=cpo))
        offered = client.get(reverse("admin:autocomplete"), search | {"group": sites.pk}).json()["results"]
        assert [int(found["id"]) for found in offered] == [own.pk]
        others = factories.group("location", owner_cpo=foreign.cpo)
        assert client.get(reverse("admin:autocomplete"), search | {"group": others.pk}).json()["results"] == []
        assert not sites.members.exists()

    def test_an_emsps_group_takes_its_own_auth_ids(self) -> None:
        emsp = factories.emsp(country_code="NL", party_id="TNM")
        group = factories.group("token", owner_emsp=emsp)
        answer = paste(browser(emsp), group, "NL-TNM-000001", "DE-ABC-1")
        assert [problem.text for problem in answer.context["found"].problems] == ["DE-ABC-1"]

    def test_of_anothers_token_the_auth_id_alone(self) -> None:
        cpo, card = factories.cpo(), factories.token(auth_id="NL-TNM-C00122045-K", uid="04CA")
        client, group = browser(cpo), factories.group("token", owner_cpo=cpo)
        paste(client, group, "nltnmc00122045")
        assert shown(client, group) == [["nltnmc00122045", "–", "–", "–"]]
        assert shown(client, group, **{"members-q": "NL-TNM-C0012"}) == [["nltnmc00122045", "–", "–", "–"]]
        assert shown(client, group, **{"members-q": "04CA"}) == []
        row = GroupMember.objects.get(token=card)
        client.post(page(group), {"do": "remove", "only": row.pk, "row": [row.pk], "confirmed": "yes"})
        assert not group.members.exists()

    def test_anothers_group_is_not_there(self) -> None:
        group = factories.group("token", owner_cpo=factories.cpo(), name="canary")
        client = browser(factories.cpo())
        for slug in ("change", "members", "where_used"):
            assert client.get(url(ExceptionGroup, slug, group.pk)).headers["Location"] == "/admin/"

    def test_exceptions_of_others_are_not_named(self) -> None:
        cpo = factories.cpo()
        group = factories.group("location", owner_cpo=cpo)
        factories.exception(
            "blacklist", "emsp_for_cpo", [group], [factories.group("emsp")], owner_emsp=factories.emsp(), name="canary"
        )
        client = browser(cpo)
        for slug in ("change", "members", "where_used"):
            assert "canary" not in client.get(url(ExceptionGroup, slug, group.pk)).content.decode()
        question = client.post(page(group), {"do": "remove", "all": "yes"})
        assert "canary" not in question.content.decode()
