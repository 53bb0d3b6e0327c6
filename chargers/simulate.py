"""A charger to try things with: presents a card over HTTP, MQTT or OCPP, and says what it was told."""

import asyncio
import base64
import contextlib
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from queue import Empty, Queue
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
import paho.mqtt.client as paho
from ocpp.routing import on
from ocpp.v16 import ChargePoint as Point16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as Point201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from paho.mqtt.enums import CallbackAPIVersion
from websockets.asyncio.client import connect

from chargers.mqtt import IN, VERSIONS, Broker
from chargers.ocpp import words
from chargers.ocpp.link import instant
from chargers.services.outbox import OUT, topic_of

PATIENCE = 10.0  # seconds to wait for an answer


class NoAnswer(RuntimeError):
    """Nobody answered, or not what a charger understands."""


class Card(NamedTuple):
    id_token: str
    token_type: str = "ISO14443"


class Told(NamedTuple):
    """accepted: whether the car may charge. words: what was said."""

    accepted: bool
    words: str


def over_rest(url: str, key: str, card: Card) -> Told:
    """`authorize`, as a charger with a key of its own asks it."""
    request = urllib.request.Request(  # noqa: S310 - the portal's own address
        f"{url.rstrip('/')}/api/v1/authorize",
        orjson.dumps(card._asdict()),
        {"Authorization": f"Token {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            body = orjson.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise NoAnswer(f"{url} does not answer: {error}") from None
    return Told(body["status"] == "accepted", f"{body['status']}, {body['reason']}: {body['message']}")


def over_mqtt(broker: Broker, identity: str, card: Card) -> Told:
    """Josev's request; where it is accepted a second one ends what the first began."""
    came: Queue[Any] = Queue()
    subscribed = threading.Event()
    prefix = topic_of(identity)
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=VERSIONS[broker.version])
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set(ca_certs=broker.ca_file or None)
    client.on_connect = lambda *_: [client.subscribe(f"{prefix}/{OUT}", 1)]  # type: ignore[assignment]
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: came.put(orjson.loads(message.payload))
    try:
        client.connect(broker.host, broker.port)
    except OSError as error:
        raise NoAnswer(f"The broker at {broker.host}:{broker.port} does not answer: {error}") from None
    client.loop_start()
    try:
        subscribed.wait(PATIENCE)

        def ask() -> str:
            id_ = str(uuid.uuid4())
            message = {"id": id_, "name": "authorization", "type": "request", "data": card._asdict()}
            client.publish(f"{prefix}/{IN}", orjson.dumps(message), 1)
            while (answer := came.get(timeout=PATIENCE))["id"] != id_:
                pass
            return str(answer["data"]["status"])

        status = ask()
        if status == "accepted":
            ask()
        return Told(status == "accepted", status)
    except Empty:
        raise NoAnswer("Nobody answered. Does `manage.py josev_bridge` run?") from None
    finally:
        client.disconnect()
        client.loop_stop()


class _Remote:
    """What a central system may ask of the simulated charger.

    lists: what it was sent of offline lists. keeps: how many identifications it keeps.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.lists: list[dict[str, Any]] = []
        self.stopped: asyncio.Queue[Any] = asyncio.Queue()
        self.started: asyncio.Queue[Any] = asyncio.Queue()
        self.limited: asyncio.Queue[Any] = asyncio.Queue()
        self.version = 0
        self.keeps = 1000

    def take_list(self, version: int, update: dict[str, Any]) -> None:
        self.version = version
        self.lists.append(update)


class Charger16(_Remote, Point16):  # type: ignore[misc]
    @on("GetLocalListVersion")
    def list_version(self) -> Any:
        return result16.GetLocalListVersion(self.version)

    @on("GetConfiguration")
    def configuration(self, key: list[str] | None = None) -> Any:
        limits = {"LocalAuthListMaxLength": self.keeps, "SendLocalListMaxLength": self.keeps}
        known = [
            {"key": name, "readonly": True, "value": str(limits[name])} for name in key or limits if name in limits
        ]
        return result16.GetConfiguration(known)

    @on("SendLocalList")
    def new_list(self, list_version: int, **update: Any) -> Any:
        self.take_list(list_version, update)
        return result16.SendLocalList("Accepted")

    @on("RemoteStopTransaction")
    def stop_now(self, transaction_id: int) -> Any:
        self.stopped.put_nowait(transaction_id)
        return result16.RemoteStopTransaction("Accepted")

    @on("RemoteStartTransaction")
    def start_now(self, **asked: Any) -> Any:
        self.started.put_nowait(asked)
        return result16.RemoteStartTransaction("Accepted")

    @on("SetChargingProfile")
    def limit_now(self, **asked: Any) -> Any:
        self.limited.put_nowait(asked)
        return result16.SetChargingProfile("Accepted")

    @on("ClearChargingProfile")
    def go_on(self, **asked: Any) -> Any:
        self.limited.put_nowait(asked)
        return result16.ClearChargingProfile("Accepted")

    async def boot(self) -> str:
        return str((await self.call(call16.BootNotification("simulator", "Chargeward"))).status)

    async def authorize(self, card: Card) -> str:
        return str((await self.call(call16.Authorize(card.id_token))).id_tag_info["status"])

    async def begin(self, card: Card, connector: int = 1, at: str = "") -> tuple[str, int]:
        """(status, transaction id)."""
        answer = await self.call(call16.StartTransaction(connector, card.id_token, 0, at or instant()))
        return str(answer.id_tag_info["status"]), int(answer.transaction_id)

    async def end(self, number: int) -> None:
        await self.call(call16.StopTransaction(1, instant(), number))


class Charger201(_Remote, Point201):  # type: ignore[misc]
    @on("GetLocalListVersion")
    def list_version(self) -> Any:
        return result201.GetLocalListVersion(self.version)

    @on("GetVariables")
    def variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        value = {"attribute_status": "Accepted", "attribute_value": str(self.keeps)}
        return result201.GetVariables([value | asked for asked in get_variable_data])

    @on("SendLocalList")
    def new_list(self, version_number: int, **update: Any) -> Any:
        self.take_list(version_number, update)
        return result201.SendLocalList("Accepted")

    @on("RequestStopTransaction")
    def stop_now(self, transaction_id: str) -> Any:
        self.stopped.put_nowait(transaction_id)
        return result201.RequestStopTransaction("Accepted")

    @on("RequestStartTransaction")
    def start_now(self, **asked: Any) -> Any:
        self.started.put_nowait(asked)
        return result201.RequestStartTransaction("Accepted")

    @on("SetChargingProfile")
    def limit_now(self, **asked: Any) -> Any:
        self.limited.put_nowait(asked)
        return result201.SetChargingProfile("Accepted")

    @on("ClearChargingProfile")
    def go_on(self, **asked: Any) -> Any:
        self.limited.put_nowait(asked)
        return result201.ClearChargingProfile("Accepted")

    async def boot(self) -> str:
        station = {"model": "simulator", "vendor_name": "Chargeward"}
        return str((await self.call(call201.BootNotification(station, "PowerUp"))).status)

    def _token(self, card: Card) -> dict[str, str]:
        return {"id_token": card.id_token, "type": words.ID_TOKEN_TYPES[card.token_type]}

    async def authorize(self, card: Card) -> str:
        return str((await self.call(call201.Authorize(self._token(card)))).id_token_info["status"])

    async def begin(self, card: Card, connector: int = 1, at: str = "") -> tuple[str, str]:
        """(status, transaction id). at: the id of a transaction that is told again."""
        number = at or str(uuid.uuid4())
        event = call201.TransactionEvent(
            "Started", instant(), "Authorized", 0, {"transaction_id": number}, evse={"id": connector},
            id_token=self._token(card),
        )  # fmt: skip
        return str((await self.call(event)).id_token_info["status"]), number

    async def end(self, number: str) -> None:
        told = {"transaction_id": number, "stopped_reason": "Local"}
        await self.call(call201.TransactionEvent("Ended", instant(), "StopAuthorized", 1, told))


CHARGERS: dict[str, Any] = {words.V16: Charger16, words.V201: Charger201}


@asynccontextmanager
async def ocpp_charger(url: str, identity: str, key: str, version: str) -> AsyncIterator[Any]:
    """A charger that is connected to a central system, and listens to it."""
    login = base64.b64encode(f"{identity}:{key}".encode()).decode()
    address = f"{url.rstrip('/')}/{quote(identity, safe='')}"
    headers = {"Authorization": f"Basic {login}"}
    async with connect(address, subprotocols=[version], additional_headers=headers) as connection:  # type: ignore[list-item]
        charger = CHARGERS[version](identity, connection, response_timeout=PATIENCE)
        listening = asyncio.create_task(charger.start())
        try:
            yield charger
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await listening


async def over_ocpp(url: str, identity: str, key: str, card: Card, version: str) -> Told:
    """Boots, authorizes, and where that is accepted begins and ends a transaction."""
    try:
        async with ocpp_charger(url, identity, key, version) as charger:
            await charger.boot()
            status = await charger.authorize(card)
            if status == "Accepted":
                _, number = await charger.begin(card)
                await charger.end(number)
            return Told(status == "Accepted", status)
    except (OSError, TimeoutError) as error:
        raise NoAnswer(f"{url} does not answer: {error}. Does `manage.py ocpp_gateway` run?") from None
