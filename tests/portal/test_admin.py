"""Every page of the admin: whole for a superuser, scoped for others, at a cost that does not grow with the table."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from authorization.models import ApiKey, ChargeException, Decision, ExceptionGroup
from authorization.services import create_key
from chargers.models import AuthorizationInUse, Command
from imports.models import Import
from locations.admin_base import Scoped, ScopedAdmin
from locations.models import CPO, EVSE, ChargeStation, Location
from people.models import Erasure
from portal.login.models import LogIn
from subscriptions.models import Subscription
from tests import factories
from tokens.models import EMSP, Customer, Driver, Token

pytestmark = pytest.mark.django_db


def decision(**fields: Any) -> Decision:
    return Decision.objects.create(
        **{
            "request_id": "r1",
            "decided_at": timezone.now(),
            "caller": "key",
            "token_type": "ISO14443",
            "place": "NL*GFX*E1",
            "accepted": False,
            "reason": "UNKNOWN_TOKEN",
            "revision": 1,
            "source": "database",
        }
        | fields
    )


def an_exception() -> ChargeException:
    places, cards = factories.group("cpo", factories.cpo()), factories.group("emsp", factories.emsp())
    return factories.exception("whitelist", "emsp_for_cpo", [places], [cards])


def in_use(**fields: Any) -> AuthorizationInUse:
    station = fields.pop("station", None) or factories.station()
    defaults = {
        "station": station, "location": station.location, "place": f"s{station.pk}", "token_type": "ISO14443",
        "token_key": "t1", "via": "mqtt", "message_id": "m1", "revision": 1, "began_at": timezone.now(),
    }  # fmt: skip
    return AuthorizationInUse.objects.create(**defaults | fields)


def a_command(**fields: Any) -> Command:
    station = fields.pop("station", None) or factories.station()
    now = timezone.now()
    defaults = {
        "station": station, "location": station.location, "kind": "pause", "created_at": now, "answer_until": now,
    }  # fmt: skip
    return Command.objects.create(**defaults | fields)


# One row of each registered model. A model without a line here fails the tests below.
ROWS: dict[type[Any], Callable[[], Any]] = {
    CPO: factories.cpo,
    Location: factories.location,
    ChargeStation: factories.station,
    EVSE: factories.evse,
    EMSP: factories.emsp,
    Customer: factories.customer,
    Driver: factories.driver,
    Token: factories.token,
    ExceptionGroup: lambda: factories.group("token", factories.token()),
    ChargeException: an_exception,
    Decision: decision,
    ApiKey: lambda: create_key(cpo=factories.cpo())[0],
    Import: lambda: Import.objects.create(
        kind="tokens", emsp=factories.emsp(), file_name="cards.csv", size=100, status="cancelled"
    ),
    AuthorizationInUse: in_use,
    Command: a_command,
    Subscription: factories.subscription,
    Erasure: lambda: Erasure.objects.create(kind="driver", by_name="someone", at=timezone.now()),
    User: lambda: User.objects.create_user("someone", password="x"),
    LogIn: lambda: LogIn.objects.create(outcome="in", name="someone", address="192.0.2.7"),
    Group: lambda: Group.objects.create(name="role"),
    PeriodicTask: lambda: PeriodicTask.objects.create(
        name="sweep", task="sweep", interval=IntervalSchedule.objects.create(every=5, period="minutes")
    ),
    IntervalSchedule: lambda: IntervalSchedule.objects.create(every=7, period="minutes"),
    CrontabSchedule: lambda: CrontabSchedule.objects.create(minute="5"),
    ClockedSchedule: lambda: ClockedSchedule.objects.create(clocked_time=timezone.now()),
    SolarSchedule: lambda: SolarSchedule.objects.create(event="sunrise", latitude=52, longitude=5),
}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
READ_ONLY = {Decision, AuthorizationInUse, Command, LogIn, Erasure}


def url(model: type[Any], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def pages(model: type[Any]) -> dict[str, str]:
    row = ROWS[model]()
    found = {page: url(model, page) for page in ("changelist", "add")}
    return found | {page: url(model, page, row.pk) for page in ("change", "delete", "history")}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_superuser_sees_every_page(boss: Client, model: type[Any]) -> None:
    refused = {"add", "delete"} if model in READ_ONLY else set()
    for page, address in pages(model).items():
        assert boss.get(address).status_code == (403 if page in refused else 200), page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_who_was_granted_nothing_sees_no_row(manager: Client, model: type[Any]) -> None:
    """Whatever the roles allow: an object is not there, as one that does not exist, and a list is empty."""
    addresses = pages(model)
    if admin.site._registry[model].admins_only:  # type: ignore[attr-defined]
        for page, address in addresses.items():
            assert manager.get(address).status_code == manager.post(address, {}).status_code == 403, page
        return
    listed = manager.get(addresses["changelist"])
    assert listed.status_code == 200
    assert listed.context["cl"].result_count == 0
    for page in ("change", "history"):
        answer = manager.get(addresses[page])
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/"), page
    assert manager.get(addresses["delete"]).status_code == 403
    assert manager.post(addresses["delete"], {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_stranger_is_sent_to_log_in(client: Client, model: type[Any]) -> None:
    for address in pages(model).values():
        assert client.get(address).headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_is_scoped(model: type[Any]) -> None:
    page = admin.site._registry[model]
    assert isinstance(page, ScopedAdmin)
    assert all(issubclass(inline, Scoped) for inline in page.inlines)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_search_answers_anything(boss: Client, model: type[Any]) -> None:
    ROWS[model]()
    for term in ("x", "04A2B3", "nl-tnm-c00122045-k", "NL*GFX*E1", "%", "'", "Ä", "a\x00b"):
        assert boss.get(url(model, "changelist"), {"q": term}).status_code == 200, term


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_an_empty_list_says_what_would_be_there(boss: Client, model: type[Any]) -> None:
    page: Any = admin.site._registry[model]
    assert page.empty
    answer = boss.get(url(model, "changelist"))
    if answer.context["cl"].result_count:  # users and roles there always are
        return
    text = answer.content.decode()
    assert str(escape(page.empty)) in text
    assert (f'href="{url(model, "add")}' in text) == page.has_add_permission(answer.wsgi_request)
    if page.empty_leads:
        assert f'href="{reverse(page.empty_leads[1])}"' in text


def test_a_search_that_finds_nothing_leads_back(boss: Client) -> None:
    factories.location()
    text = boss.get(url(Location, "changelist"), {"q": "no such", "_popup": "1"}).content.decode()
    assert "Nothing here matches “no such”." in text
    assert "Clear the search" in text
    assert 'href="?_popup=1"' in text
    text = boss.get(url(Location, "changelist"), {"q": "no such", "state": "private"}).content.decode()
    assert "Filters are set as well" in text
    assert 'href="?"' in text


def test_who_was_granted_nothing_reads_why_a_list_is_empty(boss: Client, manager: Client) -> None:
    said = "that an Admin granted to you"
    assert said in manager.get(url(Location, "changelist")).content.decode()
    assert said not in boss.get(url(Location, "changelist")).content.decode()


@pytest.mark.parametrize("number", [1, 2])
def test_the_log_counts_decisions(boss: Client, number: int) -> None:
    for _ in range(number):
        decision()
    text = " ".join(boss.get(url(Decision, "changelist")).content.decode().split())
    assert f"{number} decision{'s' * (number > 1)} " in text
    assert f"{number} authorization log" not in text


@pytest.mark.parametrize(("language", "one", "several"), [("en", "role", "Roles"), ("de", "Rolle", "Rollen")])
def test_roles_are_not_called_groups(boss: Client, language: str, one: str, several: str) -> None:
    role = Group.objects.create(name="Night shift")
    for address in (url(Group, "changelist"), url(Group, "add"), url(Group, "change", role.pk), url(User, "add")):
        text = boss.get(address, HTTP_ACCEPT_LANGUAGE=language).content.decode()
        seen = re.sub(r"<(script|style|nav).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
        assert several in seen
        assert not re.search(r"(?<!Exception )\bgroups?\b|\bGruppen?\b", seen, re.IGNORECASE), address
    assert one in boss.get(url(Group, "add"), HTTP_ACCEPT_LANGUAGE=language).content.decode()


def test_the_way_back_names_nothing_twice(boss: Client) -> None:
    row = ROWS[Import]()
    text = boss.get(url(Import, "change", row.pk)).content.decode()
    way = re.findall(r'tracking-tight[^"]*">\s*([^<]*?)\s*</(?:a|span)', text)
    assert way == ["Imports", str(row)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_select_lists_a_table(model: type[Any]) -> None:
    """A reference to a table that grows is searched, never listed."""
    page: Any = admin.site._registry[model]
    small = {IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule}
    for field in model._meta.get_fields():
        if field.is_relation and field.concrete and field.editable and field.related_model not in small:
            shown = _flat(page.add_fieldsets or page.fieldsets or ())
            assert field.name not in shown or field.name in page.autocomplete_fields or model in READ_ONLY, field.name


def _flat(fieldsets: Any) -> list[str]:
    lines = [line for _, options in fieldsets for line in options["fields"]]
    return [name for line in lines for name in (line if isinstance(line, tuple) else (line,))]


@pytest.mark.parametrize("model", [Location, Token, ChargeException, Decision, ExceptionGroup, Driver])
def test_list_costs_the_same_for_many_rows(boss: Client, model: type[Any], django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        ROWS[model]()
    with django_assert_max_num_queries(10):
        boss.get(url(model, "changelist"))


@pytest.mark.parametrize("term", ["", "Group", "\x00", "no such"])
def test_autocomplete_offers_groups_of_one_side(boss: Client, term: str) -> None:
    factories.group("location"), factories.group("token")
    field = {"app_label": "authorization", "model_name": "chargeexception", "field_name": "cpo_groups", "term": term}
    answer = boss.get(reverse("admin:autocomplete"), field)
    assert answer.status_code == 200
    offered = {int(found["id"]) for found in answer.json()["results"]}
    assert offered <= set(ExceptionGroup.objects.filter(category="location").values_list("pk", flat=True))
    assert bool(offered) == (term in ("", "Group", "\x00"))


def test_autocomplete_is_scoped(manager: Client) -> None:
    factories.customer()
    field = {"app_label": "tokens", "model_name": "token", "field_name": "customer"}
    answer = manager.get(reverse("admin:autocomplete"), field)
    assert (answer.status_code, answer.json()["results"]) == (200, [])


def test_log_outlives_what_it_speaks_of(boss: Client) -> None:
    row = decision(token_id=987654321, location_id=987654321, rule_id=987654321, api_key_id=987654321)
    assert boss.get(url(Decision, "changelist")).status_code == 200
    assert boss.get(url(Decision, "change", row.pk)).status_code == 200
    assert boss.post(url(Decision, "change", row.pk), {"reason": "ALLOWED"}).status_code == 403


def test_log_is_found_by_token_and_place(boss: Client) -> None:
    token, place = factories.token(auth_id="NL-TNM-C00122045-K"), factories.location(name="Depot North")
    wanted, _ = decision(token=token, location=place), decision(request_id="other")
    for term in ("nltnmc00122045", "depot north"):
        found = boss.get(url(Decision, "changelist"), {"q": term}).context["cl"].result_list
        assert [row.pk for row in found] == [wanted.pk]


@pytest.mark.parametrize("term", ["04A2B3C4D5E680", "04:a2:b3:c4", "nl-tnm-c00122045-k", "NLTNMC00122045", "CARD-77"])
def test_token_is_found_however_it_is_written(boss: Client, term: str) -> None:
    wanted = factories.token(uid="04:A2:B3:C4:D5:E6:80", auth_id="NL-TNM-C00122045-K", visual_number="CARD-77")
    factories.token()
    found = boss.get(url(Token, "changelist"), {"q": term}).context["cl"].result_list
    assert [row.pk for row in found] == [wanted.pk]


@pytest.mark.parametrize("term", ["nlgfxe77", "NL*GFX*E77", "cs-77", "Depot", "LOC77"])
def test_location_is_found_by_its_chargers(boss: Client, term: str) -> None:
    wanted = factories.location(name="Depot North", location_id="LOC77")
    factories.evse(wanted, evse_id="NL*GFX*E77")
    factories.station(wanted, identity="CS-77")
    factories.location(name="Elsewhere", location_id="OTHER")
    found = boss.get(url(Location, "changelist"), {"q": term}).context["cl"].result_list
    assert [row.pk for row in found] == [wanted.pk]


def test_history_says_who_changed_what(boss: Client, admin_user: User) -> None:
    row = factories.customer(name="Fleet A")
    Customer.objects.filter(pk=row.pk).update(blocked=True)
    page = boss.get(url(Customer, "history", row.pk))
    newest, first = page.context["entries"]
    assert newest.changes == [("blocked", "no", "yes")]
    assert (newest.label, first.label) == ("changed", "added")


def test_history_of_a_group_has_its_members(boss: Client) -> None:
    group = factories.group("customer", factories.customer(name="Fleet A"))
    page = boss.get(url(ExceptionGroup, "history", group.pk))
    assert "group member Fleet A" in [entry.what for entry in page.context["entries"]]


@pytest.mark.parametrize(
    ("published", "listed", "word"), [(True, False, "Public"), (False, True, "Private"), (False, False, "Closed")]
)
def test_location_says_whether_it_is_open(boss: Client, published: bool, listed: bool, word: str) -> None:
    place = factories.location(published=published)
    if listed:
        place.authorization_list.create(customer=factories.customer())
    page = boss.get(url(Location, "change", place.pk))
    assert page.context["notices"][0][1].startswith(f"{word}: ")
    found = boss.get(url(Location, "changelist"), {"state": word.lower()}).context["cl"].result_list
    assert [row.pk for row in found] == [place.pk]


def test_free_station_is_pointed_out(boss: Client) -> None:
    station = factories.station(authorization_required=False)
    for model, row in ((ChargeStation, station), (Location, station.location)):
        page = boss.get(url(model, "change", row.pk))
        assert any(level == "warning" and "free" in text for level, text in page.context["notices"])


def test_schedules_are_saved(boss: Client) -> None:
    from tests.portal.pages import send

    every = IntervalSchedule.objects.create(every=5, period="minutes")
    answer = send(boss, url(PeriodicTask, "add"), name="nightly", task="sweep", interval=every.pk)
    assert answer.status_code == 302
    assert PeriodicTask.objects.get().task == "sweep"


@pytest.mark.parametrize(("language", "title"), [("en", "By time"), ("de", "Nach Zeit")])
def test_filters_are_called_as_people_say(boss: Client, language: str, title: str) -> None:
    text = " ".join(boss.get(url(Decision, "changelist"), HTTP_ACCEPT_LANGUAGE=language).content.decode().split())
    assert title in text
