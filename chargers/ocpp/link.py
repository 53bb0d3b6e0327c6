"""What both versions of OCPP have in common at a connected station: how it calls services, and what it is told."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import DatabaseError, connections
from django.utils import timezone

from authorization import clock
from authorization.questions import BadQuestion
from authorization.services import NoRules
from authorization.services.keys import Caller
from chargers.models import AuthorizationInUse, Command, Ended, StationMessage
from chargers.services import commands, local_lists
from locations.models import EVSE, ChargeStation

logger = logging.getLogger(__name__)
T = TypeVar("T")
LIST_EVERY = 60.0  # seconds between looks whether a station's list has changed
HEARTBEAT = 300
Kind = Command.Kind


async def asked(work: Callable[..., T], *args: Any, **more: Any) -> T:
    """What a service gives, called in a thread that leaves its connection to the next."""

    def call() -> T:
        try:
            return work(*args, **more)
        finally:
            connections.close_all()

    working = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        # A thread cannot be cancelled: what it does is finished before whoever stops us goes on.
        await asyncio.wait([working])
        raise


class Link:
    """A station that is connected: mixed into the package's ChargePoint of a version."""

    version = ""
    station: ChargeStation
    caller: Caller

    def connect(self, station: ChargeStation, caller: Caller) -> None:
        self.station, self.caller = station, caller

    async def decided(self, work: Callable[..., T], *args: Any, **more: Any) -> T | None:
        """What a service decides; None where it cannot, which is never an accept."""
        try:
            return await asked(work, self.station.pk, *args, caller=self.caller, now=clock.now(), **more)
        except BadQuestion as error:
            logger.warning("%s asked what cannot be answered: %s", self.station, error.detail)
        except NoRules as error:
            logger.error("%s is not answered: %s", self.station, error)
        except DatabaseError as error:
            logger.error("%s is told that there was an error: %s", self.station, error)
            raise
        return None

    async def keep_list(self) -> None:
        """Sends the offline list, and what changes of it, for as long as the station is there."""
        while True:
            try:
                await self.send_list(await self.list_version())
            except (NoRules, TimeoutError, DatabaseError) as error:
                # Not the error's text: it may hold the message.
                logger.warning("%s has no new list now: %s", self.station, type(error).__name__)
            await asyncio.sleep(LIST_EVERY)

    async def send_list(self, known: int | None) -> bool:
        """Whether the station took it, or has it already. known: its version; None: it keeps no list."""
        if known is None:
            return False
        most = await self.list_size()
        answer = await asked(local_lists.answer, self.station, known, most, clock.now())
        if not answer.full and answer.version == known:
            return True
        if answer.left_out:
            logger.warning("%s keeps %s of %s charge tokens offline", self.station, most, answer.total)
        # One message is one version, so a change that one message cannot carry is a new list.
        if len(answer.entries) <= most and await self.put_list(answer):
            return True
        if answer.full:
            return False
        return await self.put_list(await asked(local_lists.answer, self.station, None, most, clock.now()))

    async def list_size(self) -> int:
        """How many identifications the station keeps and takes in one message; our limit where it does not say."""
        said = [int(value) for value in await self.list_limits() if value is not None and value.isdecimal()]
        return min([max(1, value) for value in said] + [local_lists.MOST])

    async def list_version(self) -> int | None:
        raise NotImplementedError

    async def list_limits(self) -> list[str | None]:
        """What the station says of it, as it says it."""
        raise NotImplementedError

    async def put_list(self, answer: local_lists.Answer) -> bool:
        raise NotImplementedError

    async def begin_charging(self, presented: dict[str, Any], evse: int | None, number: int) -> bool:
        raise NotImplementedError

    async def end_charging(self, use: AuthorizationInUse) -> bool:
        raise NotImplementedError

    async def limit_charging(self, use: AuthorizationInUse | None, *, to_nothing: bool) -> bool:
        raise NotImplementedError

    async def tell(self, message: StationMessage) -> None:
        """What the station is to know or do, in its protocol's words; and its answer to a command."""
        use = message.use
        if message.command is not None:
            done = await self._do(message, message.command)
            await asked(
                commands.answered, str(message.message_id), accepted=done, now=timezone.now(), station=self.station.pk
            )
        # A stop by command comes as a command, too.
        elif use is not None and use.reference and use.ended_by not in ("", Ended.COMMAND):
            await self.end_charging(use)

    async def _do(self, message: StationMessage, command: Command) -> bool:
        use = message.use
        if command.kind == Kind.START:
            evse = await asked(_number_of, command.evse) if command.evse is not None else None
            return await self.begin_charging(message.body["data"], evse, command.pk % 2**31)
        if command.kind == Kind.STOP:
            # What was authorized by command alone has no transaction that could be stopped.
            return use is not None and (not use.reference or await self.end_charging(use))
        pauses = command.kind == Kind.PAUSE or (command.kind == Kind.TOGGLE and use is not None and not use.paused)
        return await self.limit_charging(use, to_nothing=pauses)


def _number_of(evse: EVSE) -> int | None:
    """OCPP counts a station's EVSEs from 1; here they are in the order in which they were entered."""
    pks = list(EVSE.objects.filter(station=evse.station_id).order_by("pk").values_list("pk", flat=True))
    return pks.index(evse.pk) + 1 if evse.pk in pks else None


def instant(at: datetime | None = None) -> str:
    return (at or timezone.now()).strftime("%Y-%m-%dT%H:%M:%SZ")
