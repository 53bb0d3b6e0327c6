"""The gateway in a loop of its own, and chargers that connect to it."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from chargers.ocpp.gateway import Gateway

T = TypeVar("T")


class Running:
    """A gateway that runs; `do` runs a charger's part in the same loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.port = 0

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def start(self) -> None:
        self.gateway = Gateway()
        self.server = self.do(self.gateway.serve("127.0.0.1", self.port))
        self.port = next(iter(self.server.sockets)).getsockname()[1]
        self.telling = self.do(self._begin_telling())

    async def _begin_telling(self) -> "asyncio.Task[None]":
        return asyncio.create_task(self.gateway.deliver_always())

    def stop(self) -> None:
        self.do(self._stop())

    async def _stop(self) -> None:
        self.telling.cancel()
        await asyncio.gather(self.telling, return_exceptions=True)
        await self.gateway.close()
        self.server.close()
        await self.server.wait_closed()


@contextmanager
def gateway() -> Iterator[Running]:
    running = Running()
    running.start()
    try:
        yield running
    finally:
        running.stop()
        # Its threads give their connections back before the next test's database is emptied.
        asyncio.run_coroutine_threadsafe(running.loop.shutdown_default_executor(), running.loop).result(30)
        running.loop.call_soon_threadsafe(running.loop.stop)
        running.thread.join(10)
        running.loop.close()
