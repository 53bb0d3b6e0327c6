"""Sessions and CDRs: kept as they came, and handed on to the eMSP whose card it was."""

from typing import Any

import pytest

from tests import factories
from tests.subscriptions.conftest import Make, Platform
from tests.subscriptions.shapes import block, needs_ocpi

pytestmark = pytest.mark.django_db
CONTRACT = "NL-TNM-C00122045-K"


def session(**fields: Any) -> dict[str, Any]:
    return {
        "id": "S1", "start_datetime": "2026-01-01T10:00:00Z", "kwh": 1.50, "auth_id": "nltnmc00122045",
        "auth_method": "WHITELIST", "location": {"id": "LOC1"}, "currency": "EUR", "status": "ACTIVE",
        "last_updated": "2026-01-01T10:00:00Z", "of_their_own": [None],
    } | fields  # fmt: skip


def cdr(**fields: Any) -> dict[str, Any]:
    return {
        "id": "C1", "start_date_time": "2026-01-01T10:00:00Z", "stop_date_time": "2026-01-01T11:00:00Z",
        "auth_id": CONTRACT, "auth_method": "WHITELIST", "location": {"id": "LOC1"}, "currency": "EUR",
        "charging_periods": [], "total_cost": 4.00, "total_energy": 15.342, "total_time": 1.0,
        "last_updated": "2026-01-01T11:00:00Z",
    } | fields  # fmt: skip


@pytest.fixture
def sender(partner: Make) -> Platform:
    cpo = factories.cpo(country_code="BE", party_id="BEC")
    return partner(cpo, country_code="BE", party_id="BEC", role="CPO")


@pytest.fixture
def payer(partner: Make) -> Platform:
    emsp = factories.token(auth_id=CONTRACT).emsp
    return partner(emsp, all_cpos=True)


def test_a_session_goes_to_the_cards_emsp(partner: Make, sender: Platform, payer: Platform) -> None:
    path = "sessions/BE/BEC/S1"
    assert sender.put(path, session()).http == 201
    assert sender.put(path, [session(kwh=2)]).http == 200
    assert sender.patch(path, {"status": "COMPLETED"}).code == 1000
    whole = session(kwh=2, status="COMPLETED")
    for platform in (sender, payer):
        assert platform.get(path).data == whole
        assert platform.walk("sessions/", date_from="2026-01-01T00:00:00Z") == [whole]
        assert platform.get("sessions/", date_to="2026-01-01T00:00:00Z").data == []
    strangers = [partner(factories.token(auth_id="NL-XYZ-C00122045-K").emsp, all_cpos=True)]
    strangers += [partner(role="CPO", all_cpos=True)]
    for platform in strangers:
        assert platform.get(path).http == 404
        assert platform.walk("sessions/") == []
    assert payer.put(path, session()).http == 403
    assert strangers[1].put(path, session()).http == 404
    for wrong in (session(id="S2"), session(auth_id=None), session(last_updated="x"), [], "x"):
        assert sender.put(path, wrong).code == 2001
    assert sender.patch("sessions/BE/BEC/S9", {"kwh": 1}).http == 404
    assert sender.patch(path, {"id": "S9"}).code == 2001
    assert sender.put("sessions/NL/ABC/S1", session()).http == 404


def test_a_cdr_is_kept_once_and_never_changed(sender: Platform, payer: Platform) -> None:
    answer = sender.post("cdrs/", cdr())
    assert (answer.http, answer.headers["Location"]) == (201, "http://testserver/ocpi/2.1.1/cdrs/C1")
    assert sender.post("cdrs", cdr()).http == 200
    assert sender.post("cdrs/", cdr(total_cost=1)).code == 2001
    for platform in (sender, payer):
        assert platform.walk("cdrs/") == [cdr()]
        assert platform.get("cdrs/C1").data == cdr()
    assert payer.post("cdrs/", cdr(id="C2")).http == 403
    assert payer.get("cdrs/C2").http == 404
    assert sender.put("cdrs/C1", cdr()).http == 405


@needs_ocpi
def test_the_texts_own_sessions_are_accepted(sender: Platform) -> None:
    for name in ("mod_sessions_L245", "mod_sessions_L328"):
        body = block(name)
        assert sender.put(f"sessions/BE/BEC/{body['id']}", body).code == 1000, name
        assert sender.get(f"sessions/BE/BEC/{body['id']}").data == body
