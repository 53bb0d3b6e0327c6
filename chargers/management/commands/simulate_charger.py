"""`manage.py simulate_charger`: a card is presented at a charger, and the answer printed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from authorization.models import ApiKey
from authorization.questions import TOKEN_TYPES, parse
from authorization.services import Answer, Caller, create_key
from authorization.services.asking import token_of
from authorization.services.charging import answers_to
from chargers import simulate
from chargers.mqtt import Broker
from chargers.ocpp import words
from chargers.simulate import Card, NoAnswer, Told
from locations import ids
from locations.models import ChargeStation
from tokens.models import Token

WAYS = ("rest", "mqtt", "ocpp")
UNKNOWN = Card("0BADCA2D")
LOOKED_AT = 300  # tokens, for one that is accepted and one that is not


class Command(BaseCommand):
    help = "Plays a charger: presents cards over REST, MQTT or OCPP and prints whether they may charge."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("over", nargs="?", choices=WAYS, default="rest")
        parser.add_argument("--station", help="identity of the station to play; default: one that asks for cards")
        parser.add_argument("--card", help="id to present; default: one that is accepted and one that is refused")
        parser.add_argument("--token-type", choices=TOKEN_TYPES, default="ISO14443")
        parser.add_argument("--url", help="of the portal, the broker (MQTT_URL) or the gateway")
        parser.add_argument("--ocpp-version", choices=("1.6", "2.0.1"), default="1.6")

    def handle(self, *args: Any, **options: Any) -> None:
        station = self._station(options["station"])
        cards = [Card(options["card"], options["token_type"])] if options["card"] else self._cards(station)
        self.stdout.write(f"{station.identity} at {station.location}, over {options['over']}:")
        with self._key(station) as key:
            for card in cards:
                try:
                    told = self._present(station, key, card, options)
                except NoAnswer as error:
                    raise CommandError(str(error)) from None
                mark = self.style.SUCCESS("may charge") if told.accepted else self.style.ERROR("may not")
                self.stdout.write(f"  {card.id_token} ({card.token_type}) {mark}: {told.words}")

    def _present(self, station: ChargeStation, key: str, card: Card, options: dict[str, Any]) -> Told:
        if options["over"] == "rest":
            return simulate.over_rest(options["url"] or f"http://{settings.HOST}:{settings.PORT}", key, card)
        if options["over"] == "mqtt":
            url = options["url"] or settings.MQTT_URL
            try:
                broker = Broker.at(url, version=settings.MQTT_VERSION, ca_file=settings.MQTT_CA_FILE)
            except ValueError as error:
                raise CommandError(f"{error} Set MQTT_URL, or give --url.") from None
            return simulate.over_mqtt(broker, station.identity, card)
        version = words.V16 if options["ocpp_version"] == "1.6" else words.V201
        url = options["url"] or f"ws://{settings.OCPP_HOST}:{settings.OCPP_PORT}/ocpp"
        return asyncio.run(simulate.over_ocpp(url, station.identity, key, card, version))

    def _station(self, identity: str | None) -> ChargeStation:
        stations = ChargeStation.objects.select_related("location").order_by("pk")
        if identity:
            try:
                found = stations.filter(identity_normal=ids.identity(identity)).first()
            except ids.BadId as error:
                raise CommandError(str(error)) from None
        else:
            found = stations.filter(authorization_required=True, location__published=True).first()
        if found is None:
            raise CommandError("There is no such charge station.")
        return found

    def _cards(self, station: ChargeStation) -> list[Card]:
        """One that the decision accepts there, and one that it refuses: best a known one."""
        tokens = Token.objects.filter(uid__isnull=False, type="RFID").order_by("pk")[:LOOKED_AT]
        asked = [parse(token_of(token) | {"station": station.identity}) for token in tokens]
        given = answers_to(asked, Caller(0, "simulate_charger", portal=True), timezone.now()) if asked else []
        answers = [answer for answer in given if isinstance(answer, Answer)]
        found = [next((a for a in answers if a.verdict.accepted is accepted), None) for accepted in (True, False)]
        cards = [Card(str(answer.question.presented)) for answer in found if answer is not None]
        return cards if found[1] is not None else [*cards, UNKNOWN]

    @contextmanager
    def _key(self, station: ChargeStation) -> Iterator[str]:
        """A key of the station's for as long as it is played."""
        key, text = create_key(
            name="simulate_charger", station=station, expires_at=timezone.now() + timedelta(minutes=10)
        )
        try:
            yield text
        finally:
            ApiKey.objects.filter(pk=key.pk).delete()
