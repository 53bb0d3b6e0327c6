"""What there is about a person comes as one document, as far as who asks may see it."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest
from django.core.management import call_command

from tests import factories
from tests.conftest import ApiClient
from tests.people import canary
from tests.portal.test_admin import decision

pytestmark = pytest.mark.django_db


def asked(program: ApiClient, address: str) -> Any:
    answer = program.get(f"/api/v1/{address}/personal-data/")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    return json.loads(answer.getvalue())


def test_it_holds_all_of_it(emsp: Any, desk: Any, pushed: Any, admin_api: ApiClient) -> None:
    driver = canary.person(emsp, desk, pushed)
    shown = asked(admin_api, f"drivers/{driver.pk}")
    assert shown["about"]["driver"]["name"] == canary.NAME
    assert {row["uid"] for row in shown["tokens"]} == {canary.CARD_AS_WRITTEN, None}
    assert len(shown["authorization_lists"]) == 2
    assert len(shown["exception_groups"]) == 2
    assert len(shown["in_use"]) == 1
    assert {row["body"]["auth_id"] for row in shown["sessions_and_cdrs"]} == {canary.CONTRACT}
    assert {row["version"] for row in shown["offline_lists"]} == {2, 3}
    assert {row["status"] for row in shown["imports"]} == {"finalised", "preview"}
    assert {row["change"] for row in shown["history"]} == {"insert", "update", "delete"}
    assert len(shown["authorization_log"]) == 3


def test_a_manager_reads_what_is_the_emsps(emsp: Any, client_of: Callable[..., ApiClient]) -> None:
    """Another party's groups, and how the place's side names its questions, are not the eMSP's."""
    token = factories.token(emsp, uid=canary.CARD)
    factories.group("token", token, name="theirs", owner_cpo=factories.cpo())
    factories.group("token", token, name="ours", owner_emsp=emsp)
    decision(token=token, location=factories.location(name="Harbour"), request_id="their-own")
    decision(token=factories.token(factories.emsp()), location=factories.location())
    shown = asked(client_of(user=factories.manager(emsp)), f"tokens/{token.pk}")
    assert [row["name"] for row in shown["exception_groups"]] == ["ours"]
    (row,) = shown["authorization_log"]
    assert row["location"] == "Harbour"
    assert "request_id" not in row


def test_a_role_without_the_permission_is_refused(emsp: Any, client_of: Callable[..., ApiClient]) -> None:
    user = factories.manager(emsp)
    role = user.groups.get()
    role.permissions.remove(role.permissions.get(codename="view_erasure"))
    driver = factories.driver(factories.customer(emsp))
    assert client_of(user=user).get(f"/api/v1/drivers/{driver.pk}/personal-data/").status_code == 403


def test_by_a_command(emsp: Any) -> None:
    token = factories.token(emsp, uid=canary.CARD)
    said = io.StringIO()
    with redirect_stdout(said):
        call_command("personal_data", token=token.pk)
    assert json.loads(said.getvalue())["tokens"][0]["uid"] == canary.CARD
