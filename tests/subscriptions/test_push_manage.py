"""Push in the management API: set up, tested, paused, resent; what is secret is shown once or never."""

from typing import Any

import pytest

from subscriptions.models import Delivery, PushEndpoint, PushEndpointEvent  # type: ignore[attr-defined]
from tests import factories
from tests.conftest import ApiClient
from tests.subscriptions.conftest import push_all
from tests.subscriptions.partner_server import OK, PartnerServer, Reply
from tests.subscriptions.test_manage import ADDRESS, partner

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(admin_api: ApiClient, server: PartnerServer) -> str:
    """The address of a subscription that is pushed tokens."""
    emsp = factories.emsp()
    body = partner(emsps=[emsp.pk], role="CPO", push_endpoints={"tokens": f"{server.url}/tokens/"}, push_token="secret")
    answer = admin_api.post(ADDRESS, body)
    assert answer.status_code == 201, answer.content
    factories.token(emsp), factories.token(emsp)
    return f"{ADDRESS}{answer.json()['id']}/"


def test_endpoints_are_set_and_secrets_shown_once(admin_api: ApiClient, server: PartnerServer) -> None:
    answer = admin_api.post(ADDRESS, partner())
    assert "signing_secret" not in answer.json()
    own = f"{ADDRESS}{answer.json()['id']}/"
    url = "https://partner.example/ocpi/tokens"
    answer = admin_api.patch(own, {"push_endpoints": {"tokens": url}})
    assert (answer.status_code, "push_endpoints" in answer.content.decode()) == (400, True)
    answer = admin_api.patch(own, {"push_endpoints": {"tokens": url}, "push_token": "secret"})
    made = answer.json()
    assert made["push_endpoints"] == {"tokens": url}
    assert made["signing_secret"].startswith("whsec_")
    (state,) = made["push"]
    assert (state["module"], state["state"], state["waiting"], state["parked"]) == ("tokens", "on", 0, 0)
    shown = admin_api.get(own).content.decode()
    assert "whsec_" not in shown
    assert "push_token" not in shown
    answer = admin_api.patch(own, {"push_endpoints": {"cdrs": "https://partner.example/cdrs"}})
    assert set(answer.json()["push_endpoints"]) == {"tokens", "cdrs"}
    assert "signing_secret" not in answer.json()
    answer = admin_api.patch(own, {"push_endpoints": {"cdrs": None, "tokens": f"{url}2"}})
    assert answer.json()["push_endpoints"] == {"tokens": f"{url}2"}
    first = admin_api.post(f"{own}signing-secret/")
    assert (first.status_code, first.json()["signing_secret"][:6]) == (201, "whsec_")
    assert PushEndpointEvent.objects.filter(url=f"{url}2").exists()
    for wrong in ({"tariffs": url}, {"tokens": "ftp://x"}, {"tokens": 7.5}, {"tokens": "https://u:p@x/"}, []):
        assert admin_api.patch(own, {"push_endpoints": wrong}).status_code == 400, wrong
    for wrong in ("x" * 65, "a b", "", None, ["a"]):
        assert admin_api.patch(own, {"push_token": wrong}).status_code == 400, wrong


def test_the_log_and_what_is_sent_again(admin_api: ApiClient, server: PartnerServer, own: str) -> None:
    server.answer = lambda request: Reply(200, OK | {"status_code": 2001, "status_message": "No such party"})
    push_all(1)
    log = admin_api.get(f"{own}deliveries/").json()
    assert log["count"] == 2
    row = log["results"][0]
    assert (row["module"], row["state"], row["attempts"]) == ("tokens", "waiting", 1)
    assert row["answer"] == "HTTP 200, status_code 2001: No such party"
    assert row["object"].count("/") == 2
    assert row["next_at"] > row["attempted_at"]
    Delivery.objects.update(state="parked")
    assert admin_api.get(f"{own}deliveries/?state=waiting").json()["count"] == 0
    assert admin_api.get(f"{own}deliveries/?state=parked&module=tokens").json()["count"] == 2
    assert admin_api.get(f"{own}deliveries/?state=lost").status_code == 400
    assert admin_api.get(own).json()["push"][0]["parked"] == 2
    server.answer = lambda request: Reply()
    assert admin_api.post(f"{own}resend/", {"deliveries": [row["id"]]}).json() == {"resent": 1}
    assert push_all() == 1
    assert admin_api.post(f"{own}resend/", {}).json() == {"resent": 1}
    assert push_all() == 1
    # What was taken in can be sent again as well, whole.
    assert admin_api.post(f"{own}resend/", {"deliveries": [row["id"]]}).json() == {"resent": 1}
    push_all()
    assert server.received[-1].method == "PUT"
    other = factories.subscription()
    assert admin_api.post(f"{ADDRESS}{other.pk}/resend/", {"deliveries": [row["id"]]}).json() == {"resent": 0}
    assert admin_api.post(f"{own}resend/", {"deliveries": "all"}).status_code == 400


def test_pause_and_resume(admin_api: ApiClient, server: PartnerServer, own: str) -> None:
    answer = admin_api.post(f"{own}pause/").json()
    assert (answer["enabled"], answer["push"][0]["state"]) == (False, "paused")
    assert push_all() == 0
    PushEndpoint.objects.update(failures=9, next_at="2099-01-01T00:00:00Z")
    answer = admin_api.post(f"{own}resume/").json()
    assert (answer["enabled"], answer["push"][0]["state"], answer["push"][0]["waiting"]) == (True, "on", 2)
    assert push_all() == 2
    admin_api.patch(own, {"enabled": False})
    PushEndpoint.objects.update(off_at="2026-01-01T00:00:00Z")
    assert admin_api.patch(own, {"enabled": True}).json()["push"][0]["state"] == "on"


def test_an_endpoint_is_tested(admin_api: ApiClient, server: PartnerServer, own: str) -> None:
    (found,) = admin_api.post(f"{own}test/").json()
    assert found == {
        "module": "tokens", "url": f"{server.url}/tokens/", "reached": True, "http": 200, "status_code": 1000,
        "answer": "HTTP 200, status_code 1000",
    }  # fmt: skip
    (request,) = server.received
    assert (request.method, request.path, request.headers["Authorization"]) == ("GET", "/tokens/", "Token secret")
    assert request.headers["webhook-signature"].startswith("v1,")
    replies: list[tuple[Any, bool]] = [(Reply(405), True), (Reply(401), False), (Reply(drop=True), False)]
    for reply, reached in replies:
        server.answer = lambda request, reply=reply: reply  # type: ignore[misc]
        (found,) = admin_api.post(f"{own}test/", {"module": "tokens"}).json()
        assert found["reached"] == reached
    assert admin_api.post(f"{own}test/", {"module": "cdrs"}).status_code == 400


def test_push_is_admins_business(client_of: Any, own: str) -> None:
    for user in (factories.manager(factories.cpo()), factories.manager(factories.emsp())):
        api = client_of(user=user)
        assert api.get(f"{own}deliveries/").status_code == 403
        for what in ("test", "resend", "pause", "resume", "signing-secret"):
            assert api.post(f"{own}{what}/").status_code == 403
