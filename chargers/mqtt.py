"""The bridge between a broker and the services: Josev's messages in, answers and whatever stations are to be told out.

A message is acknowledged to the broker once what it does is committed, and its answer is a row of the same
transaction. So a bridge or a broker that dies loses nothing: what was not acknowledged comes again, what came before is
not answered again, and what was not delivered is delivered when there is a broker.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import orjson
import paho.mqtt.client as paho
import psycopg
import rest_framework.views  # noqa: F401 - before our parser, which it loads by name
from django.db import DatabaseError, connections, transaction
from django.utils import timezone
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from authorization import clock
from authorization.api.errors import Problem
from authorization.api.parsers import load_json
from authorization.cache.follower import connect
from authorization.complaint import Complaint
from authorization.services import NoRules
from authorization.services.keys import Caller
from chargers import josev
from chargers.models import Command, StationMessage, Via
from chargers.services import commands, messages, outbox
from locations import ids
from locations.access import with_sub_cpos
from locations.models import ChargeStation

logger = logging.getLogger(__name__)
IN = "cs/josev"
QOS = 1
MAX_MESSAGE = 16 * 1024  # bytes
WORKERS = 4
WAITING = 10_000  # messages taken from the broker and not worked on yet
RETRY = 0.5  # seconds before trying again what the database did not take
SWEEP = 0.5  # seconds between looks for messages to deliver
BATCH = 200
ACKNOWLEDGE = 5.0  # seconds that the broker may take
SESSION = 24 * 3600  # seconds for which the broker keeps what it has for a bridge that is away
COMPLAIN_EVERY = 10.0
PORTS = {"mqtt": 1883, "mqtts": 8883}
VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
PORTAL = Caller(0, "MQTT", portal=True)


class Broker(NamedTuple):
    """Where the broker is, and as whom to log in. ca_file: who vouches for it; empty: the system's authorities."""

    host: str
    port: int
    tls: bool
    username: str
    password: str
    version: str = "5"
    client_id: str = "chargeward"
    ca_file: str = ""

    @classmethod
    def at(cls, url: str, **more: Any) -> "Broker":
        """From `mqtt[s]://user:password@host:port`. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("Give the broker as mqtt://HOST:1883 or mqtts://USER:PASSWORD@HOST:8883.")
        return cls(
            parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "mqtts",
            unquote(parts.username or ""), unquote(parts.password or ""), **more,
        )  # fmt: skip


class Arrived(NamedTuple):
    topic: str
    payload: bytes
    mid: int
    qos: int


class Bridge:
    """caller: whose places messages without a station's prefix are about, and whose stations may be heard at all."""

    def __init__(self, broker: Broker, database_url: str, caller: Caller = PORTAL) -> None:
        self.broker, self.database_url, self.caller = broker, database_url, caller
        self.client = self._client()
        self._queues: list[queue.Queue[Arrived | None]] = [queue.Queue(WAITING) for _ in range(WORKERS)]
        self._stopped = threading.Event()
        self._complain = Complaint(logger, COMPLAIN_EVERY)

    def _client(self) -> paho.Client:
        version = VERSIONS[self.broker.version]
        five = version == MQTTProtocolVersion.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self.broker.client_id, protocol=version, manual_ack=True,
            clean_session=None if five else False,
        )  # fmt: skip
        if self.broker.username:
            client.username_pw_set(self.broker.username, self.broker.password or None)
        if self.broker.tls:
            client.tls_set(ca_certs=self.broker.ca_file or None)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._connected
        client.on_disconnect = lambda *args: logger.warning("The broker is gone: %s", args[3])
        client.on_message = self._arrived
        return client

    def run(self, stopped: threading.Event) -> None:
        """Works until told to stop; then what was taken from the broker is finished, and delivered if it can be."""
        workers = [threading.Thread(target=self._work, args=[each], daemon=True) for each in self._queues]
        for worker in workers:
            worker.start()
        self._connect()
        self.client.loop_start()
        try:
            self._deliver_until(stopped)
        finally:
            self._stopped.set()
            for each in self._queues:
                each.put(None)
            for worker in workers:
                worker.join(ACKNOWLEDGE)
            self._last_words()
            self.client.disconnect()
            self.client.loop_stop()
            connections.close_all()

    def _connect(self) -> None:
        properties = None
        if self.broker.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION
        clean: Any = False if self.broker.version == "5" else paho.MQTT_CLEAN_START_FIRST_ONLY
        self.client.connect_async(
            self.broker.host, self.broker.port, keepalive=30, clean_start=clean, properties=properties
        )

    def _connected(self, client: paho.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._complain(f"The broker refuses us: {reason}")
            return
        logger.info("Connected to the broker at %s:%s", self.broker.host, self.broker.port)
        client.subscribe([(IN, QOS), (f"+/{IN}", QOS)])

    def _arrived(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        """In paho's thread. What one station says is worked on in order; a full queue makes the broker wait."""
        arrived = Arrived(message.topic, bytes(message.payload), message.mid, message.qos)
        each = self._queues[hash(message.topic) % WORKERS]
        while not self._stopped.is_set():
            try:
                each.put(arrived, timeout=1)
            except queue.Full:
                self._complain("More messages come in than can be worked on")
            else:
                return

    def _work(self, waiting: "queue.Queue[Arrived | None]") -> None:
        while (arrived := waiting.get()) is not None:
            if self._kept_trying(lambda arrived=arrived: self.take(arrived.topic, arrived.payload)):  # type: ignore[misc]
                self.client.ack(arrived.mid, arrived.qos)
        connections.close_all()

    def _kept_trying(self, work: Callable[[], None]) -> bool:
        """Whether it was done. A message that the database does not take now is tried again until we are to stop."""
        while True:
            try:
                work()
            except (NoRules, DatabaseError, psycopg.Error, OSError) as error:
                self._complain(f"A message waits: {error}")
            except Exception:
                logger.exception("A message is not answered")
                return True
            else:
                return True
            finally:
                connections.close_all()
            if self._stopped.wait(RETRY):
                return False

    def take(self, topic: str, payload: bytes) -> None:
        """One message. What cannot be understood is logged and has no answer, least of all an accept."""
        if len(payload) > MAX_MESSAGE:
            logger.error("A message on %s is larger than %s bytes and is not answered", topic, MAX_MESSAGE)
            return
        try:
            body = load_json(payload)
            if _is_answer(body):
                self._answered(topic, body)
            elif not _is_echo(body):
                self._take(topic, josev.read(body))
        except (josev.BadMessage, Problem) as error:
            logger.error("A message on %s is not answered: %s", topic, error)

    def _take(self, topic: str, message: josev.Message) -> None:
        caller, now = self.caller, clock.now()
        prefix = topic.removesuffix(IN).rstrip("/")
        if prefix:
            station = self._station(prefix)
            identity = unquote(prefix)
            if station is None:
                # Asked all the same: the answer is that there is no such place, and the log shows who asked.
                named = message.question._replace(station=identity[:255], station_normal=identity.upper())
                message = message._replace(question=named)
            else:
                caller = Caller(self.caller.key, f"MQTT station {station.identity}", station=station.pk)
        answer_to = f"{prefix}/{outbox.OUT}" if prefix else outbox.OUT
        messages.take(message, caller, now, Via.MQTT, answer_to)

    def _station(self, prefix: str) -> ChargeStation | None:
        """The station of a topic, if it is one of the caller's."""
        try:
            normal = ids.identity(unquote(prefix))
        except ids.BadId:
            return None
        station = ChargeStation.objects.select_related("location").filter(identity_normal=normal).first()
        if station is None or self.caller.portal or self.caller.station == station.pk:
            return station
        reached = self.caller.cpo is not None and station.location.cpo_id in with_sub_cpos({self.caller.cpo})
        return station if reached else None

    def _answered(self, topic: str, body: dict[str, Any]) -> None:
        """A station's word on a command; its answers to anything else are nobody's concern."""
        data = body.get("data")
        if body.get("name") != "command" or not isinstance(data, dict):
            return
        prefix = topic.removesuffix(IN).rstrip("/")
        station = self._station(prefix) if prefix else None
        commands.answered(
            str(body.get("id")), accepted=data.get("status") == "accepted", detail=str(data.get("detail") or ""),
            now=timezone.now(), station=station.pk if station else self.caller.station,
        )  # fmt: skip

    def _deliver_until(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                with connect(self.database_url) as connection:
                    connection.execute(f"LISTEN {outbox.CHANNEL}")
                    while not stopped.is_set():
                        self.deliver()
                        for _notice in connection.notifies(timeout=SWEEP, stop_after=1):
                            pass
            except (psycopg.Error, DatabaseError, OSError) as error:
                self._complain(f"The database does not answer: {error}")
                stopped.wait(RETRY)

    def deliver(self) -> int:
        """Publishes what there is to deliver, and notes what the broker has acknowledged; how many."""
        done = 0
        while self.client.is_connected() and (some := self._deliver_some()):
            done += some
        connections.close_all()
        return done

    def _deliver_some(self) -> int:
        """One transaction's worth. Locked rows are another bridge's."""
        with transaction.atomic():
            rows = list(
                StationMessage.objects.select_for_update(of=("self",), skip_locked=True)
                .select_related("station")
                .filter(channel=outbox.MQTT, delivered_at=None)
                .order_by("pk")[:BATCH]
            )
            sent = [(row, self.client.publish(outbox.topic(row), orjson.dumps(row.body), QOS)) for row in rows]
            until = time.monotonic() + ACKNOWLEDGE
            delivered = [row for row, info in sent if _acknowledged(info, until)]
            now = timezone.now()
            StationMessage.objects.filter(pk__in=[row.pk for row in delivered]).update(delivered_at=now)
            pending = Command.objects.filter(pk__in=[row.command_id for row in delivered if row.command_id])
            pending.filter(state=Command.State.PENDING).update(state=Command.State.DELIVERED)
        return len(delivered)

    def _last_words(self) -> None:
        try:
            self.deliver()
        except (DatabaseError, psycopg.Error, OSError) as error:
            logger.warning("What is left is delivered next time: %s", error)


def _acknowledged(info: paho.MQTTMessageInfo, until: float) -> bool:
    if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    try:
        info.wait_for_publish(max(0.0, until - time.monotonic()))
    except (RuntimeError, ValueError):
        return False
    return info.is_published()


def _is_answer(body: Any) -> bool:
    return isinstance(body, dict) and body.get("type") == "response"


def _is_echo(body: Any) -> bool:
    """Whether it is a message of ours that a broker's own bridge or a loop of topics brings back."""
    id_ = body.get("id") if isinstance(body, dict) else None
    if not isinstance(id_, str) or not josev.is_uuid(id_):
        return False
    return StationMessage.objects.filter(message_id=id_).exclude(type="authorization_response").exists()
