"""The steps of an import: who may take them, when, and what they leave behind."""

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT

from authorization.models import AuthorizationListEntry
from imports import services, staging, tasks, work
from imports.models import FilePart, Import
from imports.staging import Tables
from tests import factories
from tests.imports.conftest import PATH, Desk, counts, problems, revision
from tests.isolation.world import MISSING
from tests.threads import together
from tokens.models import Token

pytestmark = pytest.mark.django_db
FEW = "uid,auth_id\n0401,\n0402,NL-TNM-2\n"


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_changes_nothing(desk: Desk, emsp: Any) -> None:
    desk.bring(FEW, emsp=emsp)
    before, rows = revision(), list(Token.objects.order_by("pk").values())
    again = desk.upload(FEW.upper(), emsp=emsp)
    assert counts(again) == {"unchanged": 2}
    assert desk.finalise(again)["revision"] == before
    assert (revision(), list(Token.objects.order_by("pk").values())) == (before, rows)


def test_the_same_list_twice_changes_nothing(desk_of: Callable[..., Desk]) -> None:
    place = factories.location()
    keeper = desk_of(place.cpo)
    keeper.bring("A1\nB2\n", "authorization_list", location=place)
    before, entries = revision(), list(AuthorizationListEntry.objects.values())
    again = keeper.bring("auth_id\na-1\nb2\n", "authorization_list", location=place, clear=True)
    assert counts(again) == {"unchanged": 2}
    assert (revision(), list(AuthorizationListEntry.objects.values())) == (before, entries)


def test_foreign_targets_and_imports_are_missing_ones(desk: Desk, emsp: Any, desk_of: Callable[..., Desk]) -> None:
    own = desk.upload(FEW, emsp=emsp)
    stranger = desk_of(factories.emsp(), factories.cpo())
    for kind, name, target in (
        ("tokens", "emsp", emsp),
        ("authorization_list", "location", factories.location()),
        ("group_members", "group", factories.group("token", owner_emsp=emsp)),
        ("locations", "cpo", factories.cpo()),
    ):
        answers = [stranger.upload(FEW, kind, 400, **{name: pk}) for pk in (target.pk, MISSING)]
        assert str(answers[0]).replace(str(target.pk), "ID") == str(answers[1]).replace(str(MISSING), "ID")
    for step in ("finalise", "cancel", "undo"):
        assert stranger.step(own, step, 404) == stranger.step({"id": MISSING}, step, 404)
    assert stranger.get(own, 404) == stranger.get({"id": MISSING}, 404)
    assert stranger.patch(own, 404, clear=False) == stranger.patch({"id": MISSING}, 404, clear=False)
    assert stranger.client.get(f"{PATH}{own['id']}/errors.csv").status_code == 404
    assert stranger.client.get(PATH).json()["count"] == 0
    # A colleague of the same eMSP has imports of his own.
    desk_of(emsp).get(own, 404)
    assert desk_of().get(own)["owner"]


def test_a_target_that_is_taken_away_takes_its_imports_along(desk: Desk, emsp: Any) -> None:
    from guardian.models import UserObjectPermission

    body = desk.upload(FEW, emsp=emsp)
    UserObjectPermission.objects.all().delete()
    desk.finalise(body, 404)


def test_a_role_says_what_may_be_imported(client_of: Callable[..., Any], emsp: Any) -> None:
    user = factories.manager(emsp)
    user.groups.clear()
    Desk(client_of(user=user)).upload(FEW, expect=403, emsp=emsp)


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": "tokens"}, {"kind": "colours", "emsp": 1}, {"kind": "tokens", "location": 1}],
)
def test_an_upload_says_what_it_is(desk: Desk, body: dict[str, Any]) -> None:
    file = SimpleUploadedFile("a.csv", FEW.encode())
    answer = desk.client.post(PATH, body | {"file": file}, content_type=MULTIPART_CONTENT)
    assert answer.status_code == 400
    assert desk.client.post(PATH, {"kind": "tokens"}).status_code == 415


def test_too_large_a_file_is_refused_unread(desk: Desk, emsp: Any, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 10
    desk.upload(FEW, expect=400, emsp=emsp)
    settings.IMPORT_MAX_BYTES = -2_000_000
    desk.upload(FEW, expect=413, emsp=emsp)
    assert not Import.objects.exists()


def test_cancelling_leaves_nothing_but_the_fact(desk: Desk, emsp: Any) -> None:
    body = desk.upload(FEW, emsp=emsp)
    assert desk.step(body, "cancel")["status"] == "cancelled"
    assert not FilePart.objects.exists()
    assert not staging.whole(Tables.of(Import.objects.get()), 2)
    desk.finalise(body, 409)
    desk.step(body, "cancel", 409)
    desk.patch(body, 409, clear=False)
    assert not Token.objects.exists()


def test_what_is_finalised_is_over(desk: Desk, emsp: Any) -> None:
    body = desk.bring(FEW, emsp=emsp)
    for step in ("cancel", "undo"):
        desk.step(body, step, 409)
    before = revision()
    assert desk.finalise(body) == desk.get(body), "asking again changes nothing"
    assert revision() == before
    history = desk.client.get(PATH).json()["results"]
    assert [(each["id"], each["status"], each["totals"]["new"]) for each in history] == [(body["id"], "finalised", 2)]
    assert history[0]["owner"]
    assert history[0]["finalised_at"]


def test_rows_that_a_crash_took_are_read_again(desk: Desk, emsp: Any) -> None:
    body = desk.upload(FEW, emsp=emsp)
    staging.run(f"TRUNCATE {Tables.of(Import.objects.get()).rows}")
    desk.finalise(body)
    assert Token.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_imports_into_one_list_happen_one_after_the_other(desk_of: Callable[..., Desk]) -> None:
    place = factories.location()
    keeper = desk_of(place.cpo)
    files = [
        keeper.upload("".join(f"{name}{n}\n" for n in range(50)), "authorization_list", location=place, clear=True)
        for name in ("A", "B")
    ]
    assert together(*(lambda file=file: keeper.finalise(file) for file in files)) == [None, None]
    names = set(AuthorizationListEntry.objects.values_list("auth_id", flat=True))
    assert len(names) == 50
    assert len({name[0] for name in names}) == 1


@pytest.mark.django_db(transaction=True)
def test_finalising_twice_at_once_is_finalising_once(desk: Desk, emsp: Any) -> None:
    body = desk.upload(FEW, emsp=emsp)
    assert together(*[lambda: desk.client.post(f"{PATH}{body['id']}/finalise/", {})] * 2) == [None, None]
    assert desk.get(body)["status"] == "finalised"
    assert Token.objects.count() == 2


def test_an_admin_deletes(desk: Desk, emsp: Any, desk_of: Callable[..., Desk]) -> None:
    body = desk.bring(FEW, emsp=emsp)
    assert desk.client.delete(f"{PATH}{body['id']}/").status_code == 403
    assert desk_of().client.delete(f"{PATH}{body['id']}/").status_code == 204
    assert not Import.objects.exists()
    assert not staging.whole(Tables(f"imports_rows_{body['id']}", "", ""), 2)
    assert Token.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_lost_task_is_found(desk: Desk, emsp: Any, settings: Any) -> None:
    body = desk.upload("uid\n" + "".join(f"04{n:012X}\n" for n in range(40_000)), emsp=emsp)
    assert body["status"] == "staging"
    of = Import.objects.get()
    Import.objects.update(touched_at="2999-01-01T00:00Z")
    assert tasks.look_after() == 0, "its task was sent a moment ago"
    Import.objects.update(touched_at="2026-01-01T00:00Z")
    assert tasks.look_after() == 1
    with work.claimed(of.pk) as mine:
        assert mine
        assert together(lambda: _expect_nobody(of)) == [None], "somebody works on it"
    work.work_on(of.pk)
    assert desk.get(body)["status"] == "preview"
    assert tasks.look_after() == 0


def _expect_nobody(of: Import) -> None:
    assert services.look_after(of) is False


@pytest.mark.django_db(transaction=True)
def test_what_never_comes_to_its_end_is_given_up(desk: Desk, emsp: Any) -> None:
    body = desk.upload("uid\n" + "".join(f"04{n:012X}\n" for n in range(40_000)), emsp=emsp)
    Import.objects.update(attempts=99, touched_at="2026-01-01T00:00Z")
    assert tasks.look_after() == 0
    assert desk.get(body)["status"] == "failed"


def test_old_imports_keep_their_history_alone(desk: Desk, emsp: Any) -> None:
    done, left = desk.bring(FEW, emsp=emsp), desk.upload(FEW, emsp=emsp)
    assert tasks.forget() == 0
    Import.objects.update(touched_at="2026-01-01T00:00Z")
    assert tasks.forget() == 2
    assert not FilePart.objects.exists()
    assert (desk.get(done)["status"], desk.get(left)["status"]) == ("finalised", "cancelled")


def test_errors_come_as_a_file(desk: Desk, emsp: Any) -> None:
    body = desk.upload('uid,valid\n=1+1,\n0401,"@x"\n', emsp=emsp)
    answer = desk.client.get(f"{PATH}{body['id']}/errors.csv")
    text = answer.getvalue().decode("utf-8-sig")
    assert text.splitlines()[0] == "row,column,value,message"
    assert [line.split(",")[:3] for line in text.splitlines()[1:]] == [["2", "uid", "'=1+1"], ["3", "valid", "'@x"]]
    assert len(problems(body)) == 2


EVIL = "=cmd|' /C calc'!A0"


def test_exports_are_safe_and_come_back_in(desk: Desk, emsp: Any) -> None:
    driver = factories.driver(factories.customer(emsp, external_id="-1"), external_id="D1")
    factories.token(driver=driver, auth_id="NL-TNM-1", issuer=EVIL, visual_number="+49", uid="0401")
    factories.token(auth_id="FOREIGN")
    text = desk.client.get("/api/v1/tokens.csv").getvalue().decode("utf-8-sig")
    assert "FOREIGN" not in text
    assert f"'{EVIL}" in text
    assert not any(
        cell.startswith(("=", "+", "-", "@")) for cell in text.replace('"', "").replace("\r\n", ",").split(",")
    )
    assert counts(desk.upload(text, emsp=emsp)) == {"unchanged": 1}
    book = openpyxl.load_workbook(io.BytesIO(desk.client.get("/api/v1/tokens.xlsx").getvalue()))
    row = [cell.value for cell in list(book.active.rows)[1]]
    assert [row[0], row[4]] == ["0401", f"'{EVIL}"]
    assert all(cell.data_type != "f" for row in book.active.rows for cell in row)
    assert desk.client.get("/api/v1/tokens.csv?emsp=987654321").getvalue().decode().count("\n") == 1
    assert desk.client.get("/api/v1/tokens.csv?type=colour").status_code == 400


def test_lists_and_members_go_out(desk: Desk, emsp: Any, desk_of: Callable[..., Desk]) -> None:
    place = factories.location()
    keeper = desk_of(place.cpo)
    keeper.bring("nl-tnm-1\n=X\n", "authorization_list", location=place)
    factories.token(emsp, auth_id="NL-TNM-1")
    path = f"/api/v1/locations/{place.pk}/authorization-list"
    assert keeper.client.get(f"{path}.csv").getvalue().decode("utf-8-sig").split() == ["auth_id", "nl-tnm-1", "'=X"]
    assert keeper.client.get(f"{path}.xlsx").status_code == 200
    assert desk.client.get(f"{path}.csv").status_code == 404
    group = factories.group("customer", factories.customer(emsp, external_id="C1"), owner_emsp=emsp)
    path = f"/api/v1/exception-groups/{group.pk}/members"
    assert desk.client.get(f"{path}.csv").getvalue().decode("utf-8-sig").split() == ["external_id", "C1"]
    assert keeper.client.get(f"{path}.csv").status_code == 404
    places = factories.group("location", place, owner_cpo=place.cpo)
    text = keeper.client.get(f"/api/v1/exception-groups/{places.pk}/members.csv").getvalue().decode("utf-8-sig")
    assert text.split() == ["location_id,cpo", f"{place.location_id},{place.cpo.code}"]
