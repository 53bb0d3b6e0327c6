"""`tokens/{uid}/authorize`: the portal's one decision, in OCPI's words."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from authorization.models import Decision
from tests import factories
from tests.subscriptions.conftest import Make
from tokens.models import Token

pytestmark = pytest.mark.django_db


def at(location: Any, *evses: Any, **more: Any) -> dict[str, Any]:
    return {"location_id": location.location_id} | ({"evse_uids": [e.uid for e in evses]} if evses else {}) | more


def ask(platform: Any, token: Token, body: Any = None, type_: str = "RFID") -> tuple[int, int, str | None]:
    answer = platform.post(f"tokens/{token.uid}/authorize?type={type_}", body)
    return answer.http, answer.code, answer.data and answer.data["allowed"]


def test_every_row_in_ocpis_words(partner: Make) -> None:
    place, token = factories.location(), factories.token()
    platform = partner(place.cpo, token.emsp, role="CPO")
    assert ask(platform, token, at(place)) == (200, 1000, "ALLOWED")
    assert ask(platform, token, {"location_id": "nowhere"}) == (200, 2003, None)
    assert ask(platform, Token(uid="FFFFFF"), at(place)) == (404, 2001, None)
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert ask(platform, token, at(place)) == (200, 1000, "EXPIRED")
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert ask(platform, token, at(place)) == (200, 1000, "BLOCKED")
    Token.objects.filter(pk=token.pk).update(valid=True, expires_at=None)
    groups = [factories.group("location", place)], [factories.group("token", token)]
    factories.exception("blacklist", "emsp_for_cpo", *groups)
    assert ask(platform, token, at(place)) == (200, 1000, "NOT_ALLOWED")
    reasons = sorted(Decision.objects.values_list("reason", flat=True))
    assert reasons == [
        "ALLOWED", "BLACKLISTED", "TOKEN_BLOCKED", "TOKEN_EXPIRED", "UNKNOWN_LOCATION", "UNKNOWN_TOKEN",
    ]  # fmt: skip
    assert set(Decision.objects.values_list("api_key", flat=True)) == {None}


def test_without_a_place_only_the_tokens_standing_is_told(partner: Make) -> None:
    token = factories.token()
    platform = partner(token.emsp, role="CPO")
    for body in (None, {}):
        assert ask(platform, token, body) == (200, 2002, None)
    assert ask(platform, Token(uid="FFFFFF")) == (404, 2001, None)
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert ask(platform, token) == (200, 1000, "EXPIRED")
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert ask(platform, token) == (200, 1000, "BLOCKED")
    assert ask(platform, token, {"evse_uids": ["1"]}) == (200, 2002, None)


def test_evses_are_asked_one_by_one(partner: Make) -> None:
    place, token = factories.location(), factories.token()
    closed = factories.evse(place, station=factories.station(place))
    free = factories.evse(place, evse_id=None, station=factories.station(place, authorization_required=False))
    alone = factories.evse(place)
    platform = partner(place.cpo, token.emsp, role="CPO")
    answer = platform.post(f"tokens/{token.uid}/authorize", at(place, closed, free, alone, connector_ids=["1"])).data
    assert answer["location"]["evse_uids"] == [closed.uid, free.uid, alone.uid]
    assert answer["location"]["connector_ids"] == ["1"]
    Token.objects.filter(pk=token.pk).update(valid=False)
    answer = platform.post(f"tokens/{token.uid}/authorize", at(place, closed, free, alone)).data
    assert (answer["allowed"], answer["location"]["evse_uids"]) == ("ALLOWED", [free.uid])
    assert ask(platform, token, at(place, closed, alone)) == (200, 1000, "BLOCKED")
    assert ask(platform, token, at(place) | {"evse_uids": ["nothing"]}) == (200, 2003, None)


def test_the_type_is_said_in_both_ways(partner: Make) -> None:
    place, emsp = factories.location(), factories.emsp()
    app = factories.token(emsp, uid="Ada", type="APP_USER")
    contract = factories.token(emsp, uid="NL-TNM-C00122045-K", type="EMAID")
    platform = partner(place.cpo, emsp, role="CPO")
    for token in (app, contract):
        assert ask(platform, token, at(place), "OTHER") == (200, 1000, "ALLOWED")
        assert ask(platform, token, at(place), "RFID")[0] == 404
    assert platform.post("tokens/ADA/authorize?token_type=OTHER", at(place)).data["allowed"] == "ALLOWED"
    assert platform.post("tokens/ADA/authorize?type=CARD", at(place)).code == 2001


def test_a_partner_asks_about_its_scope_alone(partner: Make) -> None:
    place, token = factories.location(), factories.token()
    assert ask(partner(place.cpo, role="CPO"), token, at(place)) == (404, 2001, None)
    assert ask(partner(token.emsp, role="CPO"), token, at(place)) == (200, 2003, None)
    assert ask(partner(token.emsp, all_cpos=True), token, at(place)) == (200, 1000, "ALLOWED")
    factories.listed(place, customer=factories.customer())
    # A private place that it does not see is no place; its own CPO is told.
    assert ask(partner(token.emsp, all_cpos=True), token, at(place)) == (200, 2003, None)
    own = {"country_code": place.cpo.country_code, "party_id": place.cpo.party_id, "role": "CPO"}
    assert ask(partner(place.cpo, token.emsp, **own), token, at(place)) == (200, 1000, "NOT_ALLOWED")


@pytest.mark.parametrize(
    "body", [[], "x", 7, {"location_id": 7}, {"location_id": "x" * 40}, {"location_id": "a", "evse_uids": "b"},
             {"location_id": "a", "evse_uids": [None]}, {"location_id": "a", "evse_uids": ["1"] * 1001}]
)  # fmt: skip
def test_what_is_no_place_is_refused(partner: Make, body: Any) -> None:
    assert ask(partner(role="CPO"), Token(uid="AA"), body)[:2] == (200, 2001)
    assert partner(role="CPO").post("tokens/%C3%A4/authorize", {"location_id": "a"}).code == 2001
