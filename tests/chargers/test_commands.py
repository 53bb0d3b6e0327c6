"""Commands by the API and in the portal: decided, sent, answered, timed out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargers.models import AuthorizationInUse, Command, StationMessage
from chargers.services import commands
from tests import factories
from tests.chargers.conftest import Site
from tests.conftest import ApiClient
from tokens.models import Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(site: Site) -> User:
    return factories.manager(site.location.cpo)


@pytest.fixture
def give(site: Site, client_of: Callable[..., ApiClient], manager: User) -> Callable[..., Any]:
    client = client_of(user=manager)

    def post(command: str, status: int = 201, **more: Any) -> Any:
        address = f"/api/v1/charge-stations/{site.station.identity}/commands/"
        answer = client.post(address, {"command": command} | more)
        assert answer.status_code == status, answer.content
        return answer.json()

    return post


def by_card(token: Token) -> dict[str, Any]:
    return {"id_token": token.uid, "token_type": "ISO14443"}


def told() -> list[tuple[str, str]]:
    return list(StationMessage.objects.order_by("pk").values_list("type", "channel"))


def test_start_authorizes_and_stop_ends(site: Site, give: Callable[..., Any]) -> None:
    started = give("start", evse=site.evse.pk, **by_card(site.token))
    assert (started["state"], started["station"]) == ("pending", site.station.identity)
    use = AuthorizationInUse.objects.get()
    assert (use.via, use.evse, use.ended_at) == ("command", site.evse, None)
    assert told() == [("authorization_accepted", "mqtt"), ("command_start", "mqtt")]
    update, command = StationMessage.objects.order_by("pk").values_list("body", flat=True)
    assert update["data"]["status"] == "accepted"
    assert command["data"]["command"] == "start"
    assert command["data"]["id_token"] == site.token.uid
    # The card ends it as it ends one of its own.
    assert site.ask() == "deauthorized"
    give("start", evse=site.evse.pk, **by_card(site.token))
    give("stop")
    assert set(AuthorizationInUse.objects.values_list("ended_by", flat=True)) == {"presented", "command"}
    assert told()[-2:] == [("authorization_deauthorized", "mqtt"), ("command_stop", "mqtt")]


def test_a_start_that_the_decision_refuses_is_refused(site: Site, give: Callable[..., Any]) -> None:
    Token.objects.update(valid=False)
    refused = give("start", **by_card(site.token))
    assert (refused["state"], refused["detail"]) == ("refused", "TOKEN_BLOCKED")
    assert not AuthorizationInUse.objects.exists()
    assert told() == []


def test_pause_and_resume_keep_the_authorization(site: Site, give: Callable[..., Any]) -> None:
    site.ask()
    for kind, paused in (("pause", True), ("resume", False), ("toggle", True), ("toggle", False)):
        id_ = give(kind)["id"]
        message_id = str(Command.objects.get(pk=id_).message_id)
        assert not commands.answered(message_id, accepted=True, now=timezone.now(), station=987654)
        assert commands.answered(message_id, accepted=True, now=timezone.now())
        assert not commands.answered(message_id, accepted=False, now=timezone.now())
        use = AuthorizationInUse.objects.get()
        assert (use.paused, use.ended_at) == (paused, None)
    assert set(Command.objects.values_list("state", flat=True)) == {"accepted"}
    give("override_schedule", until="2026-11-22T06:00:00Z")
    assert StationMessage.objects.order_by("-pk")[0].body["data"]["until"].startswith("2026-11-22T06:00:00")


def test_time_runs_out(site: Site, give: Callable[..., Any]) -> None:
    site.ask()
    give("pause")
    assert commands.time_out(timezone.now()) == 0
    assert commands.time_out(timezone.now() + timedelta(seconds=31)) == 1
    command = Command.objects.get()
    assert command.state == "timed_out"
    assert not commands.answered(str(command.message_id), accepted=True, now=timezone.now())


def test_what_cannot_be_meant_is_said(site: Site, give: Callable[..., Any]) -> None:
    assert give("stop", 409)["code"] == "nothing_in_use"
    assert give("pause", 409)["code"] == "nothing_in_use"
    assert give("start", 400)["detail"]
    give("dance", 400)
    give("start", 400, evse=factories.evse(site.location).pk, **by_card(site.token))
    beside = factories.evse(site.location, station=site.station)
    site.ask()
    site.ask(evse_id=beside.evse_id)
    assert give("stop", 409)["code"] == "nothing_in_use"
    give("stop", evse=beside.pk)
    assert AuthorizationInUse.objects.get(ended_at=None).evse == site.evse


def test_a_token_that_the_user_does_not_see_is_not_there(site: Site, give: Callable[..., Any]) -> None:
    give("start", 400, token=site.token.pk)
    factories.directory(site.token.emsp, site.location.cpo)
    assert give("start", token=site.token.pk)["token"] == site.token.pk


def test_who_may_command(site: Site, client_of: Callable[..., ApiClient]) -> None:
    address = f"/api/v1/charge-stations/{site.station.identity}/commands/"
    site.ask()
    for scope, status in (
        ({"user": factories.manager(factories.cpo())}, 404),
        ({"user": factories.manager(factories.emsp())}, 403),
        ({"station": site.station}, 403),
        ({"cpo": site.location.cpo}, 403),
    ):
        client = client_of(**scope)
        assert client.post(address, {"command": "stop"}).status_code == status, scope
        assert client.get(address).status_code == status, scope
    assert AuthorizationInUse.objects.get().ended_at is None


def test_commands_are_listed_with_their_states(
    site: Site, give: Callable[..., Any], client_of: Callable[..., ApiClient], manager: User
) -> None:
    site.ask()
    id_ = give("pause")["id"]
    client = client_of(user=manager)
    address = f"/api/v1/charge-stations/{site.station.identity}/commands/"
    assert [row["id"] for row in client.get(address).json()["results"]] == [id_]
    assert client.get(f"{address}{id_}/").json()["state"] == "pending"


def test_the_portal_gives_commands_and_shows_what_is_in_use(site: Site, manager: User) -> None:
    browser = Client()
    browser.force_login(manager)
    page = reverse("admin:locations_chargestation_charging", args=[site.station.pk])
    assert "Nobody is authorized" in browser.get(page).content.decode()
    form = reverse("admin:locations_chargestation_command", args=[site.station.pk])
    asked = {"command": "start", "evse": site.evse.pk, "token": site.token.uid, "token_type": "ISO14443"}
    assert browser.get(form).status_code == 200
    assert browser.post(form, asked | {"token": ""}).status_code == 200  # asked again
    assert browser.post(form, asked).headers["Location"] == page
    shown = browser.get(page).content.decode()
    assert "on its way" in shown
    assert site.evse.evse_id in shown
    use = AuthorizationInUse.objects.get()
    one = reverse("admin:chargers_authorizationinuse_stop", args=[use.pk])
    assert browser.get(one).status_code == 200
    assert browser.post(one, {"confirmed": "yes"}).status_code == 302
    use.refresh_from_db()
    assert use.ended_by == "command"
    assert browser.post(one, {"confirmed": "yes"}).status_code == 302  # too late: said, and nothing happens
    assert Command.objects.count() == 2


def test_how_a_token_is_presented_is_found_out(site: Site, manager: User) -> None:
    """An Auth ID is typed as well as a Chip ID."""
    browser = Client()
    browser.force_login(manager)
    form = reverse("admin:locations_chargestation_command", args=[site.station.pk])
    token = factories.token(uid=None, auth_id="NL-TNM-C00122045-K")
    assert browser.post(form, {"command": "start", "token": token.auth_id}).status_code == 302
    assert browser.post(form, {"command": "start", "token": site.token.uid}).status_code == 302
    assert [command.state for command in Command.objects.all()] == ["pending", "pending"]


def test_a_start_that_is_refused_says_why(site: Site, manager: User) -> None:
    browser = Client()
    browser.force_login(manager)
    form = reverse("admin:locations_chargestation_command", args=[site.station.pk])
    answer = browser.post(form, {"command": "start", "token": "04BADBADBADBAD"}, follow=True)
    said = [str(message) for message in answer.context["messages"]]
    assert any("Not started." in text and "(UNKNOWN_TOKEN)" in text for text in said)
