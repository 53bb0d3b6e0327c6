"""Sessions, CDRs and what stations are told: to the partner whose business it is, and not back to who sent it."""

import json
import uuid
from typing import Any

import pytest
from django.utils import timezone

from chargers.models import StationMessage
from subscriptions import services
from subscriptions.models import Delivery, PushEndpoint
from subscriptions.push import sweeping
from tests import factories
from tests.subscriptions.conftest import Platform, Push, push_all
from tests.subscriptions.partner_server import PartnerServer, Reply
from tests.subscriptions.shapes import block, needs_ocpi, valid
from tests.subscriptions.test_relayed import CONTRACT, cdr, session

pytestmark = pytest.mark.django_db
PARTY = {"country_code": "BE", "party_id": "BEC", "role": "CPO"}


@pytest.fixture
def world(pushed: Push) -> Any:
    """A CPO's platform that sends, and beside it: it, pushed; the card's eMSP; another eMSP; one without the CPO."""
    cpo = factories.cpo(country_code="BE", party_id="BEC")
    emsp = factories.token(auth_id=CONTRACT).emsp
    sender = pushed(cpo, emsp, **PARTY)
    pushed(emsp, all_cpos=True, only=["sessions", "cdrs"])
    pushed(factories.emsp(), all_cpos=True, only=["sessions", "cdrs"], party_id="XYZ")
    pushed(emsp, factories.cpo(), only=["sessions", "cdrs"], party_id="ABC")
    push_all()
    return Platform(services.issue(sender))


def test_a_session_is_put_and_patched(world: Any, server: PartnerServer) -> None:
    server.received.clear()
    world.put("sessions/BE/BEC/S1", session())
    push_all()
    world.patch("sessions/BE/BEC/S1", {"kwh": 2.25, "status": "COMPLETED"})
    world.patch("sessions/BE/BEC/S1", {"kwh": 2.5})
    push_all()
    push_all()
    assert server.told() == [("PUT", "/sessions/BE/BEC/S1"), ("PATCH", "/sessions/BE/BEC/S1")]
    assert server.received[0].body == session()
    changed = {"kwh": 2.5, "status": "COMPLETED", "last_updated": "2026-01-01T10:00:00Z"}
    assert server.received[1].body == changed


def test_a_cdr_is_posted_once(world: Any, server: PartnerServer) -> None:
    server.received.clear()
    server.answer = lambda request: Reply(500)
    world.post("cdrs/", cdr())
    push_all()
    server.answer = lambda request: Reply(201)
    Delivery.objects.update(next_at=timezone.now())
    PushEndpoint.objects.update(next_at=None)
    push_all()
    world.post("cdrs/", cdr())
    push_all()
    assert server.told() == [("POST", "/cdrs"), ("POST", "/cdrs")]
    assert server.received[1].body == cdr()


@needs_ocpi
def test_the_texts_own_are_pushed_valid(world: Any, server: PartnerServer) -> None:
    server.received.clear()
    # The text's own session has a country of two letters, and its own CDR is no JSON.
    body = block("mod_sessions_L245") | {"auth_id": CONTRACT}
    body["location"] |= {"country": "BEL"}
    assert world.put(f"sessions/BE/BEC/{body['id']}", body).code == 1000
    period = {"start_date_time": "2026-01-01T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 15.342}]}
    record = cdr(location=body["location"], charging_periods=[period])
    assert world.post("cdrs/", record).code == 1000
    push_all()
    sent = {request.parts[0]: request.body for request in server.received}
    assert sent == {"sessions": body, "cdrs": record}
    valid(sent["sessions"], "sessions")
    valid(sent["cdrs"], "cdrs")


def message(station: Any, **fields: Any) -> StationMessage:
    values = {
        "station": station, "location": station.location, "message_id": uuid.uuid4(), "channel": "mqtt",
        "type": "authorization_deauthorized", "text": "The card is blocked.", "body": {}, "notifies": True,
        "created_at": timezone.now(),
    }  # fmt: skip
    return StationMessage.objects.create(**values | fields)


def test_what_a_station_is_told_is_posted(pushed: Push, server: PartnerServer) -> None:
    cpo = factories.cpo()
    station = factories.station(factories.location(factories.cpo(parent=cpo)), identity="CS 1")
    evse = factories.evse(station.location, station=station)
    pushed(cpo, only=["chargestationnotifications"])
    pushed(factories.cpo(), only=["chargestationnotifications"])
    told = message(station, evse=evse)
    message(station, notifies=False)
    elsewhere = message(factories.station())
    push_all()
    (request,) = server.received
    assert (request.method, request.path) == ("POST", f"/chargestationnotifications/{told.message_id}")
    assert request.body == {
        "id": str(told.message_id), "charge_station": "CS 1", "evse_id": evse.evse_id,
        "type": "authorization_deauthorized", "message": "The card is blocked.",
        "timestamp": told.created_at.isoformat(),
    }  # fmt: skip
    assert json.dumps(request.body).count("CS 1") == 1
    sweeping.sweep(timezone.now())
    for each in (told, elsewhere):
        each.refresh_from_db()
        assert each.notified_at is not None


def test_who_was_not_told_is_not_noted(pushed: Push, server: PartnerServer) -> None:
    station = factories.station()
    pushed(station.location.cpo, only=["chargestationnotifications"])
    told = message(station)
    server.answer = lambda request: Reply(500)
    push_all()
    sweeping.sweep(timezone.now())
    told.refresh_from_db()
    assert told.notified_at is None
