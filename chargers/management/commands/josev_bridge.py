"""`manage.py josev_bridge`: Josev's messages over MQTT."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authorization.services import authenticate
from authorization.services.keys import Caller
from chargers.mqtt import PORTAL, VERSIONS, Bridge, Broker


class Command(BaseCommand):
    help = (
        "Answers Josev's authorization messages over MQTT and tells stations what they are to know. The broker is "
        "MQTT_URL; SIGTERM or Ctrl-C stops it once what it has taken is answered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=settings.MQTT_URL, help="mqtt[s]://USER:PASSWORD@HOST:PORT [MQTT_URL]")
        parser.add_argument("--mqtt-version", choices=sorted(VERSIONS), default=settings.MQTT_VERSION)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["url"]:
            raise CommandError("MQTT_URL is not set. Set it to mqtt://HOST:1883 or mqtts://USER:PASSWORD@HOST:8883.")
        if not settings.DATABASE_URL:
            raise CommandError("DATABASE_URL is not set, and no servers run on DATA_DIR.")
        try:
            broker = Broker.at(
                options["url"], version=options["mqtt_version"], client_id=settings.MQTT_CLIENT_ID,
                ca_file=settings.MQTT_CA_FILE,
            )  # fmt: skip
        except ValueError as error:
            raise CommandError(str(error)) from None
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        Bridge(broker, settings.DATABASE_URL, self._caller()).run(stopped)

    def _caller(self) -> Caller:
        """Whose stations may be heard; without a key everybody who may write on the broker's topics."""
        if not settings.MQTT_API_KEY:
            return PORTAL
        caller = authenticate(settings.MQTT_API_KEY, timezone.now())
        if caller is None or caller.user is not None:
            raise CommandError("MQTT_API_KEY is no key in force of a charge station or a CPO.")
        return caller
