"""OCPI 2.2.1 beside 2.1.1: the same objects and the same decision, in its words."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from authorization.models import Decision
from locations.models import EVSE, Location
from subscriptions import services
from subscriptions.models import PartnerAccess, Role, Subscription
from subscriptions.push import endpoints
from tests import factories
from tests.conftest import ApiClient
from tests.subscriptions.conftest import Make, Platform, push_all
from tests.subscriptions.partner_server import OK, PartnerServer, Reply, Request
from tests.subscriptions.test_manage import ADDRESS
from tokens.models import Token, TokenType

pytestmark = pytest.mark.django_db
V = "2.2.1"
ROLE = {"role": "EMSP", "party_id": "EXA", "country_code": "NL", "business_details": {"name": "Example"}}


@pytest.fixture
def partner221(partner: Make) -> Make:
    return lambda *parties, **fields: partner(*parties, **fields).speaking(V)


def card(uid: str = "012345678A", **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "NL", "party_id": "TNM", "uid": uid, "type": "RFID", "contract_id": "DE8ACC12E46L89",
        "issuer": "TheNewMotion", "valid": True, "whitelist": "ALLOWED", "last_updated": "2015-06-29T22:39:09Z",
    } | fields  # fmt: skip


def test_endpoints_say_their_side(partner221: Make) -> None:
    base = "http://testserver/ocpi/2.2.1"
    everything = ["credentials", "locations", "tokens"]
    for role, more in ((Role.CPO, []), (Role.EMSP, [("tokens", "RECEIVER")])):
        details = partner221(role=role).get("").data
        assert details["version"] == V
        found = [(each["identifier"], each["role"]) for each in details["endpoints"]]
        assert found == [(name, "SENDER") for name in everything] + more
        assert {each["url"] for each in details["endpoints"]} == {f"{base}/{name}/" for name in everything}
    assert partner221().get("sessions/").http == 404
    assert partner221(modules=["tokens"]).get("locations/").http == 404


def test_tokens_of_partners_come_in_base64(partner: Make) -> None:
    platform = partner()
    plain = Client(HTTP_AUTHORIZATION=f"Token {platform.text}", HTTP_X_CORRELATION_ID="c-1")
    refused = plain.get("/ocpi/2.2.1/")
    assert refused.status_code == 401
    assert "Base64" in refused.json()["status_message"]
    assert refused.headers["X-Correlation-ID"] == "c-1"
    assert plain.get("/ocpi/versions").status_code == 200
    encoded = platform.speaking(V)
    assert encoded.get("").http == 200
    # What a partner does in 2.2.1 says nothing of how it sends its token in 2.1.1.
    assert not Subscription.objects.get().sends_base64
    assert encoded.get("credentials/").data["token"] == platform.text


def test_a_location_says_who_may_see_it(partner221: Make) -> None:
    cpo, emsp, other = factories.cpo(), factories.emsp(), factories.emsp()
    place, private = factories.location(cpo), factories.location(cpo, latitude="51.0475991", longitude="3.7")
    evse = factories.evse(place)
    customer = factories.customer(emsp)
    carriers = [factories.token(emsp, auth_id="NL-TNM-C00122045-K", uid=f"04A{n}") for n in range(2)]
    printed = factories.token(emsp, uid=None, auth_id="NL-TNM-C00122046-K", visual_number="7-8", issuer="TNM")
    app = factories.token(emsp, type="APP_USER", uid="ada")
    for named in ({"customer": customer}, {"token": carriers[0]}, {"token": printed}, {"token": app}):
        factories.listed(private, **named)
    factories.listed(private, token=factories.token(other, uid="0B0B"))
    factories.listed(private, customer=factories.customer(other))
    platform = partner221(cpo, emsp)
    first, second = platform.walk("locations/", limit=1)
    assert (first["publish"], "publish_allowed_to" in first, "type" in first) == (True, False, False)
    assert (first["country_code"], first["party_id"], first["id"]) == (
        cpo.country_code,
        cpo.party_id,
        place.location_id,
    )
    assert set(first["evses"][0]["connectors"][0]) >= {"max_voltage", "max_amperage"}
    assert second["publish"] is False
    assert sorted(map(str, second["publish_allowed_to"])) == sorted(
        map(
            str,
            [
                {"group_id": f"customer-{customer.pk}"},
                *({"uid": token.uid, "type": "RFID"} for token in carriers),
                {"uid": "ada", "type": "APP_USER"},
                {"visual_number": "7-8", "issuer": "TNM"},
            ],
        )
    )
    assert platform.get(f"locations/{private.location_id}").data == second
    assert platform.get(f"locations/{place.location_id}/{evse.uid}").data == first["evses"][0]
    # The group is how the eMSP's platform finds the customer's tokens.
    token = factories.token(customer=customer)
    shown = platform.get(f"tokens/{emsp.country_code}/{emsp.party_id}/{token.uid}").data
    assert shown["group_id"] == f"customer-{customer.pk}"
    own = {"country_code": cpo.country_code, "party_id": cpo.party_id, "role": "CPO"}
    operator = partner221(cpo, emsp, **own)
    assert "group_id" not in operator.get("tokens/").data[-1]
    # Its CPO sees it, and whom of others the list names is not told.
    nobody = Platform(services.issue(factories.subscription(cpo, **own | {"role": "EMSP"})), V)
    assert nobody.get(f"locations/{private.location_id}").http == 404
    assert {str(each) for each in operator.get(f"locations/{private.location_id}").data["publish_allowed_to"]} == {
        str(each) for each in second["publish_allowed_to"]
    }


def test_long_ids_are_none_in_221(partner: Make) -> None:
    place = factories.location()
    factories.location(place.cpo, location_id="x" * 37)
    EVSE.objects.create(location=place, uid="y" * 37)
    platform = partner(place.cpo)
    assert len(platform.walk("locations/")) == 2
    (shown,) = platform.speaking(V).walk("locations/")
    assert shown["evses"] == []
    assert platform.speaking(V).get("locations/").headers["X-Total-Count"] == "1"
    assert platform.speaking(V).get(f"locations/{'x' * 37}").http == 404
    assert platform.speaking(V).get(f"locations/{place.location_id}/{'y' * 37}").http == 404


def test_tokens_have_contracts_and_types(partner221: Make) -> None:
    emsp = factories.emsp()
    for type_, uid in (("RFID", "04A1"), ("APP_USER", "ada"), ("AD_HOC_USER", "x"), ("MAC_ADDRESS", "aabbccddeeff")):
        factories.token(emsp, type=type_, uid=uid)
    factories.token(emsp, auth_id="NL-TNM-C00122045-K", uid="04A2")
    shown = partner221(emsp, role="CPO").walk("tokens/", limit=2)
    assert [row["type"] for row in shown] == ["RFID", "APP_USER", "AD_HOC_USER", "OTHER", "RFID"]
    assert shown[-1]["contract_id"] == "NL-TNM-C00122045-K"
    assert {(row["country_code"], row["party_id"]) for row in shown} == {(emsp.country_code, emsp.party_id)}
    assert not any("auth_id" in row for row in shown)


def test_an_emsp_puts_and_patches_its_tokens(partner221: Make) -> None:
    platform = partner221(factories.emsp(country_code="NL", party_id="TNM"))
    at = "tokens/NL/TNM/012345678A"
    assert platform.put(at, card()).http == 201
    assert platform.put("tokens/NL/TNM/ada", card("ada", type="APP_USER")).http == 201
    assert sorted(Token.objects.values_list("type", flat=True)) == ["APP_USER", "RFID"]
    assert platform.patch(at, {"contract_id": "NL-TNM-C00122045-K", "valid": False}).code == 1000
    shown = platform.get(at).data
    assert (shown["contract_id"], shown["valid"]) == ("NL-TNM-C00122045-K", False)
    wrong: list[dict[str, Any]] = [
        {"party_id": "XYZ"}, {"contract_id": None}, {"type": "EMAID"}, {"country_code": 7}, {"contract_id": "x" * 37},
        {"country_code": None},
    ]  # fmt: skip
    for fields in wrong:
        assert platform.put(at, card(**fields)).code == 2001, fields
    assert "contract_id" in platform.put(at, card(contract_id=None)).text
    answer = platform.get("tokens/NL/TNM/FFFF")
    assert (answer.http, answer.code) == (404, 2004)


def test_authorize_names_the_token_and_the_answer(partner221: Make) -> None:
    place, token = factories.location(), factories.token(auth_id="NL-TNM-C00122045-K", uid="04A1")
    evse = factories.evse(place)
    platform = partner221(place.cpo, token.emsp, role="CPO")
    at = {"location_id": place.location_id, "evse_uids": [evse.uid]}
    info = platform.post("tokens/04A1/authorize?type=RFID", at).data
    assert (info["allowed"], info["location"]) == ("ALLOWED", at)
    assert info["token"] == platform.get(f"tokens/{token.emsp.country_code}/{token.emsp.party_id}/04A1").data  # type: ignore[union-attr]
    assert len(info["authorization_reference"]) <= 36
    assert Decision.objects.get().request_id == info["authorization_reference"]
    Token.objects.update(expires_at=timezone.now() - timedelta(days=1))
    info = platform.post("tokens/04A1/authorize").data
    assert (info["allowed"], info["token"]["valid"]) == ("EXPIRED", False)
    unknown = platform.post("tokens/FFFF/authorize", at)
    assert (unknown.http, unknown.code) == (404, 2004)
    # Of an app's tokens one is not the other.
    factories.token(token.emsp, type=TokenType.APP_USER, uid="ada")
    assert platform.post("tokens/ada/authorize?type=APP_USER", at).data["allowed"] == "ALLOWED"
    assert platform.post("tokens/ada/authorize?type=OTHER", at).http == 404
    assert platform.post("tokens/ada/authorize?type=EMAID", at).http == 404
    assert platform.post("tokens/ada/authorize?type=CARD", at).code == 2001
    # Where everybody may charge, there is still no token to speak of.
    free = factories.evse(place, station=factories.station(place, authorization_required=False))
    here = {"location_id": place.location_id, "evse_uids": [free.uid]}
    assert platform.post("tokens/FFFF/authorize", here).code == 2004


def theirs(server: PartnerServer, *endpoints_: tuple[str, str], version: str = V) -> None:
    """A partner's side in one version, that takes everything else."""

    def answer(request: Request) -> Reply:
        if request.path == "/versions":
            return Reply(body=OK | {"data": [{"version": version, "url": f"{server.url}/v"}]})
        if request.path == "/v":
            listed = [
                {"identifier": name, "role": role, "url": f"{server.url}/{role}/{name}"} for name, role in endpoints_
            ]
            return Reply(body=OK | {"data": {"version": version, "endpoints": listed}})
        if request.path.endswith("/credentials"):
            return Reply(body=OK | {"data": {"token": "c", "url": f"{server.url}/versions", "roles": [ROLE]}})
        return Reply()

    server.answer = answer


BOTH = [("credentials", "SENDER"), ("locations", "RECEIVER"), ("tokens", "SENDER"), ("sessions", "RECEIVER")]


def test_a_partner_registers_and_is_pushed_in_221(server: PartnerServer) -> None:
    cpos = [factories.cpo(name="Operator"), factories.cpo()]
    subscription = factories.subscription(*cpos)
    first = Platform(services.issue(subscription), V)
    theirs(server, *BOTH)
    given = {"token": "token-b", "url": f"{server.url}/versions", "roles": [ROLE]}
    for wrong in ({"roles": []}, {"roles": None}, {"roles": [{}]}, {"roles": "EMSP"}, {"roles": [ROLE | {"role": 7}]}):
        assert first.post("credentials", given | wrong).code == 2001, wrong
    answer = first.post("credentials", given)
    assert answer.code == 1000, answer.text
    assert [(role["role"], role["party_id"]) for role in answer.data["roles"]] == [
        ("CPO", cpo.party_id) for cpo in cpos
    ]
    # What it is to be asked for is not pushed to it, nor what there is of 2.1.1 alone.
    assert {row.module: row.url for row in subscription.endpoints.all()} == {
        "locations": f"{server.url}/RECEIVER/locations"
    }
    encoded = services.authorization("token-b", V)["Authorization"]
    assert {request.headers["Authorization"] for request in server.received} == {encoded}
    assert encoded != "Token token-b"
    server.received.clear()
    place = factories.location(cpos[0])
    push_all()
    Location.objects.filter(pk=place.pk).update(published=False)
    Location.objects.filter(pk=place.pk).update(city="Gent", published=True)
    push_all()
    put, patch = server.received
    assert put.headers["Authorization"] == encoded
    assert put.body["publish"] is True
    assert (put.body["country_code"], "type" in put.body) == (cpos[0].country_code, False)
    assert set(patch.body) == {"city", "last_updated"}
    assert put.headers["X-Request-ID"] != patch.headers["X-Request-ID"]
    assert put.headers["X-Correlation-ID"] == put.headers["webhook-id"]
    second = Platform(answer.data["token"], V)
    assert second.post("credentials", given).http == 405
    assert second.delete("credentials").code == 1000


def test_what_is_pushed_in_221_is_what_is_pulled(server: PartnerServer) -> None:
    emsp = factories.emsp()
    subscription = factories.subscription(emsp, role="CPO")
    endpoints.set_up(subscription, {"tokens": f"{server.url}/tokens"}, "t")
    token = factories.token(emsp)
    push_all()
    PartnerAccess.objects.update(version=V)
    Token.objects.filter(pk=token.pk).update(issuer="Other")
    push_all()
    # Another version is another object: it is sent whole.
    assert [request.method for request in server.received] == ["PUT", "PUT"]
    pulled = Platform(services.issue(subscription), V).walk("tokens/")
    assert [server.received[-1].body] == pulled


def test_we_register_with_a_partner_of_221_alone(server: PartnerServer, admin_api: ApiClient) -> None:
    subscription = factories.subscription(role="CPO")
    theirs(server, ("credentials", "RECEIVER"), ("tokens", "RECEIVER"))
    theirs_ = server.answer
    plain = services.authorization("token-a", "2.1.1")["Authorization"]
    server.answer = lambda request: Reply(401) if request.headers["Authorization"] == plain else theirs_(request)
    address = f"{ADDRESS}{subscription.pk}/register/"
    answer = admin_api.post(address, {"url": f"{server.url}/versions", "token": "token-a"})
    assert answer.status_code == 200, answer.content
    assert set(answer.json()["push_endpoints"]) == {"tokens"}
    sent = server.received[-1].body
    assert [role["role"] for role in sent["roles"]] == ["OTHER"]
    assert Platform(sent["token"], V).get("").http == 200
    assert PartnerAccess.objects.get().version == V


def test_what_one_has_in_no_version(server: PartnerServer, partner221: Make) -> None:
    platform = partner221(modules=["sessions"])
    theirs(server, *BOTH)
    given = {"token": "token-b", "url": f"{server.url}/versions", "roles": [ROLE]}
    assert platform.post("credentials", given).code == 3003
    theirs(server, *BOTH, version="2.1.1")
    assert platform.post("credentials", given).code == 3002
