"""Registration: tokens are exchanged, and the partner's modules found from its versions."""

from typing import Any

import pytest
from django.test import Client

from authorization.sealed import unseal
from subscriptions import services
from subscriptions.models import PartnerAccess, Subscription
from tests import factories
from tests.conftest import ApiClient
from tests.subscriptions.conftest import Make, Platform, push_all
from tests.subscriptions.partner_server import OK, PartnerServer, Reply, Request
from tests.subscriptions.shapes import block, needs_ocpi, valid
from tests.subscriptions.test_manage import ADDRESS

pytestmark = pytest.mark.django_db
MODULES = ("credentials", "locations", "tokens", "sessions", "cdrs")


def theirs(server: PartnerServer, *modules: str, version: str = "2.1.1") -> None:
    """The partner's own side: versions, their details, and everything else taken."""
    taken = server.answer

    def answer(request: Request) -> Reply:
        if request.path == "/versions":
            listed = [{"version": "2.0", "url": f"{server.url}/2.0"}, {"version": version, "url": f"{server.url}/v"}]
            return Reply(body=OK | {"data": listed})
        if request.path == "/v":
            found = [{"identifier": module, "url": f"{server.url}/v/{module}"} for module in modules or MODULES]
            return Reply(body=OK | {"data": {"version": version, "endpoints": found}})
        return taken(request)

    server.answer = answer


def credentials(server: PartnerServer, **fields: Any) -> dict[str, Any]:
    return {
        "token": "token-b", "url": f"{server.url}/versions", "party_id": "EXA", "country_code": "NL",
        "business_details": {"name": "Example"},
    } | fields  # fmt: skip


def registered(subscription: Subscription) -> bool:
    return PartnerAccess.objects.filter(subscription=subscription, registered_at__isnull=False).exists()


def test_a_partner_registers_changes_and_leaves(server: PartnerServer) -> None:
    cpo = factories.cpo(country_code="BE", party_id="BEC", name="Operator")
    subscription = factories.subscription(cpo)
    first = Platform(services.issue(subscription))
    theirs(server)
    shown = first.get("credentials/")
    assert shown.data == {
        "token": first.text, "url": "http://testserver/ocpi/versions/", "business_details": {"name": "Operator"},
        "party_id": "BEC", "country_code": "BE",
    }  # fmt: skip
    assert first.put("credentials/", credentials(server)).http == 405
    assert first.ask("delete", "2.1.1/credentials/").http == 405
    answer = first.post("credentials/", credentials(server))
    assert (answer.http, answer.code) == (200, 1000)
    second = Platform(answer.data["token"])
    assert first.get("credentials/").http == 401
    assert second.get("credentials/").data == answer.data
    # An eMSP is pushed what it receives; its tokens are for asking.
    assert {row.module: row.url for row in subscription.endpoints.all()} == {
        module: f"{server.url}/v/{module}" for module in ("locations", "sessions", "cdrs")
    }
    assert [request.headers["Authorization"] for request in server.received] == ["Token token-b"] * 2
    factories.location(cpo)
    assert push_all() == 1
    assert server.received[-1].headers["Authorization"] == "Token token-b"
    assert second.post("credentials/", credentials(server)).http == 405
    answer = second.put("credentials/", credentials(server, token="token-d"))
    third = Platform(answer.data["token"])
    assert (second.get("").http, third.get("").http) == (401, 200)
    assert unseal(PartnerAccess.objects.get().token_sealed) == "token-d"
    # What was told before is not forgotten.
    assert push_all() == 0
    assert third.ask("delete", "2.1.1/credentials/").code == 1000
    assert third.get("").http == 401
    assert (registered(subscription), subscription.endpoints.exists()) == (False, False)


def test_a_cpo_is_pushed_tokens(server: PartnerServer, partner: Make) -> None:
    emsp = factories.emsp(country_code="NL", party_id="TNM")
    theirs(server)
    platform = partner(emsp, role="CPO", modules=["tokens"])
    answer = platform.post("credentials", credentials(server))
    assert (answer.data["country_code"], answer.data["party_id"]) == ("NL", "TNM")
    assert [row.module for row in Subscription.objects.get().endpoints.all()] == ["tokens"]


def test_a_partners_side_that_does_not_do(server: PartnerServer, partner: Make, settings: Any) -> None:
    platform = partner(factories.cpo(), modules=["locations"])
    cases: list[tuple[Any, int]] = [
        (lambda: theirs(server, version="2.2"), 3002),
        (lambda: theirs(server, "credentials", "tokens"), 3003),
        (lambda: setattr(server, "answer", lambda request: Reply(401)), 3001),
        (lambda: setattr(server, "answer", lambda request: Reply(drop=True)), 3001),
        (lambda: setattr(server, "answer", lambda request: Reply(body=OK | {"data": {"version": 1}})), 3001),
        (lambda: setattr(server, "answer", lambda request: Reply(body=b"<html>")), 3001),
        (lambda: setattr(settings, "PUSH_ALLOWED_NETWORKS", []), 3001),
    ]
    for prepare, code in cases:
        server.answer = lambda request: Reply()
        prepare()
        answer = platform.post("credentials/", credentials(server))
        assert (answer.http, answer.code) == (200, code)
    assert platform.get("credentials/").http == 200
    assert not PartnerAccess.objects.exists()
    assert not Subscription.objects.get().endpoints.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"token": None}, {"token": "x" * 65}, {"token": "a b"}, {"url": "x"}, {"url": "ftp://a"}, {"url": 7},
     {"business_details": None}, {"business_details": "Name"}, {"business_details": {}}, {"party_id": "EXAM"},
     {"country_code": "NLD"}],
)  # fmt: skip
def test_what_are_no_credentials(server: PartnerServer, partner: Make, wrong: dict[str, Any]) -> None:
    answer = partner().post("credentials/", credentials(server, **wrong))
    assert (answer.http, answer.code, server.received) == (200, 2001, [])


@needs_ocpi
def test_the_texts_own_credentials(server: PartnerServer, partner: Make) -> None:
    theirs(server)
    platform = partner(all_cpos=True)
    valid(platform.get("credentials/").data, "credentials")
    body = block("credentials_L95") | {"url": f"{server.url}/versions"}
    answer = platform.post("credentials/", body)
    assert answer.code == 1000
    valid(answer.data, "credentials")
    assert answer.data["party_id"] == "CHW"


def test_we_register_with_a_partner(server: PartnerServer, admin_api: ApiClient) -> None:
    subscription = factories.subscription(factories.cpo())
    old = Platform(services.issue(subscription))
    asked: list[int] = []

    def taken(request: Request) -> Reply:
        if request.path.endswith("/credentials"):
            asked.append(1)
            return Reply(body=OK | {"data": credentials(server, token="token-c")})
        return Reply()

    server.answer = taken
    theirs(server)
    address = f"{ADDRESS}{subscription.pk}/register/"
    answer = admin_api.post(address, {"url": f"{server.url}/versions", "token": "token-a"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["registered_at"] is not None
    assert set(answer.json()["push_endpoints"]) == {"locations", "sessions", "cdrs"}
    post = server.received[-1]
    assert (post.method, post.headers["Authorization"]) == ("POST", "Token token-a")
    assert Platform(post.body["token"]).ask("get", "versions").http == 200
    assert old.ask("get", "versions").http == 401
    assert unseal(PartnerAccess.objects.get().token_sealed) == "token-c"
    assert len(asked) == 1


def test_platforms_want_their_token_in_either_way_before_a_version_is_agreed(
    server: PartnerServer, admin_api: ApiClient
) -> None:
    """Some take what is no Base64 for an error as long as they do not know what we speak."""
    subscription = factories.subscription(factories.cpo())
    plain = "Token token-a"

    def taken(request: Request) -> Reply:
        return Reply(body=OK | {"data": credentials(server, token="token-c")})

    server.answer = taken
    theirs(server)
    known = server.answer
    server.answer = lambda request: (
        Reply(200, OK | {"status_code": 3000})
        if request.path == "/versions" and request.headers["Authorization"] == plain
        else known(request)
    )
    answer = admin_api.post(
        f"{ADDRESS}{subscription.pk}/register/", {"url": f"{server.url}/versions", "token": "token-a"}
    )
    assert answer.status_code == 200, answer.content
    assert [request.headers["Authorization"] for request in server.received] == [
        plain, services.authorization("token-a", "2.2.1")["Authorization"], plain, plain,
    ]  # fmt: skip


def test_a_partner_that_does_not_register_us(server: PartnerServer, admin_api: ApiClient) -> None:
    subscription = factories.subscription(factories.cpo())
    old = Platform(services.issue(subscription))
    server.answer = lambda request: Reply(200, OK | {"status_code": 2001, "status_message": "Who are you?"})
    theirs(server)
    address = f"{ADDRESS}{subscription.pk}/register/"
    answer = admin_api.post(address, {"url": f"{server.url}/versions", "token": "token-a"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ocpi_3001")
    assert "Who are you?" in answer.json()["detail"]
    assert old.ask("get", "versions").http == 200
    assert subscription.tokens.count() == 1
    assert admin_api.post(address, {"url": "x", "token": "token-a"}).status_code == 400
    assert Client().post(address).status_code in (401, 403)
