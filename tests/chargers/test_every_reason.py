"""Each reason of the decision, presented through every protocol: all say what the contract's table says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from authorization.engine.reasons import ROWS, Reason
from authorization.services import create_key
from chargers.simulate import Card, ocpp_charger
from locations.models import ChargeStation, Location
from tests import factories
from tests.chargers.broker import MOSQUITTO, WHY_SKIPPED, Broker, Charger
from tests.chargers.conftest import Site, josev_message, make_site
from tests.chargers.gateway import gateway
from tests.chargers.test_mqtt import bridge
from tests.conftest import ApiClient
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
NONE: dict[str, Any] = {"id_token": None, "token_type": "no_authorization"}


def rule(site: Site, action: str, direction: str, token: Token, place: Location) -> None:
    places, cards = factories.group("location", place), factories.group("token", token)
    factories.exception(action, direction, [places], [cards])


def unknown_location(site: Site) -> dict[str, Any]:
    return {"evse_id": "NL*XXX*E999"}


def free_charging(site: Site) -> dict[str, Any]:
    ChargeStation.objects.filter(pk=site.station.pk).update(authorization_required=False)
    return NONE


def authorization_required(site: Site) -> dict[str, Any]:
    return NONE


def unknown_token(site: Site) -> dict[str, Any]:
    return {"id_token": "0BADCA2D"}


def token_blocked(site: Site) -> dict[str, Any]:
    Token.objects.filter(pk=site.token.pk).update(valid=False)
    return {}


def token_expired(site: Site) -> dict[str, Any]:
    Token.objects.filter(pk=site.token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    return {}


def blacklisted(site: Site) -> dict[str, Any]:
    rule(site, "blacklist", "emsp_for_cpo", site.token, site.location)
    return {}


def not_whitelisted_at_location(site: Site) -> dict[str, Any]:
    rule(site, "whitelist", "emsp_for_cpo", factories.token(), site.location)
    return {}


def token_tied_elsewhere(site: Site) -> dict[str, Any]:
    rule(site, "whitelist", "cpo_for_emsp", site.token, factories.location())
    return {}


def not_on_authorization_list(site: Site) -> dict[str, Any]:
    factories.listed(site.location, token=factories.token())
    return {}


def location_not_published(site: Site) -> dict[str, Any]:
    Location.objects.filter(pk=site.location.pk).update(published=False)
    return {}


def external_token_not_listed(site: Site) -> dict[str, Any]:
    return {"id_token": factories.external("NL-EXT-C00000007").auth_id, "token_type": "e_maid"}


def allowed(site: Site) -> dict[str, Any]:
    return {}


SCENES: dict[Reason, Callable[[Site], dict[str, Any]]] = {
    Reason[name.upper()]: scene
    for name, scene in list(globals().items())
    if name.upper() in Reason.__members__ and callable(scene)
}
# What a protocol has no way to present: Josev's requests know no e_maid, OCPP 1.6 no absence of a card, and OCPP
# names no place beside the station's own.
CANNOT = {
    "josev": {Reason.EXTERNAL_TOKEN_NOT_LISTED},
    "ocpp1.6": {Reason.UNKNOWN_LOCATION, Reason.AUTHORIZATION_REQUIRED},
    "ocpp2.0.1": {Reason.UNKNOWN_LOCATION},
}


def test_every_reason_has_a_scene() -> None:
    assert set(SCENES) == set(Reason)


Built = list[tuple[Reason, Site, dict[str, Any]]]


@pytest.fixture
def scenes(client_of: Callable[..., ApiClient]) -> Built:
    """A site of its own for each reason, and what to present there."""
    built = []
    for reason, scene in SCENES.items():
        with transaction.atomic():  # an exception is checked when it is committed with its groups
            site = make_site(client_of)
            built.append((reason, site, scene(site)))
    return built


def body(site: Site, asked: dict[str, Any]) -> dict[str, Any]:
    return dict(josev_message(site, **asked)["data"])


def card(site: Site, asked: dict[str, Any]) -> Card:
    data = body(site, asked)
    return Card(data.get("id_token", "none"), data["token_type"])


def status(reason: Reason) -> str:
    return "accepted" if reason.accepted else "rejected"


def test_rest_and_batch(scenes: Built) -> None:
    for reason, site, asked in scenes:
        one = site.api.post("/api/v1/authorize", body(site, asked)).json()
        assert (one["status"], one["reason"]) == (status(reason), reason.value)
        batch = site.api.post("/api/v1/authorize/batch", {"requests": [body(site, asked)]}).json()
        assert batch["results"][0]["reason"] == reason.value


def test_josev(scenes: Built) -> None:
    for reason, site, asked in scenes:
        if reason not in CANNOT["josev"]:
            assert site.ask(**asked) == status(reason), reason


@pytest.mark.skipif(MOSQUITTO is None, reason=WHY_SKIPPED)
def test_mqtt(scenes: Built, tmp_path: Any) -> None:
    broker = Broker(tmp_path / "broker")
    broker.start()
    try:
        with bridge(broker):
            for reason, site, asked in scenes:
                if reason not in CANNOT["josev"]:
                    charger = Charger(broker.port, f"{site.station.identity}/")
                    assert charger.ask(josev_message(site, **asked)) == status(reason), reason
                    charger.close()
    finally:
        broker.stop()


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_ocpp(scenes: Built, version: str) -> None:
    with gateway() as running:

        async def ask(site: Site, asked: dict[str, Any], key: str) -> Any:
            async with ocpp_charger(running.url, site.station.identity, key, version) as charger:
                return await charger.authorize(card(site, asked)), (await charger.begin(card(site, asked)))[0]

        for reason, site, asked in scenes:
            if reason in CANNOT[version]:
                continue
            row = ROWS[reason.row - 1]
            said = row.ocpp16 if version == "ocpp1.6" else row.ocpp201
            assert running.do(ask(site, asked, create_key(station=site.station)[1])) == (said, said), reason
