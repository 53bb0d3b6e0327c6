"""A person is erased: looked for in every table before and after, and in the files of a node."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from authorization.models import AuthorizationListEntry, ChangedKeys, Decision
from authorization.sealed import pseudonym
from chargers.models import LocalList, StationMessage
from imports.models import Import
from people import erase as erasing
from people import finish as finishing
from people import tasks
from people.erase import Busy, erase
from people.finish import finish
from people.models import Erasure
from subscriptions.models import Relayed
from tests import factories
from tests.authorization.served_copy import end_change, served_copy
from tests.conftest import ApiClient
from tests.people import canary
from tests.portal.test_admin import decision
from tests.refusals import sql
from tokens.models import Driver, Token

pytestmark = pytest.mark.django_db
PLACES = {
    "tokens_token", "tokens_tokenevent", "tokens_driver", "tokens_driverevent", "authorization_groupmember",
    "authorization_groupmemberevent", "authorization_authorizationlistentry",
    "authorization_authorizationlistentryevent", "authorization_changedkeys", "chargers_authorizationinuse",
    "chargers_locallist", "subscriptions_relayed", "subscriptions_delivery", "imports_import", "django_admin_log",
    "staged imports_rows", "file", "sealed",
}  # fmt: skip


def test_nothing_is_found_afterwards(emsp: Any, desk: Any, pushed: Any) -> None:
    driver = canary.person(emsp, desk, pushed)
    end_change()
    before = canary.found()
    assert set(before) >= PLACES, PLACES - set(before)
    assert any(table.startswith("authorization_decision") for table in before)
    numbers = {table: sql(f"SELECT count(*) FROM {table}")[0][0] for table in ("authorization_decision",)}
    events = sql("SELECT count(*) FROM tokens_tokenevent")[0][0]

    record = erase(driver, None, timezone.now())
    assert canary.open_uses() == 0
    assert StationMessage.objects.filter(type="authorization_deauthorized", delivered_at=None).count() == 1
    # Who has yet to hear: nodes, the station, the partner.
    rest = {"authorization_changedkeys", "chargers_stationmessage", "subscriptions_delivery"}
    told_of = {"chargers_authorizationinuse", "people_erasure"}  # by the transaction's number; keyed hashes
    assert set(canary.found()) <= rest | told_of
    assert finish(timezone.now()) == 0

    canary.everybody_has_heard()
    assert finish(canary.later()) == 1
    assert canary.found() == {}
    record.refresh_from_db()
    assert record.pending is None
    assert record.counts["tokens_token"] == 2
    assert record.counts["authorization_decision"] == 3
    # What is counted stays.
    assert sql("SELECT count(*) FROM authorization_decision")[0][0] == numbers["authorization_decision"]
    assert sql("SELECT count(*) FROM tokens_tokenevent")[0][0] == events + 2  # that they were deleted
    assert set(Decision.objects.values_list("token", "token_pseudonym", "request_id")) == {(None, "", "")}
    assert Decision.objects.exclude(location=None).count() == 2
    assert {row.body["kwh"] for row in Relayed.objects.filter(use=None)} == {7.5}
    assert not AuthorizationListEntry.objects.exists()
    assert set(Import.objects.values_list("status", flat=True)) == {"finalised", "cancelled"}


def test_what_nobody_comes_for_goes_in_the_end(emsp: Any, desk: Any, pushed: Any, server: Any) -> None:
    driver = canary.person(emsp, desk, pushed)
    erase(driver, None, timezone.now())
    assert finish(canary.later()) == 0
    assert canary.unfinished() == 1
    assert finish(timezone.now() + finishing.LONGEST + timedelta(minutes=1)) == 1
    assert canary.found() == {}


def test_a_node_that_makes_its_copy_anew_has_nothing_left(emsp: Any, tmp_path: Path) -> None:
    """The copy in use loses the person with the next look; its file, with the copy that `finish` asks for."""
    driver = factories.driver(factories.customer(emsp), name=canary.NAME)
    factories.token(driver=driver, uid=canary.CARD, auth_id=canary.CONTRACT)
    for name in ("copy", "anew"):
        (tmp_path / name).mkdir()
    with served_copy(tmp_path / "copy") as copy:
        assert canary.files(tmp_path)
        erase(driver, None, timezone.now())
        assert copy.catch_up()
        assert not any(canary.CARD.encode() in key + value for key, value in copy.documents().items())
        copy.close()
        copy.folder = tmp_path / "anew"
        copy.make_anew()
        assert canary.files(tmp_path / "anew") == []


def test_a_shared_contract_stays_with_the_other(emsp: Any) -> None:
    one, other = (factories.driver(factories.customer(emsp)) for _ in range(2))
    gone = factories.token(driver=one, uid="04AA01", auth_id=canary.CONTRACT)
    stays = factories.token(driver=other, uid="04AA02", auth_id=canary.CONTRACT)
    entry = factories.listed(factories.location(), token=gone)
    decision(token=stays, token_pseudonym=pseudonym(canary.CONTRACT_NORMAL))
    erase(one, None, timezone.now())
    entry.refresh_from_db()
    assert (entry.token_id, entry.auth_id) == (stays.pk, stays.auth_id_normal)
    assert Decision.objects.get().token == stays


def test_an_erased_card_charges_nowhere(emsp: Any, client_of: Callable[..., ApiClient]) -> None:
    """Not even where its Auth ID was on the list, which closes instead of opening."""
    token = factories.token(emsp, uid=canary.CARD, auth_id=canary.CONTRACT)
    place = factories.location()
    factories.listed(place, token=token)
    program = client_of(cpo=place.cpo)

    def reason(**what: str) -> str:
        answer = program.post("/api/v1/authorize", what | {"location_id": place.location_id})
        return str(answer.json()["reason"])

    assert reason(id_token=canary.CARD) == "ALLOWED"
    erase(token, None, timezone.now())
    assert reason(id_token=canary.CARD) == "UNKNOWN_TOKEN"
    assert reason(id_token=canary.CONTRACT, token_type="e_maid") == "UNKNOWN_TOKEN"
    assert not Token.objects.exists()
    place.refresh_from_db()
    assert not place.published


def test_a_card_that_comes_again_is_a_new_one(emsp: Any, desk: Any) -> None:
    token = factories.token(emsp, uid=canary.CARD, auth_id=canary.CONTRACT)
    erase(token, None, timezone.now())
    again = desk.upload(canary.FILE.replace(canary.EXTERNAL_ID, ""), emsp=emsp)
    assert (again["totals"]["new"], again["totals"]["changed"]) == (1, 0)


def test_a_station_gets_its_whole_list_again(emsp: Any) -> None:
    token = factories.token(emsp, uid=canary.CARD)
    station = factories.station()
    for version in (4, 5):
        LocalList.objects.create(
            station=station, version=version, made_at=timezone.now(),
            entries={f"RFID:{canary.CARD}": [canary.CARD, None], "RFID:04AA": ["04AA", None]},
        )  # fmt: skip
    erase(token, None, timezone.now())
    (kept,) = LocalList.objects.all()
    assert (kept.version, list(kept.entries)) == (6, ["RFID:04AA"])


def test_late_rows_of_the_log_are_found_later(emsp: Any) -> None:
    token = factories.token(emsp, uid=canary.CARD)
    at = timezone.now()
    erase(token, None, at)
    decision(token_id=token.pk, token_pseudonym=pseudonym(canary.CARD), decided_at=at - timedelta(seconds=1))
    # Somebody presents it again: that is a new matter, and one of an unknown card.
    decision(token_pseudonym=pseudonym(canary.CARD), decided_at=at + timedelta(seconds=1))
    assert finish(canary.later()) == 1
    assert [row.token_pseudonym for row in Decision.objects.order_by("decided_at")] == ["", pseudonym(canary.CARD)]


def test_it_waits_for_an_import_that_is_under_way(emsp: Any) -> None:
    token = factories.token(emsp)
    Import.objects.create(kind="tokens", emsp=emsp, file_name="x.csv", size=1, status="staging")
    with pytest.raises(Busy):
        erase(token, None, timezone.now())
    assert Token.objects.filter(pk=token.pk).exists()
    assert not Erasure.objects.exists()


def test_nodes_that_have_not_followed_read_all_anew(emsp: Any) -> None:
    token = factories.token(emsp, uid=canary.CARD)
    erase(token, None, timezone.now())
    assert ChangedKeys.objects.filter(keys__contains=[f"RFID:{canary.CARD}"]).exists()
    tasks.finish()
    assert ChangedKeys.objects.filter(keys__contains=[f"RFID:{canary.CARD}"]).exists()
    finish(canary.later())
    assert not ChangedKeys.objects.filter(keys__contains=[f"RFID:{canary.CARD}"]).exists()
    assert ChangedKeys.objects.filter(kind="uid", keys=None).exists()


def test_the_log_is_asked_by_its_indexes(emsp: Any) -> None:
    """However long the log is, a person's rows are found without a walk through it."""
    sql(
        "INSERT INTO authorization_decision (request_id, decided_at, caller, token_type, token_id, token_pseudonym,"
        " presented_sealed, place, accepted, reason, revision, source)"
        " SELECT 'r', now() - interval '1 hour', 'c', 'ISO14443', 1000000 + n %% 5000, md5((n %% 5000)::text), '', 'p',"
        " true, 'ALLOWED', 1, 'cache' FROM generate_series(1, 20000) n"
    )
    sql("ANALYZE authorization_decision")
    cards = [1_000_000 + n for n in range(1000)]
    with CaptureQueriesContext(connection) as queries:
        assert erasing.disconnect(cards, ["0" * 32], timezone.now()) == 4000
    seen = [query["sql"] for query in queries.captured_queries]
    assert len(seen) == 2
    for statement in seen:
        plan = "\n".join(row[0] for row in sql("EXPLAIN " + statement.replace("%", "%%")))
        # The partition of no week is empty.
        assert "Seq Scan on authorization_decision_20" not in plan, plan[:2000]


class Pages:
    """The portal, for one user."""

    def __init__(self, *parties: Any) -> None:
        self.user = factories.manager(*parties) if parties else factories.admin()
        self.browser = Client()
        self.browser.force_login(self.user)

    def ask(self, obj: Any, page: str, **post: str) -> Any:
        address = reverse(f"admin:tokens_{obj._meta.model_name}_{page}", args=[obj.pk])
        return self.browser.post(address, post) if post else self.browser.get(address)


def test_in_the_portal_it_says_what_it_will_do(emsp: Any) -> None:
    driver = factories.driver(factories.customer(emsp), name=canary.NAME)
    token = factories.token(driver=driver, uid=canary.CARD)
    factories.group("driver", driver, name=f"Not {canary.NAME}")
    pages = Pages(emsp)
    shown = pages.ask(driver, "change").content.decode()
    assert reverse("admin:tokens_driver_erase", args=[driver.pk]) in shown
    assert reverse("admin:tokens_driver_personal_data", args=[driver.pk]) in shown
    text = pages.ask(driver, "erase").content.decode()
    assert "1 charge token" in text
    assert f"Not {canary.NAME}" in text
    assert Driver.objects.filter(pk=driver.pk).exists()
    answer = pages.ask(driver, "erase", confirmed="yes")
    record = Erasure.objects.get()
    assert answer.headers["Location"] == reverse("admin:people_erasure_change", args=[record.pk])
    assert (record.by, record.by_name, record.emsp) == (pages.user, pages.user.username, emsp)
    assert not Token.objects.filter(pk=token.pk).exists()
    told = pages.browser.get(answer.headers["Location"]).content.decode()
    assert "tokens_driver: 1" in told
    assert ">waits until nodes, stations and partners have heard of it<" in "".join(told.split("\n")).replace("  ", "")


def test_it_is_for_who_manages_the_emsp(emsp: Any, client_of: Callable[..., ApiClient]) -> None:
    cpo = factories.cpo()
    factories.directory(emsp, cpo)
    driver = factories.driver(factories.customer(emsp))
    for parties, status in (([cpo], 403), ([factories.emsp()], 302)):
        pages = Pages(*parties)
        for page, post in (("personal_data", {}), ("erase", {}), ("erase", {"confirmed": "yes"})):
            assert pages.ask(driver, page, **post).status_code == status
        program = client_of(user=pages.user)
        refused = 403 if status == 403 else 404
        assert program.get(f"/api/v1/drivers/{driver.pk}/personal-data/").status_code == refused
        assert program.post(f"/api/v1/drivers/{driver.pk}/erase/", {"confirm": True}).status_code == refused
    assert Driver.objects.filter(pk=driver.pk).exists()


def test_by_the_api(emsp: Any, client_of: Callable[..., ApiClient]) -> None:
    token = factories.token(emsp, uid=canary.CARD)
    program = client_of(user=factories.manager(emsp))
    address = f"/api/v1/tokens/{token.pk}/erase/"
    for body in ({}, {"confirm": False}):
        assert program.post(address, body).status_code == 400
    Import.objects.create(kind="tokens", emsp=emsp, file_name="x.csv", size=1, status="staging")
    busy = program.post(address, {"confirm": True})
    assert (busy.status_code, busy.json()["code"]) == (409, "busy")
    Import.objects.all().delete()
    done = program.post(address, {"confirm": True})
    assert done.status_code == 200
    assert done.json()["counts"]["tokens_token"] == 1
    (listed,) = program.get("/api/v1/erasures/").json()["results"]
    assert listed["id"] == done.json()["id"]
    assert client_of(user=factories.manager(factories.emsp())).get("/api/v1/erasures/").json()["count"] == 0


def test_by_a_command(emsp: Any, capsys: pytest.CaptureFixture[str]) -> None:
    token = factories.token(emsp, uid=canary.CARD)
    call_command("personal_data", token=token.pk, erase=True)
    assert Token.objects.filter(pk=token.pk).exists()
    call_command("personal_data", token=token.pk, erase=True, yes=True)
    assert not Token.objects.filter(pk=token.pk).exists()
    assert "tokens_token: 1" in capsys.readouterr().out
