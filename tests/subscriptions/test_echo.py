"""What a partner sends us is not told to it again, unless somebody else has changed it since."""

from typing import Any

import pytest

from subscriptions import services
from subscriptions.models import Delivery
from tests import factories
from tests.subscriptions.conftest import Platform, Push, push_all
from tests.subscriptions.partner_server import PartnerServer, Reply
from tests.subscriptions.test_cards import card
from tokens.models import Customer, Token

pytestmark = pytest.mark.django_db
AT = "tokens/NL/TNM/012345678A"


@pytest.fixture
def world(pushed: Push) -> tuple[Platform, Any]:
    """An eMSP's platform that is pushed its own tokens, with another partner beside it."""
    emsp = factories.emsp(country_code="NL", party_id="TNM")
    platform = Platform(services.issue(pushed(emsp, only=["tokens"])))
    pushed(emsp, only=["tokens"], role="CPO", party_id="CPO")
    return platform, emsp


def told(server: PartnerServer) -> list[tuple[str, Any]]:
    """What came since the last look, but the time of it."""
    push_all()
    found = [(request.method, request.body) for request in server.received]
    server.received.clear()
    for _, body in found:
        body.pop("last_updated")
    return found


def test_what_a_partner_brought_is_told_to_others_alone(world: tuple[Platform, Any], server: PartnerServer) -> None:
    platform, _emsp = world
    assert platform.put(AT, card()).http == 201
    ((method, _body),) = told(server)
    assert method == "PUT"
    assert platform.patch(AT, {"valid": False}).code == 1000
    assert told(server) == [("PATCH", {"valid": False})]
    assert platform.put(AT, card(issuer="Other")).code == 1000
    assert told(server) == [("PATCH", {"valid": True, "issuer": "Other"})]
    assert not Delivery.objects.exclude(state="delivered").exists()


def test_what_somebody_else_changes_is_told_from_what_the_partner_has(
    world: tuple[Platform, Any], server: PartnerServer
) -> None:
    platform, _emsp = world
    platform.put(AT, card())
    platform.patch(AT, {"valid": False})
    told(server)
    # Back to what was told before the partner's own change: it has to hear of it.
    Token.objects.update(valid=True)
    assert told(server) == [("PATCH", {"valid": True})] * 2


def test_what_is_not_as_the_partner_sent_it_is_told(world: tuple[Platform, Any], server: PartnerServer) -> None:
    platform, emsp = world
    customer = factories.customer(emsp, blocked=True)
    platform.put(AT, card())
    told(server)
    Token.objects.update(customer=customer)
    assert told(server) == [("PATCH", {"valid": False})] * 2
    platform.patch(AT, {"valid": True, "issuer": "Other"})
    assert sorted(map(str, told(server))) == sorted(
        map(str, [("PATCH", {"valid": False}), ("PATCH", {"issuer": "Other"})])
    )
    Customer.objects.update(blocked=False)
    assert told(server) == [("PATCH", {"valid": True})] * 2


def test_what_waits_is_told_after_all(world: tuple[Platform, Any], server: PartnerServer) -> None:
    """Somebody else's change, which the partner has not heard of yet, and then its own."""
    platform, _emsp = world
    platform.put(AT, card())
    told(server)
    server.answer = lambda request: Reply(200, b'{"status_code": 2001}')
    Token.objects.update(issuer="Another")
    told(server)
    platform.patch(AT, {"visual_number": "7"})
    Delivery.objects.update(next_at="2026-01-01T00:00:00Z")
    server.answer = lambda request: Reply()
    assert len([body for _, body in told(server) if body["issuer"] == "Another"]) == 2
