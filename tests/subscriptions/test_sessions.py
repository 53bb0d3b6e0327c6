"""Authorizations in use are sessions: pulled and pushed to the card's eMSP, with what the CPO's platform reports."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargers.models import AuthorizationInUse, Command, Ended
from chargers.services import uses
from subscriptions import services
from subscriptions.models import Delivery, Module, Relayed
from tests import factories
from tests.portal.test_admin import a_command, in_use
from tests.refusals import sql
from tests.subscriptions.conftest import Make, Platform, Push, push_all
from tests.subscriptions.partner_server import PartnerServer
from tests.subscriptions.shapes import needs_ocpi, valid
from tests.subscriptions.test_relayed import session
from tokens.models import Token

pytestmark = pytest.mark.django_db
CONTRACT = "NL-TNM-C00122045-K"


def charge(token: Token, cpo: Any = None, **fields: Any) -> AuthorizationInUse:
    """An authorization in use with this token, at an EVSE of the CPO's."""
    station = factories.station(factories.location(cpo) if cpo else None)
    factories.evse(station.location)
    evse = factories.evse(station.location, station=station)
    return in_use(station=station, token=token, token_key=f"t{token.pk}", evse=evse, **fields)


def address(use: AuthorizationInUse) -> str:
    row = Relayed.objects.get(use=use)
    return f"{row.country_code}/{row.party_id}/{row.object_id}"


@needs_ocpi
def test_what_is_in_use_is_a_session_of_the_cards_emsp(partner: Make) -> None:
    token = factories.token(auth_id=CONTRACT, uid="04A1")
    use = charge(token)
    platform = partner(token.emsp, all_cpos=True)
    (open_,) = platform.walk("sessions/")
    assert (open_["status"], open_["kwh"], open_["currency"], open_["auth_id"]) == ("ACTIVE", 0, "XXX", CONTRACT)
    assert (open_["auth_method"], "end_datetime" in open_) == ("WHITELIST", False)
    assert [evse["uid"] for evse in open_["location"]["evses"]] == [use.evse.uid]  # type: ignore[union-attr]
    assert open_["location"]["id"] == use.location.location_id
    uses.end([use.pk], Ended.TRANSACTION, timezone.now())
    (ended,) = platform.walk("sessions/")
    assert (ended["id"], ended["status"], "end_datetime" in ended) == (open_["id"], "COMPLETED", True)
    assert platform.get(f"sessions/{address(use)}").data == ended
    for shape in (open_, ended):
        valid(shape, "sessions")


def test_where_only_the_station_is_known_its_only_evse_is_meant(partner: Make) -> None:
    token = factories.token()
    station = factories.station()
    in_use(station=station, token=token, token_key="a")
    platform = partner(token.emsp, all_cpos=True)
    evse = factories.evse(station.location, station=station)
    assert [each["uid"] for each in platform.walk("sessions/")[0]["location"]["evses"]] == [evse.uid]
    factories.evse(station.location, station=station)
    (shown,) = platform.walk("sessions/")
    assert (shown["location"]["evses"], shown["auth_id"]) == ([], token.uid)


def test_the_time_of_change_is_that_of_what_is_shown(partner: Make) -> None:
    token = factories.token()
    use = charge(token)
    platform = partner(token.emsp, all_cpos=True)
    sql("UPDATE subscriptions_relayed SET updated_at = '2026-01-01T10:00:00Z'")
    # How long the decision holds is nothing that a partner hears of.
    AuthorizationInUse.objects.update(revision=7, next_change_at=timezone.now(), held=False, paused=True)
    assert platform.walk("sessions/", date_from="2026-01-02T00:00:00Z") == []
    assert platform.walk("sessions/")[0]["last_updated"] == "2026-01-01T10:00:00Z"
    uses.end([use.pk], Ended.COMMAND, timezone.now())
    assert len(platform.walk("sessions/", date_from="2026-01-02T00:00:00Z")) == 1


def test_a_start_that_the_station_did_not_do_is_invalid(partner: Make) -> None:
    token = factories.token()
    platform = partner(token.emsp, all_cpos=True)
    states = (("rejected", "INVALID"), ("timed_out", "INVALID"), ("accepted", "COMPLETED"))
    for number, (state, status) in enumerate(states):
        use = charge(token, via="command", message_id=f"{number}")
        a_command(station=use.station, use=use, kind=Command.Kind.START, state=state)
        assert platform.walk("sessions/")[number]["status"] == "ACTIVE"
        uses.end([use.pk], Ended.COMMAND, timezone.now())
        assert platform.walk("sessions/")[number]["status"] == status


def test_a_session_is_seen_in_scope_alone(partner: Make) -> None:
    cpo, token = factories.cpo(), factories.token()
    use = charge(token, factories.cpo(parent=cpo))
    at = f"sessions/{address(use)}"
    own = {"country_code": cpo.country_code, "party_id": cpo.party_id, "role": "CPO"}
    for platform in (partner(token.emsp, cpo), partner(token.emsp, all_cpos=True), partner(cpo, **own)):
        assert len(platform.walk("sessions/")) == 1
        assert platform.get(at).http == 200
    strangers = [partner(cpo), partner(all_cpos=True), partner(token.emsp, factories.cpo())]
    for platform in (*strangers, partner(factories.emsp(), all_cpos=True), partner(cpo, role="CPO")):
        assert platform.walk("sessions/") == []
        assert platform.get(at).http == 404


def test_what_has_no_token_of_an_emsp_is_no_session() -> None:
    factories.external("NL-ABC-C00122045-K")
    in_use(token=None)
    charge(Token.objects.get())
    charge(factories.token(type="APP_USER", uid="x" * 40))
    assert not Relayed.objects.exists()


def test_a_session_is_put_when_it_opens_and_patched_when_it_ends(pushed: Push, server: PartnerServer) -> None:
    token, cpo = factories.token(), factories.cpo()
    pushed(token.emsp, cpo, only=["sessions"])
    pushed(factories.emsp(), all_cpos=True, only=["sessions"], party_id="XYZ")
    pushed(token.emsp, factories.cpo(), only=["sessions"], party_id="ABC")
    use = charge(token, cpo)
    charge(factories.token(), cpo)
    charge(token)
    assert push_all() == 1
    AuthorizationInUse.objects.update(revision=7)
    assert push_all() == 0
    uses.end([use.pk], Ended.RESTRICTION, timezone.now())
    assert push_all() == 1
    at = f"/sessions/{address(use)}"
    assert server.told() == [("PUT", at), ("PATCH", at)]
    put, patch = (request.body for request in server.received)
    assert (put["status"], put["id"]) == ("ACTIVE", at.rpartition("/")[2])
    assert patch == {
        "status": "COMPLETED", "end_datetime": patch["end_datetime"], "last_updated": patch["last_updated"],
    }  # fmt: skip
    # One that opens and ends while the partner is away is told once.
    use = charge(token, cpo)
    uses.end([use.pk], Ended.TRANSACTION, timezone.now() + timedelta(seconds=1))
    push_all()
    assert (server.received[-1].method, server.received[-1].body["status"]) == ("PUT", "COMPLETED")
    assert not Delivery.objects.exclude(state="delivered").exists()


@needs_ocpi
def test_energy_is_what_the_cpos_platform_reports(pushed: Push, partner: Make, server: PartnerServer) -> None:
    token, cpo = factories.token(), factories.cpo()
    pushed(token.emsp, cpo, only=["sessions"])
    own = {"country_code": cpo.country_code, "party_id": cpo.party_id, "role": "CPO"}
    # It is not told what it reports itself, though it is pushed sessions.
    platform = Platform(services.issue(pushed(cpo, token.emsp, only=["sessions"], **own)))
    use = charge(token, cpo)
    at = f"sessions/{address(use)}"
    assert push_all() == 2
    period = {"start_date_time": "2026-01-01T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
    told = {"kwh": 12.5, "currency": "EUR", "total_cost": 4.2, "charging_periods": [period], "meter_id": "m"}
    assert platform.patch(at, told | {"last_updated": "2026-01-01T10:00:00Z"}).code == 1000
    assert platform.patch(at, {"total_cost": None}).code == 1000
    shown = platform.get(at).data
    assert (shown["kwh"], shown["currency"], shown["status"], "total_cost" in shown) == (12.5, "EUR", "ACTIVE", False)
    valid(shown, "sessions")
    assert push_all() == 1
    assert server.received[-1].body["kwh"] == 12.5
    wrong: list[dict[str, Any]] = [
        {"status": "COMPLETED"}, {"kwh": -1}, {"kwh": "1"}, {"kwh": True}, {"currency": "euro"}, {"meter_id": 7},
        {"charging_periods": {}}, {"end_datetime": "2026-01-01T10:00:00Z"}, {"id": "other"},
    ]  # fmt: skip
    for body in wrong:
        assert platform.patch(at, body).code == 2001, body
    assert platform.get(at).data == shown


def test_a_partners_session_of_the_same_id_is_not_mixed_up_with_ours(partner: Make) -> None:
    cpo, token = factories.cpo(), factories.token()
    own = {"country_code": cpo.country_code, "party_id": cpo.party_id, "role": "CPO"}
    use = charge(token, cpo)
    id_ = Relayed.objects.get().object_id
    at = f"sessions/{address(use)}"
    before = partner(token.emsp, all_cpos=True).get(at).data
    theirs = session(id=id_, auth_id=token.uid)
    answer = partner(cpo, **own).put(at, theirs)
    assert (answer.http, answer.code) == (200, 2001)
    assert "kwh" in answer.text
    # To who does not see it, it is another party's; and under another party the id is free.
    blind = partner(cpo, role="CPO")
    assert (blind.put(at, theirs).http, blind.patch(at, {"kwh": 1}).http) == (404, 404)
    other = partner(country_code="DE", party_id="QQQ", role="CPO")
    assert other.put(f"sessions/DE/QQQ/{id_}", theirs).http == 201
    assert partner(token.emsp, all_cpos=True).get(at).data == before
    assert Relayed.objects.count() == 2


def test_a_session_goes_with_its_authorization() -> None:
    use = charge(factories.token())
    assert not Relayed.objects.filter(kind=Module.CDRS).exists()
    use.delete()
    assert not Relayed.objects.exists()


def test_what_cannot_be_a_session_keeps_nobody_from_charging() -> None:
    """A token that is gone at that moment, or one that nothing is known of."""
    token = factories.token()
    pk = token.pk
    token.delete()
    station = factories.station()
    in_use(station=station, token_id=pk, token_key="t")
    assert AuthorizationInUse.objects.count() == 1
    assert not Relayed.objects.exists()
