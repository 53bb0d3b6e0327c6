"""What partners are pushed: each change in scope, new as PUT and changed as PATCH, as they would pull it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from locations.models import CPO, EVSE, Location
from subscriptions.models import Delivery, PartnerAccess, PushEndpoint
from subscriptions.push import sweeping
from tests import factories
from tests.refusals import sql
from tests.subscriptions.conftest import Make, Push, push_all
from tests.subscriptions.partner_server import PartnerServer
from tests.subscriptions.shapes import needs_ocpi, valid
from tokens.models import EMSP, Customer, Token

pytestmark = pytest.mark.django_db


def address(module: str, party: Any, name: str) -> str:
    return f"/{module}/{party.country_code}/{party.party_id}/{name}"


def test_a_new_token_is_put_and_a_changed_one_patched(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    token = factories.token(emsp, uid="04A2B3C4D5E680")
    assert push_all() == 1
    Token.objects.filter(pk=token.pk).update(valid=False)
    sql("UPDATE tokens_token SET issuer = 'Other' WHERE id = %s", token.pk)
    assert push_all() == 1
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert push_all() == 0
    put, patch = server.received
    at = address("tokens", emsp, "04A2B3C4D5E680")
    assert server.told() == [("PUT", at), ("PATCH", at)]
    assert (put.body["uid"], put.body["valid"]) == ("04A2B3C4D5E680", True)
    assert patch.body == {"valid": False, "issuer": "Other", "last_updated": patch.body["last_updated"]}
    assert put.headers["Authorization"] == "Token their-token"
    assert put.headers["Content-Type"] == "application/json"


@needs_ocpi
def test_what_is_pushed_is_what_is_pulled_and_valid(partner: Make, pushed: Push, server: PartnerServer) -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    pushed(cpo, emsp, only=["tokens", "locations"])
    place = factories.location(cpo, address="x" * 60)
    factories.evse(place)
    EVSE.objects.create(location=place, uid="no evse/id")
    factories.token(emsp, visual_number="1", language="nl")
    factories.token(emsp, type="APP_USER", uid="Ada Lovelace/1")
    push_all()
    platform = partner(cpo, emsp)
    pulled = platform.walk("locations/") + platform.walk("tokens/")
    assert sorted(map(str, pulled)) == sorted(str(request.body) for request in server.received)
    for request in server.received:
        valid(request.body, request.parts[0])
    assert f"{server.received[-1].path}".endswith("/Ada%20Lovelace%2F1") or "Ada" not in str(server.told()[-1])


def test_places_are_patched_and_their_evses_put(pushed: Push, server: PartnerServer) -> None:
    cpo = factories.cpo()
    pushed(cpo, only=["locations"])
    place = factories.location(factories.cpo(parent=cpo))
    evse = factories.evse(place)
    push_all()
    Location.objects.filter(pk=place.pk).update(city="Gent")
    push_all()
    CPO.objects.filter(pk=place.cpo.pk).update(name="Renamed")
    push_all()
    other = factories.evse(place)
    EVSE.objects.filter(pk=evse.pk).delete()
    push_all()
    push_all()
    at = address("locations", place.cpo, place.location_id)
    assert server.told() == [("PUT", at), ("PATCH", at), ("PATCH", at), ("PUT", at)]
    bodies = [request.body for request in server.received]
    assert {evse["status"] for evse in bodies[0]["evses"]} == {"UNKNOWN"}
    assert set(bodies[1]) == {"city", "last_updated"}
    assert set(bodies[2]) == {"operator", "last_updated"}
    assert {evse["uid"]: evse["status"] for evse in bodies[3]["evses"]} == {evse.uid: "REMOVED", other.uid: "UNKNOWN"}


@needs_ocpi
@pytest.mark.parametrize("version", ["2.1.1", "2.2.1"])
def test_a_connector_that_changes_is_told(pushed: Push, server: PartnerServer, version: str) -> None:
    place = factories.location()
    subscription = pushed(place.cpo, only=["locations"])
    PartnerAccess.objects.filter(subscription=subscription).update(version=version)
    evse = factories.evse(place)
    push_all()
    plug = {"id": "2", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "tariff_ids": ["11"]}
    plug |= {"max_voltage": 400, "max_amperage": 125}
    for connectors in ([plug], [plug], [plug | {"tariff_ids": ["15"]}], []):
        EVSE.objects.filter(pk=evse.pk).update(connectors=connectors)
        push_all()
    at = address("locations", place.cpo, place.location_id)
    # What did not change is not told; where EVSEs differ the location is told whole.
    assert server.told() == [("PUT", at)] * 4
    told = [request.body["evses"][0]["connectors"] for request in server.received]
    assert [[each["id"] for each in connectors] for connectors in told] == [["1"], ["2"], ["2"], ["1"]]
    tariffs = ["11", "15"] if version == "2.1.1" else [["11"], ["15"]]
    assert [told[n][0]["tariff_id" if version == "2.1.1" else "tariff_ids"] for n in (1, 2)] == tariffs
    if version == "2.1.1":
        for request in server.received:
            valid(request.body, "locations")


def test_what_is_gone_is_taken_back(pushed: Push, server: PartnerServer) -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    pushed(cpo, emsp, only=["locations", "tokens"])
    place = factories.location(cpo)
    factories.evse(place)
    token = factories.token(emsp)
    push_all()
    server.received.clear()
    token.delete()
    place.delete()
    push_all()
    told = {request.parts[0]: request for request in server.received}
    assert told["tokens"].method == "PATCH"
    assert told["tokens"].body["valid"] is False
    assert told["locations"].method == "PUT"
    assert [evse["status"] for evse in told["locations"].body["evses"]] == ["REMOVED"]
    assert len(server.received) == 2


def test_what_was_only_pulled_is_taken_back_too(pushed: Push, server: PartnerServer) -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    place, closed, hidden = (factories.location(cpo) for _ in range(3))
    evses = [factories.evse(each) for each in (place, closed, hidden)]
    Location.objects.filter(pk=hidden.pk).update(published=False)
    token = factories.token(emsp)
    pushed(cpo, emsp, only=["locations", "tokens"])
    token.delete()
    Location.objects.filter(pk=closed.pk).update(published=False)
    # Nobody saw this one, and nobody is told that it goes.
    Location.objects.filter(pk=hidden.pk).update(city="Gent")
    hidden.delete()
    place.delete()
    push_all()
    assert sorted(server.told()) == sorted(
        ("PATCH", at)
        for at in (
            address("tokens", emsp, token.uid or ""),
            address("locations", cpo, f"{place.location_id}/{evses[0].uid}"),
            address("locations", cpo, f"{closed.location_id}/{evses[1].uid}"),
        )
    )
    assert not Delivery.objects.exclude(state="delivered").exists()


def test_a_place_that_closes_and_opens_again(pushed: Push, server: PartnerServer) -> None:
    cpo, emsp = factories.cpo(), factories.emsp()
    pushed(cpo, only=["locations"])
    guests = pushed(cpo, emsp, only=["locations"], party_id="GST")
    place = factories.location(cpo)
    factories.evse(place)
    push_all()
    entry = factories.listed(place, customer=factories.customer(emsp))
    push_all()
    removed = [request.body["evses"][0]["status"] for request in server.received]
    assert removed == ["UNKNOWN", "UNKNOWN", "REMOVED"]
    assert Delivery.objects.get(endpoint__subscription=guests).sent is not None
    entry.delete()
    push_all()
    assert Delivery.objects.get(endpoint__subscription=guests).sent is None
    Location.objects.filter(pk=place.pk).update(published=True)
    push_all()
    assert [request.method for request in server.received] == ["PUT"] * 6


def test_a_token_that_gets_another_uid_or_emsp(pushed: Push, server: PartnerServer) -> None:
    one, other = factories.emsp(), factories.emsp()
    pushed(one, role="CPO", only=["tokens"])
    token = factories.token(one, uid="AA")
    push_all()
    Token.objects.filter(pk=token.pk).update(uid="BB")
    push_all()
    Token.objects.filter(pk=token.pk).update(emsp=other)
    push_all()
    first, second = (address("tokens", one, uid) for uid in ("AA", "BB"))
    assert server.told() == [("PUT", first), ("PATCH", first), ("PUT", second), ("PATCH", second)]
    assert server.received[-1].body["valid"] is False


def test_who_blocks_a_holder_changes_its_tokens(pushed: Push, server: PartnerServer) -> None:
    customer = factories.customer()
    factories.token(customer=customer), factories.token(customer=customer)
    pushed(customer.emsp, role="CPO", only=["tokens"])
    Customer.objects.filter(pk=customer.pk).update(blocked=True)
    assert push_all() == 2
    EMSP.objects.filter(pk=customer.emsp.pk).update(name="Renamed")
    assert push_all() == 2
    assert [request.method for request in server.received] == ["PUT", "PUT", "PATCH", "PATCH"]
    assert [request.body.get("valid") for request in server.received] == [False, False, None, None]


def test_a_token_that_expires(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    now = timezone.now()
    token = factories.token(emsp, expires_at=now + timedelta(hours=1))
    push_all()
    assert sweeping.expire(now) == 0
    Token.objects.filter(pk=token.pk).update(expires_at=now - timedelta(seconds=1))
    Delivery.objects.update(state="delivered", since=now - timedelta(hours=1))
    assert (sweeping.expire(now), sweeping.expire(now)) == (1, 0)
    push_all()
    assert server.received[-1].body["valid"] is False
    assert sweeping.expire(now) == 0


def test_what_leaves_the_scope_is_taken_back(pushed: Push, server: PartnerServer) -> None:
    emsp, cpo = factories.emsp(), factories.cpo()
    subscription = pushed(emsp, all_cpos=True, only=["tokens", "locations"])
    factories.token(emsp)
    factories.location(cpo)
    push_all()
    subscription.emsps.clear()
    subscription.all_cpos = False
    subscription.save()
    push_all()
    assert [request.method for request in server.received] == ["PUT", "PUT", "PATCH", "PUT"]
    assert server.received[2].body["valid"] is False


def test_nothing_is_written_while_nobody_is_pushed(pushed: Push, server: PartnerServer) -> None:
    emsp, cpo = factories.emsp(), factories.cpo()
    subscription = pushed(cpo, emsp, only=["sessions"])
    factories.token(emsp), factories.evse(factories.location(cpo))
    # A module that is not enabled is not pushed, nor one that the partner switched off.
    pushed(cpo, emsp, modules=["sessions"])
    factories.token(emsp), factories.evse(factories.location(cpo))
    assert not Delivery.objects.exists()
    subscription.endpoints.all().delete()
    PushEndpoint.objects.update(off_at=timezone.now())
    factories.token(emsp)
    assert not Delivery.objects.exists()


def test_a_removed_endpoint_takes_its_deliveries_along(pushed: Push) -> None:
    emsp = factories.emsp()
    subscription = pushed(emsp, role="CPO", only=["tokens"])
    factories.token(emsp)
    assert Delivery.objects.count() == 1
    subscription.delete()
    assert not Delivery.objects.exists()


def test_a_partner_is_pushed_its_scope_alone(pushed: Push, server: PartnerServer) -> None:
    mine, theirs = factories.emsp(), factories.emsp()
    own, foreign = factories.cpo(), factories.cpo()
    pushed(mine, own)
    for emsp in (mine, theirs):
        customer = factories.customer(emsp)
        factories.token(customer=customer)
        Customer.objects.filter(pk=customer.pk).update(blocked=True)
    for cpo in (own, foreign):
        place = factories.location(cpo)
        factories.evse(place)
        CPO.objects.filter(pk=cpo.pk).update(name="Renamed")
        Location.objects.filter(pk=place.pk).update(city="Gent")
    push_all()
    parties = {tuple(request.parts[1:3]) for request in server.received}
    assert parties == {(each.country_code, each.party_id) for each in (mine, own)}
