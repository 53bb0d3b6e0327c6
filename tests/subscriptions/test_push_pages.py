"""Push on a subscription's pages: set up, shown, tested, paused, sent again."""

import re

import pytest
from django.test import Client

from subscriptions.models import Delivery, PartnerAccess, Subscription
from tests import factories
from tests.subscriptions.conftest import Push, push_all
from tests.subscriptions.partner_server import OK, PartnerServer, Reply
from tests.subscriptions.test_credentials import credentials, theirs

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(factories.admin())
    return client


def at(subscription: Subscription, page: str) -> str:
    return f"/admin/subscriptions/subscription/{subscription.pk}/{page}/"


def test_push_is_set_up(boss: Client, server: PartnerServer) -> None:
    subscription = factories.subscription(modules=["tokens"])
    page = at(subscription, "push")
    assert "not enabled" in boss.get(page).content.decode()
    wrong = boss.post(page, {"tokens": "partner.example", "token": "secret"}).content.decode()
    assert "This is no address" in wrong
    assert "Give the token" in boss.post(page, {"tokens": f"{server.url}/t"}).content.decode()
    assert not subscription.endpoints.exists()
    made = boss.post(page, {"tokens": f"{server.url}/t", "token": "secret"}).content.decode()
    shown = re.search(r'value="(whsec_[^"]+)"', made)
    assert shown is not None
    assert PartnerAccess.objects.get().secret_sealed
    page_again = boss.get(page).content.decode()
    assert shown[1] not in page_again
    assert "secret&quot;" not in page_again
    assert f"{server.url}/t" in page_again
    # Without another token the one that is kept stays.
    assert boss.post(page, {"tokens": f"{server.url}/t2"}).status_code == 302
    assert subscription.endpoints.get().url.endswith("/t2")
    assert boss.get(at(subscription, "secret")).status_code == 200
    following = re.search(
        r'value="(whsec_[^"]+)"', boss.post(at(subscription, "secret"), {"confirmed": "yes"}).content.decode()
    )
    assert following is not None
    assert following[1] != shown[1]


def test_the_log_is_shown_and_sent_again(boss: Client, pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    subscription = pushed(emsp, role="CPO", only=["tokens"])
    empty = boss.get(at(subscription, "deliveries")).content.decode()
    assert "Nothing was pushed yet" in empty
    factories.token(emsp), factories.token(emsp)
    server.answer = lambda request: Reply(200, OK | {"status_code": 2001, "status_message": "<b>No</b>"})
    push_all(1)
    Delivery.objects.update(state="parked")
    page = boss.get(at(subscription, "deliveries")).content.decode()
    assert "status_code 2001: &lt;b&gt;No&lt;/b&gt;" in page
    waiting = boss.get(at(subscription, "deliveries"), {"state": "waiting"}).content.decode()
    assert "status_code 2001" not in waiting
    assert "Parked" in boss.get(at(subscription, "push")).content.decode()
    server.answer = lambda request: Reply()
    first = Delivery.objects.earliest("pk")
    assert boss.get(at(subscription, "resend")).status_code == 302
    assert Delivery.objects.filter(state="parked").count() == 2
    boss.post(at(subscription, "resend"), {"delivery": [first.pk, "x"]})
    assert list(Delivery.objects.filter(state="waiting")) == [first]
    boss.post(at(subscription, "resend"), {"all": "yes"})
    assert push_all() == 2


def test_a_test_shows_what_came_back(boss: Client, pushed: Push, server: PartnerServer) -> None:
    subscription = pushed(factories.emsp(), only=["tokens", "cdrs"])
    server.answer = lambda request: Reply(401 if "cdrs" in request.path else 404)
    assert boss.get(at(subscription, "test")).status_code == 200
    assert not server.received
    page = boss.post(at(subscription, "test"), {"confirmed": "yes"}).content.decode()
    assert "HTTP 401" in page
    assert "HTTP 404" in page
    assert page.count("not reached") == 1
    assert [request.method for request in server.received] == ["GET", "GET"]


def test_a_partner_is_paused_and_resumed(boss: Client, pushed: Push) -> None:
    emsp = factories.emsp()
    subscription = pushed(emsp, role="CPO", only=["tokens"])
    factories.token(emsp)
    for page, enabled in (("pause", False), ("resume", True)):
        before = Subscription.objects.get().enabled
        assert boss.get(at(subscription, page)).status_code == 200
        assert boss.post(at(subscription, page)).status_code == 200
        assert Subscription.objects.get().enabled == before
        assert boss.post(at(subscription, page), {"confirmed": "yes"}).status_code == 302
        assert Subscription.objects.get().enabled == enabled
        assert push_all() == int(enabled)


def test_a_partner_is_registered_with(boss: Client, server: PartnerServer) -> None:
    subscription = factories.subscription(factories.cpo(), modules=["locations"])
    page = at(subscription, "register")
    assert "Token A" in boss.get(page).content.decode()
    assert "This is no address" in boss.post(page, {"url": "partner.example", "token": "a"}).content.decode()
    assert "64 printable" in boss.post(page, {"url": f"{server.url}/versions", "token": "a b"}).content.decode()
    assert not server.received
    given = {"url": f"{server.url}/versions", "token": "token-a"}
    server.answer = lambda request: Reply(401)
    refused = boss.post(page, given).content.decode()
    assert "could not be asked, or refused" in refused
    assert "HTTP 401" in refused
    assert "token-a" not in refused
    server.answer = lambda request: Reply(
        200, OK | {"data": credentials(server, token="token-c")} if request.path.endswith("/credentials") else OK
    )
    theirs(server, "tokens", "credentials")
    assert "none of the modules" in boss.post(page, given).content.decode()
    server.answer = lambda request: Reply(
        200, OK | {"data": credentials(server, token="token-c")} if request.path.endswith("/credentials") else OK
    )
    theirs(server)
    answer = boss.post(page, given)
    assert (answer.status_code, answer.headers["Location"]) == (302, at(subscription, "push"))
    assert subscription.endpoints.get(module="locations").url.endswith("/locations")
    shown = boss.get(page).content.decode()
    assert "Registered since" in shown
    assert f"{server.url}/versions" in shown


def test_these_pages_are_admins(pushed: Push) -> None:
    subscription = pushed(factories.emsp())
    client = Client()
    client.force_login(factories.manager(factories.cpo()))
    for page in ("push", "register", "deliveries", "secret", "test", "pause", "resume", "resend"):
        assert client.get(at(subscription, page)).status_code == 403
        assert client.post(at(subscription, page), {"confirmed": "yes", "all": "yes"}).status_code == 403


def test_deleting_is_asked_about_in_words(boss: Client) -> None:
    subscription = factories.subscription(modules=["tokens"])
    question = boss.get(at(subscription, "delete")).content.decode()
    assert "refused from then on" in question
    assert "relationship" not in question
    assert boss.post(at(subscription, "delete"), {"post": "yes"}).status_code == 302
    assert not Subscription.objects.exists()
