"""The gateway, with chargers of the package `ocpp` on the other side."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from authorization.models import Decision
from authorization.services import Caller, create_key
from chargers.models import AuthorizationInUse, Command
from chargers.ocpp.link import asked
from chargers.services import commands, watching
from chargers.services.commands import Order
from chargers.simulate import Card, ocpp_charger
from locations.models import EVSE
from tests import factories
from tests.chargers.broker import until
from tests.chargers.conftest import Site
from tests.chargers.gateway import Running, gateway
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
VERSIONS = ["ocpp1.6", "ocpp2.0.1"]
BOSS = Caller(0, "boss", portal=True)


@pytest.fixture
def running() -> Iterator[Running]:
    with gateway() as found:
        yield found


class Connected:
    def __init__(self, running: Running, site: Site, version: str) -> None:
        self.running, self.site, self.version = running, site, version
        self.key = create_key(station=site.station)[1]

    def with_charger(self, work: Callable[[Any], Any], key: str = "") -> Any:
        async def whole() -> Any:
            async with ocpp_charger(
                self.running.url, self.site.station.identity, key or self.key, self.version
            ) as charger:
                return await work(charger)

        return self.running.do(whole())


@pytest.fixture(params=VERSIONS)
def connected(request: pytest.FixtureRequest, running: Running, site: Site) -> Connected:
    return Connected(running, site, request.param)


def card(site: Site) -> Card:
    return Card(str(site.token.uid))


def test_a_transaction_from_its_authorization_to_its_end(connected: Connected) -> None:
    site = connected.site

    async def charge(charger: Any) -> Any:
        said = [await charger.boot(), await charger.authorize(card(site)), await charger.authorize(Card("0BADCA2D"))]
        status, number = await charger.begin(card(site))
        in_use = await asked(AuthorizationInUse.objects.filter(ended_at=None).count)
        await charger.end(number)
        refused, _ = await charger.begin(Card("0BADCA2D"))
        return [*said, status, in_use, refused]

    nobody = "Invalid" if connected.version == "ocpp1.6" else "Unknown"
    assert connected.with_charger(charge) == ["Accepted", "Accepted", nobody, "Accepted", 1, nobody]
    use = AuthorizationInUse.objects.get()
    assert (use.ended_by, use.token, use.station, use.via) == ("transaction", site.token, site.station, "ocpp")
    reasons = ["ALLOWED", "UNKNOWN_TOKEN", "ALLOWED", "UNKNOWN_TOKEN"]
    assert list(Decision.objects.order_by("pk").values_list("reason", flat=True)) == reasons


def test_who_has_no_key_of_the_station_is_refused(connected: Connected) -> None:
    async def boot(charger: Any) -> Any:
        return await charger.boot()

    other = create_key(station=factories.station())[1]
    for key in ("nonsense", other, create_key(cpo=connected.site.location.cpo)[1]):
        with pytest.raises(InvalidStatus) as refused:
            connected.with_charger(boot, key)
        assert refused.value.response.status_code == 401


def test_a_transaction_told_twice_is_one_over_a_restart_of_the_gateway(connected: Connected) -> None:
    """The answer was lost with the gateway, so the charger says it again."""
    site = connected.site
    again = "2026-11-21T10:00:00Z" if connected.version == "ocpp1.6" else "transaction-1"

    async def begin(charger: Any) -> Any:
        return await charger.begin(card(site), 1, again)

    first = connected.with_charger(begin)
    connected.running.stop()
    connected.running.start()
    assert connected.with_charger(begin) == first
    assert AuthorizationInUse.objects.filter(ended_at=None).count() == 1

    async def end(charger: Any) -> Any:
        await charger.end(first[1])
        await charger.end(first[1])

    connected.with_charger(end)
    assert AuthorizationInUse.objects.filter(ended_at=None).count() == 0


def test_the_same_card_on_two_connectors_is_two_and_a_new_one_replaces_the_old(connected: Connected) -> None:
    async def begin(charger: Any) -> Any:
        return [(await charger.begin(card(connected.site), connector, at))[0] for connector, at in asked]

    one = ["2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z", "2026-11-21T10:00:02Z"]
    asked = list(zip([1, 2, 2], one, strict=True))
    assert connected.with_charger(begin) == ["Accepted"] * 3
    ended = AuthorizationInUse.objects.order_by("pk").values_list("ended_by", flat=True)
    assert list(ended) == ["", "superseded", ""]


def test_a_station_hears_that_a_transaction_is_to_end(connected: Connected) -> None:
    site = connected.site

    def block() -> int:
        Token.objects.filter(pk=site.token.pk).update(valid=False)
        return watching.look(timezone.now())

    async def charge(charger: Any) -> Any:
        _, number = await charger.begin(card(site))
        assert await asked(block) == 1
        return number, await asyncio.wait_for(charger.stopped.get(), 10)

    number, stopped = connected.with_charger(charge)
    assert stopped == number


def test_the_offline_list_is_sent_and_what_changes_of_it(connected: Connected) -> None:
    site = connected.site
    factories.listed(site.location, token=site.token)

    async def wait(charger: Any) -> Any:
        while not charger.lists:
            await asyncio.sleep(0.02)
        return charger.version, charger.lists[0]["update_type"], str(charger.lists[0])

    version, kind, text = connected.with_charger(wait)
    assert (version, kind) == (1, "Full")
    assert str(site.token.uid) in text


def test_a_station_gets_no_longer_list_than_it_keeps(connected: Connected) -> None:
    site = connected.site
    factories.listed(site.location, token=site.token)
    factories.listed(site.location, token=factories.token(site.token.emsp))

    async def wait(charger: Any) -> Any:
        charger.keeps = 1
        while not charger.lists:
            await asyncio.sleep(0.02)
        return charger.lists[0]["local_authorization_list"]

    assert len(connected.with_charger(wait)) == 1


def test_commands_reach_a_station_and_are_answered(connected: Connected) -> None:
    site = connected.site
    presented = {"id_token": str(site.token.uid), "token_type": "ISO14443"}

    def give(kind: str, **more: Any) -> Command:
        return commands.give(Order(kind, site.station, **more), BOSS, timezone.now())

    async def charge(charger: Any) -> Any:
        await charger.boot()
        evse = await asked(lambda: EVSE.objects.get(pk=site.evse.pk))
        given = [await asked(give, "start", evse=evse, presented=presented)]
        await asyncio.wait_for(charger.started.get(), 10)
        status, number = await charger.begin(card(site))
        assert status == "Accepted"
        for kind in ("pause", "resume"):
            given.append(await asked(give, kind))
            await asyncio.wait_for(charger.limited.get(), 10)
        given.append(await asked(give, "stop"))
        assert await asyncio.wait_for(charger.stopped.get(), 10) == number
        await asked(until, lambda: set(Command.objects.values_list("state", flat=True)) == {"accepted"})
        return given

    given = connected.with_charger(charge)
    assert len(given) == 4
    # What the command authorized is what the transaction used.
    assert AuthorizationInUse.objects.get().ended_by == "command"
