"""The pages of imports: a file in, a preview, a decision; scoped, and with the targets that other pages give."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from authorization.models import AuthorizationListEntry
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
