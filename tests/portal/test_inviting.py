"""Inviting by API: what the page of a user does, by an Admin alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from locations.access import granted_cpos
from portal import roles
from portal.login.models import LogIn, Outcome
from tests import factories
from tests.conftest import ApiClient
from tests.isolation.world import MISSING
from tests.portal.test_letters import Broker, broker, choose, link_in  # noqa: F401 - a fixture
from tests.portal.test_login import enter
from tokens.access import granted_emsps

pytestmark = pytest.mark.django_db
USERS = "/api/v1/users/"
NEW = "another sentence 78"


def body(**more: Any) -> dict[str, Any]:
    return {"username": "bert", "email": "bert@example.org", "invite": True} | more


def test_an_invitation_with_role_and_parties(admin_api: ApiClient, broker: Broker) -> None:  # noqa: F811
    cpo, emsp = factories.cpo(), factories.emsp()
    answer = admin_api.post(USERS, body(roles=[roles.CPO_MANAGER], cpos=[cpo.pk], emsps=[emsp.pk]))
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["invited"] is True
    assert not {"invite", "language", "cpos", "emsps", "password"} & set(made)
    assert answer.headers["ETag"] == admin_api.get(f"{USERS}{made['id']}/").headers["ETag"]
    bert = User.objects.get(pk=made["id"])
    assert (bert.has_usable_password(), bert.is_staff) == (False, True)
    assert (granted_cpos(bert), granted_emsps(bert)) == ({cpo.pk}, {emsp.pk})
    noted = LogIn.objects.get(outcome=Outcome.INVITED)
    assert (noted.name, noted.by) == ("bert", User.objects.get(is_superuser=True).username)
    # No link waits in the broker.
    assert "choose-password" not in repr(broker.waiting)
    broker.work()
    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == (["bert@example.org"], "Your access to Chargeward")
    assert choose(link_in(letter)).status_code == 302
    assert enter("bert", NEW).status_code == 302


def test_the_letters_language(admin_api: ApiClient, broker: Broker) -> None:  # noqa: F811
    assert admin_api.post(USERS, body(language="de")).json()["invited"]
    broker.work()
    assert mail.outbox[0].subject == "Ihr Zugang zu Chargeward"
    assert "language" in admin_api.post(USERS, body(username="other", language="tlh")).json()["errors"]


def test_without_invite_all_is_as_before(admin_api: ApiClient, broker: Broker) -> None:  # noqa: F811
    made = admin_api.post(USERS, {"username": "bert", "password": NEW}).json()
    assert made["invited"] is False
    assert broker.waiting == []
    assert enter("bert", NEW).status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [{"email": ""}, {"password": NEW}, {"is_active": False}, {"is_staff": False}, {"cpos": [MISSING]}, {"emsps": "x"}],
    ids=str,
)
def test_what_cannot_be_invited_makes_no_user(
    admin_api: ApiClient,
    broker: Broker,  # noqa: F811
    wrong: dict[str, Any],
) -> None:
    answer = admin_api.post(USERS, body(**wrong))
    assert (answer.status_code, list(answer.json()["errors"])) == (400, list(wrong))
    assert not User.objects.filter(username="bert").exists()
    assert broker.waiting == []


def test_another_one(admin_api: ApiClient, broker: Broker) -> None:  # noqa: F811
    own = f"{USERS}{admin_api.post(USERS, body()).json()['id']}/"
    again = admin_api.post(f"{own}invite/", {"language": "de"})
    assert (again.status_code, again.json()["username"]) == (200, "bert")
    broker.work()
    first, second = (link_in(letter) for letter in mail.outbox)
    assert mail.outbox[1].subject == "Ihr Zugang zu Chargeward"
    assert choose(second).status_code == 302
    assert "used already" in choose(first).content.decode()
    # Who has a password is not invited.
    refused = admin_api.post(f"{own}invite/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_to_be_invited")
    assert admin_api.post(f"{USERS}{MISSING}/invite/", {}).status_code == 404
    assert Client().post(f"{own}invite/").status_code == 401


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": "other@example.org"}], ids=str)
def test_it_is_taken_back(admin_api: ApiClient, broker: Broker, change: dict[str, Any]) -> None:  # noqa: F811
    own = f"{USERS}{admin_api.post(USERS, body()).json()['id']}/"
    broker.work()
    assert admin_api.patch(own, change).status_code == 200
    assert choose(link_in(mail.outbox[0])).status_code == 200
    assert not User.objects.get(username="bert").has_usable_password()


def test_a_broker_that_is_away(admin_api: ApiClient, broker: Broker) -> None:  # noqa: F811
    """The user is there, and the answer says that the letter is not."""
    broker.down = True
    made = admin_api.post(USERS, body()).json()
    assert made["invited"] is False
    own = f"{USERS}{made['id']}/invite/"
    assert (admin_api.post(own, {}).status_code, admin_api.post(own, {}).json()["code"]) == (503, "unavailable")
    broker.down = False
    assert admin_api.post(own, {}).status_code == 200


@pytest.mark.parametrize("make", [factories.cpo, factories.emsp])
def test_managers_invite_nobody(
    client_of: Callable[..., ApiClient],
    broker: Broker,  # noqa: F811
    make: Callable[[], Any],
) -> None:
    """As on the page, which they do not see; whether there is such a user they do not learn."""
    party = make()
    manager = factories.manager(party)
    asked = client_of(user=manager)
    own, missing = (asked.post(f"{USERS}{pk}/invite/", {}) for pk in (manager.pk, MISSING))
    assert (own.status_code, own.content) == (403, missing.content)
    assert asked.post(USERS, body(cpos=[party.pk])).status_code == 403
    assert broker.waiting == []
