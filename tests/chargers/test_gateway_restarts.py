"""The gateway is killed and stopped while stations charge; each says again what was not answered, as OCPP wants it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from authorization.services import create_key
from chargers.models import AuthorizationInUse
from chargers.simulate import Card, ocpp_charger
from portal.stack import ports
from tests.chargers.conftest import Site, make_site
from tests.chargers.test_mqtt import database_url
from tests.drills.conftest import only_long

pytestmark = [only_long, pytest.mark.django_db(transaction=True)]
STATIONS, TRANSACTIONS = 6, 6
PATIENCE = 5.0  # seconds for an answer, then the station connects again
GONE = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, TimeoutError)


class Gateway:
    """`manage.py ocpp_gateway`, always on the same port."""

    def __init__(self) -> None:
        self.port = ports.free()
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "ocpp_gateway", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": database_url()})

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


class Station:
    """A charger with one connector. `done` is told of each transaction that came to its end."""

    def __init__(self, url: str, site: Site, version: str, done: Callable[[], None]) -> None:
        self.url, self.site, self.version, self.done = url, site, version, done
        self.key = create_key(station=site.station)[1]
        self.again = 0

    async def charge(self) -> None:
        card = Card(str(self.site.token.uid))
        for nth in range(TRANSACTIONS):
            name = f"2026-11-21T10:{nth:02}:00Z" if self.version == "ocpp1.6" else f"transaction-{nth}"
            status, number = await self.insist(lambda charger, name=name: charger.begin(card, 1, name))
            assert status == "Accepted"
            await self.insist(lambda charger, number=number: charger.end(number))
            self.done()

    async def insist(self, say: Callable[[Any], Any]) -> Any:
        while True:
            try:
                async with ocpp_charger(self.url, self.site.station.identity, self.key, self.version) as charger:
                    return await asyncio.wait_for(say(charger), PATIENCE)
            except GONE:
                self.again += 1
                await asyncio.sleep(0.1)


def test_restarts_under_traffic_lose_and_double_nothing(client_of: Any) -> None:
    gateway = Gateway()
    progress = Counter[str]()

    def done() -> None:
        progress["done"] += 1
        # While half of the stations are in the middle of something, whatever it is.
        if progress["done"] == STATIONS * TRANSACTIONS // 3:
            gateway.end(signal.SIGKILL)
            gateway.start()
        if progress["done"] == STATIONS * TRANSACTIONS * 2 // 3:
            assert gateway.end(signal.SIGTERM) == 0
            gateway.start()

    url = f"ws://127.0.0.1:{gateway.port}/ocpp"
    versions = ["ocpp1.6", "ocpp2.0.1"] * (STATIONS // 2)
    stations = [Station(url, make_site(client_of), version, done) for version in versions]

    async def all_of_them() -> None:
        await asyncio.wait_for(asyncio.gather(*(station.charge() for station in stations)), 120)

    try:
        # In a thread of its own: a browser's tests may have left this one with a loop that runs.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, all_of_them()).result()
    finally:
        gateway.process.kill()
        gateway.process.wait()
    uses = AuthorizationInUse.objects.values_list("station", "ended_by")
    assert Counter(uses) == {(each.site.station.pk, "transaction"): TRANSACTIONS for each in stations}
    assert any(each.again for each in stations)
