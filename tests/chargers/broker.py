"""A real broker: Debian's mosquitto, on a port of its own, which can be stopped and started again with what it kept."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import orjson
import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from portal.stack import ports

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
WHY_SKIPPED = "there is no mosquitto here: apt install mosquitto"


def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """What the condition gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def authority(folder: Path) -> Path:
    """Makes `server.pem` and `server.key` for 127.0.0.1; the path of who vouches for them."""
    now = datetime.now(UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "server")}
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in keys}
    for name, key in keys.items():
        host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = (
            x509.CertificateBuilder()
            .subject_name(names[name])
            .issuer_name(names["authority"])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True)
            .add_extension(host, critical=False)
            .sign(keys["authority"], hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(secret)
    return folder / "authority.pem"


class Broker:
    def __init__(self, folder: Path, *lines: str, port: int = 0) -> None:
        self.port = port or ports.free()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        self.config = folder / "mosquitto.conf"
        # Otherwise it becomes somebody who may not enter the folder.
        own = ["user root"] if os.geteuid() == 0 else []
        kept = [
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            "autosave_on_changes true",
        ]
        self.config.write_text(
            "\n".join([f"listener {self.port} 127.0.0.1", *own, *kept, *(lines or ["allow_anonymous true"])])
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert MOSQUITTO is not None
        command = [MOSQUITTO, "-c", str(self.config)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Charger:
    """A charger's side: publishes on `cs/josev`, and keeps what comes on `josev/cs`."""

    def __init__(self, port: int, prefix: str = "", version: str = "5", ca_file: str = "", **login: str) -> None:
        self.prefix, self.came = prefix, Queue[Any]()
        protocol = MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311
        five = version == "5"
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            f"charger-{os.urandom(6).hex()}",
            protocol=protocol,
            clean_session=None if five else False,
        )
        if login:
            self.client.username_pw_set(login["username"], login["password"])
        if ca_file:
            self.client.tls_set(ca_certs=ca_file)
        self.client.reconnect_delay_set(1, 1)
        self.subscribed = False
        self.client.on_connect = lambda client, *_: client.subscribe(f"{prefix}josev/cs", 1)
        self.client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self.client.on_message = lambda _client, _data, message: self.came.put(orjson.loads(message.payload))
        # The broker keeps for it what comes while it is away, as a charger wants it to.
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 600
        more: Any = {"clean_start": False, "properties": session} if five else {}
        self.client.connect_async("127.0.0.1", port, keepalive=10, **more)
        self.client.loop_start()
        until(lambda: self.subscribed)

    def say(self, message: Any) -> None:
        payload = message if isinstance(message, bytes) else orjson.dumps(message)
        self.client.publish(f"{self.prefix}cs/josev", payload, 1)

    def hear(self, seconds: float = 10.0) -> Any:
        """The next message; None where none comes."""
        try:
            return self.came.get(timeout=seconds)
        except Empty:
            return None

    def ask(self, message: Any) -> str:
        self.say(message)
        answer = self.hear()
        assert answer is not None, "no answer"
        assert answer["id"] == message["id"]
        return str(answer["data"]["status"])

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
