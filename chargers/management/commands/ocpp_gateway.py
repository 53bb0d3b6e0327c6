"""`manage.py ocpp_gateway`: OCPP 1.6-J and 2.0.1 over WebSocket."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chargers.ocpp import gateway


class Command(BaseCommand):
    help = (
        "Answers charge stations that speak OCPP 1.6-J or 2.0.1 at ws://HOST:PORT/ocpp/<identity>, with basic auth by "
        "the identity and the station's key. A demonstration and a test harness; TLS is a proxy's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.OCPP_HOST, help="[OCPP_HOST]")
        parser.add_argument("--port", type=int, default=settings.OCPP_PORT, help="[OCPP_PORT]")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DATABASE_URL:
            raise CommandError("DATABASE_URL is not set, and no servers run on DATA_DIR.")
        try:
            asyncio.run(_run(options["host"], options["port"]))
        except OSError as error:
            raise CommandError(f"Cannot listen on {options['host']}:{options['port']}: {error}") from None


async def _run(host: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await gateway.run(host, port, stopped)
