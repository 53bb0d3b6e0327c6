"""A small central system: stations connect by WebSocket, and what they ask is answered by the services.

A demonstration and a test harness, not a CSMS: it keeps nothing of its own, so it can be stopped at any moment.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from django.db import DatabaseError
from django.utils import timezone
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from authorization import clock
from authorization.services.keys import Caller, authenticate
from chargers.models import Command, StationMessage
from chargers.ocpp import words
from chargers.ocpp.link import Link, asked
from chargers.ocpp.v16 import Station16
from chargers.ocpp.v201 import Station201
from chargers.services import outbox
from locations import ids
from locations.models import ChargeStation

logger = logging.getLogger(__name__)
PREFIX = "/ocpp/"
LOOK_EVERY = 0.3  # seconds between looks for messages to stations that are connected
VERSIONS: dict[str, Any] = {words.V201: Station201, words.V16: Station16}


class Gateway:
    def __init__(self) -> None:
        self.connected: dict[int, Link] = {}
        self._telling: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, host: str, port: int) -> Server:
        return await serve(
            self.handle, host, port, process_request=self.admit,
            subprotocols=[Subprotocol(version) for version in VERSIONS], max_size=2**20,
        )  # fmt: skip

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Basic auth: the station's identity, and its key. 401 says no more than that."""
        found = await asked(_known, request.path, request.headers.get("Authorization", ""))
        if found is None:
            refused = connection.respond(HTTPStatus.UNAUTHORIZED, "The identity or the key is not known.\n")
            refused.headers["WWW-Authenticate"] = 'Basic realm="chargeward"'
            return refused
        connection.station, connection.caller = found  # type: ignore[attr-defined]
        return None

    async def handle(self, connection: ServerConnection) -> None:
        """One station, from its connection to its end."""
        made = VERSIONS.get(connection.subprotocol or "")
        if made is None:
            await connection.close(1002, "Speak ocpp1.6 or ocpp2.0.1.")
            return
        station: ChargeStation = connection.station  # type: ignore[attr-defined]
        link = made(station.identity, connection, response_timeout=10)
        link.connect(station, connection.caller)  # type: ignore[attr-defined]
        self.connected[station.pk] = link
        await asked(outbox.heard, station.pk, outbox.OCPP, timezone.now())
        listing = asyncio.create_task(link.keep_list())
        logger.info("%s is connected (%s)", station, connection.subprotocol)
        try:
            # The package's own start() is a loop around recv().
            async for message in connection:
                await link.route_message(message)
        except ConnectionClosed:
            pass
        finally:
            listing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await listing
            if self.connected.get(station.pk) is link:
                del self.connected[station.pk]
            logger.info("%s is gone", station)

    async def close(self) -> None:
        """Ends what is being told; it is told again by whoever follows."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def deliver_always(self) -> None:
        while True:
            try:
                await self.deliver()
            except DatabaseError as error:
                logger.warning("What stations are to be told waits: %s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def deliver(self) -> None:
        """Tells each station that is connected what waits for it, without waiting for its answer."""
        if not self.connected:
            return
        for message in await asked(_waiting, list(self.connected)):
            link = self.connected.get(message.station_id or 0)
            if link is not None and message.pk not in self._telling:
                self._telling.add(message.pk)
                task = asyncio.create_task(self._tell(link, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _tell(self, link: Link, message: StationMessage) -> None:
        """A station that goes away meanwhile is told when it is back."""
        try:
            await link.tell(message)
            await asked(_delivered, message)
        except (ConnectionClosed, TimeoutError, DatabaseError) as error:
            # Not the error's text: it may hold the message, and a card's id in it.
            logger.warning("%s is told later: %s", link.station, type(error).__name__)
        except Exception as error:
            logger.error("%s cannot be told of %s: %s", link.station, message, type(error).__name__)
            await asked(_delivered, message)
        finally:
            self._telling.discard(message.pk)


def _known(path: str, header: str) -> tuple[ChargeStation, Caller] | None:
    """The station of an address, where the header has its key."""
    scheme, _, encoded = header.partition(" ")
    if not path.startswith(PREFIX) or scheme.lower() != "basic":
        return None
    try:
        user, _, key = base64.b64decode(encoded, validate=True).decode().partition(":")
        identity = ids.identity(unquote(path.removeprefix(PREFIX).partition("?")[0]))
        if ids.identity(user) != identity:
            return None
    except (ids.BadId, ValueError, binascii.Error):
        return None
    caller = authenticate(key, clock.now())
    station = ChargeStation.objects.filter(identity_normal=identity).first()
    if caller is None or station is None or caller.station != station.pk:
        return None
    return station, caller


def _waiting(stations: list[int]) -> list[StationMessage]:
    waiting = StationMessage.objects.filter(channel=outbox.OCPP, delivered_at=None, station__in=stations)
    return list(waiting.select_related("use", "command__evse").order_by("pk")[:200])


def _delivered(message: StationMessage) -> None:
    StationMessage.objects.filter(pk=message.pk).update(delivered_at=timezone.now())
    pending = Command.objects.filter(message_id=message.message_id, state=Command.State.PENDING)
    pending.update(state=Command.State.DELIVERED)


async def run(host: str, port: int, stopped: asyncio.Event) -> None:
    """Until told to stop; then stations are told goodbye, and come back to whoever follows."""
    gateway = Gateway()
    server = await gateway.serve(host, port)
    logger.info("OCPP at ws://%s:%s%s<identity>", host, port, PREFIX)
    telling = asyncio.create_task(gateway.deliver_always())
    try:
        await stopped.wait()
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await gateway.close()
        server.close()
        await server.wait_closed()
