"""The pages of imports: a file in, a preview, a decision; scoped, and with the targets that other pages give."""

from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from authorization.models import AuthorizationListEntry, Change, Node
from imports.models import Import
from tests import factories
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
ADD = "/admin/imports/import/add/"


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def upload(client: Client, content: str, name: str = "cards.csv", **fields: Any) -> Any:
    return client.post(ADD, fields | {"import_file": SimpleUploadedFile(name, content.encode())}, follow=True)


def page(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


def test_a_list_from_its_file_to_its_undo() -> None:
    location = factories.location(name="Depot North")
    manager = of(factories.manager(location.cpo))
    offered = page(manager.get(f"{ADD}?kind=authorization_list&location={location.pk}"))
    assert "Import into Depot North" in offered
    assert "Clear charge token list before importing" in offered
    answer = upload(
        manager, "Auth ID;Name\nNL-TNM-C00122045-K;Ann\nDE-XYZ-C1;Bob\n4.0E+12;Excel\n",
        kind="authorization_list", location=location.pk,
    )  # fmt: skip
    assert "rounded number" in page(answer)
    assert "Finalise import" in page(answer)
    assert not AuthorizationListEntry.objects.exists()
    made = Import.objects.get()
    address = f"/admin/imports/import/{made.pk}"
    assert "finalise without these rows" in page(manager.post(f"{address}/finalise/", follow=True))
    assert not AuthorizationListEntry.objects.exists()
    done = manager.post(f"{address}/finalise/", {"skip_errors": "on"}, follow=True)
    assert "In force at revision" in page(done)
    number = Change.objects.order_by("revision").last().revision  # type: ignore[union-attr]
    assert f"in force at revision {number}" in page(done)
    behind = Node.objects.create(name="behind", revision=number - 1, seen_at=timezone.now())
    assert "in force at revision" not in page(manager.get(f"{address}/change/"))
    assert f"Saved as revision {number}; chargers are answered by it in a moment" in page(
        manager.get(f"{address}/change/")
    )
    behind.delete()
    assert AuthorizationListEntry.objects.count() == 2
    assert "Undo this import?" in page(manager.get(f"{address}/undo/"))
    assert AuthorizationListEntry.objects.count() == 2
    manager.post(f"{address}/undo/", {"confirmed": "yes"})
    assert not AuthorizationListEntry.objects.exists()
    assert "undone" in page(manager.get("/admin/imports/import/"))


def test_tokens_are_shown_as_they_will_be() -> None:
    token = factories.token(uid="04A2B3C4D5E680", visual_number="1")
    manager = of(factories.manager(token.emsp))
    text = page(
        upload(manager, "uid,visual_number\n04a2b3c4d5e680,2\n04A2B3C4D5E681,3\n", kind="tokens", emsp=token.emsp_id)
    )
    assert "<del>1</del> <ins>2</ins>" in text
    made = Import.objects.get()
    assert (made.totals["new"], made.totals["changed"]) == (1, 1)
    manager.post(f"/admin/imports/import/{made.pk}/cancel/")
    assert Token.objects.count() == 1
    assert "cancelled" in page(manager.get(f"/admin/imports/import/{made.pk}/change/"))


def test_what_was_recognised_is_changed() -> None:
    emsp = factories.emsp()
    manager = of(factories.manager(emsp))
    upload(manager, "Chip ID;expires\n04A2B3C4D5E680;01/02/2027\n", kind="tokens", emsp=emsp.pk)
    made = Import.objects.get()
    said = {"encoding": "UTF-8", "separator": "semicolon", "header": "on", "date_style": "day_first"}
    said |= {"column_0": "uid", "column_1": "expires_at"}
    answer = manager.post(f"/admin/imports/import/{made.pk}/read-again/", said, follow=True)
    assert "read again" in page(answer)
    assert "2027-02-01" in page(answer)
    twice = said | {"column_1": "uid"}
    assert "read from one column" in page(
        manager.post(f"/admin/imports/import/{made.pk}/read-again/", twice, follow=True)
    )


def test_columns_without_names_are_named_in_the_browser() -> None:
    """A charger's local list has no header: IDTAG, EXPIRY_DATE, PARENT, STATUS."""
    emsp = factories.emsp()
    manager = of(factories.manager(emsp))
    content = (
        "0123456789ABCD,2031-12-31T16:00:00.000,PARENTID,Accepted\n0123456789ABCE,2031-12-31T16:00:00.000,,Blocked\n"
    )
    answer = upload(manager, content, kind="tokens", emsp=emsp.pk)
    assert "No column of this file is called" in page(answer)
    assert "Read again like this" in page(answer)
    made = Import.objects.get()
    said = {"encoding": "UTF-8", "separator": "comma", "date_style": "iso", "column_0": "uid", "column_3": "valid"}
    manager.post(f"/admin/imports/import/{made.pk}/read-again/", said, follow=True)
    made.refresh_from_db()
    assert (made.status, made.totals["new"], made.totals["errors"]) == ("preview", 2, 0)
    assert [row["after"]["valid"] for row in made.first_rows] == [True, False]
    # And with a header again, as it was.
    manager.post(f"/admin/imports/import/{made.pk}/read-again/", said | {"header": "on"}, follow=True)
    made.refresh_from_db()
    assert made.status == "refused"


@pytest.mark.parametrize("kind", ["tokens", "authorization_list", "group_members", "locations"])
def test_foreign_targets_and_imports_are_not_there(kind: str, boss: Client) -> None:
    foreign = {
        "tokens": ("emsp", factories.emsp(name="canary")),
        "authorization_list": ("location", factories.location(name="canary")),
        "group_members": ("group", factories.group("token", name="canary")),
        "locations": ("cpo", factories.cpo(name="canary")),
    }
    field, target = foreign[kind]
    manager = of(factories.manager(factories.cpo(), factories.emsp()))
    answers = [upload(manager, "auth_id\nNL-TNM-C1\n", kind=kind, **{field: pk}) for pk in (target.pk, 987_654_321)]
    for answer in answers:
        assert "canary" not in page(answer)
        assert "Select a valid choice" in page(answer)
    assert "canary" not in page(manager.get(f"{ADD}?kind={kind}&{field}={target.pk}"))
    assert not Import.objects.exists()
    upload(boss, "auth_id\nNL-TNM-C1\n", kind="authorization_list", location=foreign["authorization_list"][1].pk)
    made = Import.objects.get()
    assert "canary" not in page(manager.get("/admin/imports/import/"))
    for end in ("change", "finalise", "cancel", "undo", "errors", "read-again"):
        answer = manager.get(f"/admin/imports/import/{made.pk}/{end}/")
        assert (answer.status_code, answer.headers.get("Location")) in ((302, "/admin/"), (403, None)), end


def test_templates_have_the_columns(boss: Client) -> None:
    for query, first in (
        ("tokens", "uid,auth_id"),
        ("authorization_list", "auth_id"),
        ("group_members&category=driver", "external_id"),
    ):
        answer = boss.get(f"/admin/imports/import/template.csv?kind={query}")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        assert text.startswith(first)


def test_what_is_wrong_with_the_upload_is_said(boss: Client) -> None:
    text = page(boss.post(ADD, {"kind": "tokens"}))
    assert "This field is required" in text
    emsp = factories.emsp()
    assert "empty" in page(upload(boss, "", kind="tokens", emsp=emsp.pk))
    assert "Say into what this file goes" in page(upload(boss, "uid\n04A2B3C4\n", kind="tokens"))
    assert "No column of this file" in page(upload(boss, "a,b\n1,2\n", kind="tokens", emsp=emsp.pk))


def test_charge_tokens_are_exported_as_they_are_searched() -> None:
    mine = factories.token(auth_id="NL-TNM-C00122045-K", visual_number="=1+1")
    factories.token(mine.emsp, auth_id="DE-XYZ-C1")
    factories.token(auth_id="FR-CAN-ARY")
    manager = of(factories.manager(mine.emsp))
    assert "/admin/tokens/token/export/?q=nltnm" in page(manager.get("/admin/tokens/token/?q=nltnm"))
    assert ">xlsx<" in page(manager.get("/admin/tokens/token/export/"))
    answer = manager.post("/admin/tokens/token/export/?q=nltnm", {"format": "0"})
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert [line.split(",")[1] for line in lines] == ["auth_id", "NL-TNM-C00122045-K"]
    assert "'=1+1" in lines[1]
    everything = b"".join(manager.post("/admin/tokens/token/export/", {"format": "0"}).streaming_content)  # type: ignore[attr-defined]
    assert b"DE-XYZ-C1" in everything
    assert b"FR-CAN-ARY" not in everything
    book = manager.post("/admin/tokens/token/export/", {"format": "1"})
    assert load_workbook(BytesIO(b"".join(book.streaming_content))).active.max_row == 3  # type: ignore[attr-defined,union-attr]
    stranger = of(factories.manager(factories.cpo())).post("/admin/tokens/token/export/", {"format": "0"})
    assert len(b"".join(stranger.streaming_content).splitlines()) == 1  # type: ignore[attr-defined]


def test_lists_groups_and_parties_lead_to_their_files() -> None:
    entry = factories.listed(factories.location(), token=factories.token())
    group = factories.group("token", owner_cpo=entry.location.cpo)
    manager = of(factories.manager(entry.location.cpo, entry.token.emsp))
    for address, ways in (
        (f"/admin/locations/location/{entry.location_id}/authorization/", [
            f"/api/v1/locations/{entry.location_id}/authorization-list.csv", "authorization-list.xlsx",
            f"{ADD}?kind=authorization_list&amp;location={entry.location_id}",
        ]),
        (f"/admin/authorization/exceptiongroup/{group.pk}/members/", [
            f"/api/v1/exception-groups/{group.pk}/members.csv", "members.xlsx",
            f"{ADD}?kind=group_members&amp;group={group.pk}",
        ]),
        (f"/admin/tokens/emsp/{entry.token.emsp_id}/change/", [f"{ADD}?kind=tokens&amp;emsp={entry.token.emsp_id}"]),
        (f"/admin/locations/cpo/{entry.location.cpo_id}/change/", [
            f"{ADD}?kind=locations&amp;cpo={entry.location.cpo_id}",
        ]),
    ):  # fmt: skip
        text = page(manager.get(address))
        for way in ways:
            assert way in text, (address, way)
    other = page(of(factories.manager(factories.emsp())).get(f"/admin/locations/cpo/{entry.location.cpo_id}/change/"))
    assert ADD not in other


def test_who_manages_a_list_sees_what_came_into_it(boss: Client) -> None:
    location = factories.location(name="Depot North")
    ann, bob = factories.manager(location.cpo, username="ann"), factories.manager(location.cpo, username="bob")
    stranger = factories.manager(factories.cpo(), username="eve")
    into = {"kind": "authorization_list", "location": location.pk}
    for user, name in ((ann, "anns.csv"), (bob, "not-yet.csv")):
        upload(of(user), "Auth ID\nNL-TNM-C1\n", name, **into)
    made = Import.objects.get(file_name="anns.csv")
    of(ann).post(f"/admin/imports/import/{made.pk}/finalise/")
    query = f"?kind=authorization_list&location={location.pk}"
    shown = {user.username: page(of(user).get(ADD + query)).split('id="imports"')[1] for user in (ann, bob)}
    assert f"/{made.pk}/change/" in shown["ann"]
    assert "not-yet.csv" not in shown["ann"]
    assert f"/{made.pk}/change/" not in shown["bob"]
    assert "ann" in shown["bob"]
    # How many are external depends on whose eyes looked.
    assert (shown["ann"].count("1 new, 1 external"), shown["bob"].count("1 new, 1 external")) == (1, 1)
    assert shown["bob"].count("1 new") == 2
    assert "anns.csv" in page(boss.get(ADD + query))
    assert "anns.csv" not in page(of(stranger).get(ADD + query))
    assert of(bob).get(f"/admin/imports/import/{made.pk}/change/").status_code in (302, 403)
