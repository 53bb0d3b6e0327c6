"""The bridge between a real broker and the services, with real processes where they are stopped and started."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from authorization.models import Decision
from authorization.services.keys import Caller
from chargers.models import AuthorizationInUse, Ended, StationLink, StationMessage
from chargers.mqtt import PORTAL, Bridge
from chargers.mqtt import Broker as Address
from chargers.services import uses
from tests import factories
from tests.chargers.broker import MOSQUITTO, WHY_SKIPPED, Broker, Charger, authority, until
from tests.chargers.conftest import Site, josev_message, make_site
from tests.conftest import ApiClient

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(MOSQUITTO is None, reason=WHY_SKIPPED),
]


def database_url() -> str:
    """Of the test's database."""
    found = connection.settings_dict
    return f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker(tmp_path_factory.mktemp("broker"))
    started.start()
    yield started
    started.stop()


@contextmanager
def bridge(broker: Broker, caller: Caller = PORTAL, **more: Any) -> Iterator[Bridge]:
    """In threads of this process."""
    address = Address.at(broker.url, client_id=f"bridge-{os.urandom(4).hex()}", **more)
    with bridge_at(address, caller) as running:
        until(running.client.is_connected)
        yield running


@contextmanager
def bridge_at(address: Address, caller: Caller = PORTAL) -> Iterator[Bridge]:
    running, stopped = Bridge(address, database_url(), caller), threading.Event()
    thread = threading.Thread(target=running.run, args=[stopped])
    thread.start()
    try:
        yield running
    finally:
        stopped.set()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def charger(broker: Broker) -> Iterator[Callable[..., Charger]]:
    made: list[Charger] = []

    def make(prefix: str = "", version: str = "5") -> Charger:
        made.append(Charger(broker.port, prefix, version))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_request_is_answered_once(broker: Broker, charger: Callable[..., Charger], site: Site, version: str) -> None:
    with bridge(broker, version=version):
        card = charger(version=version)
        message = josev_message(site)
        assert card.ask(message) == "accepted"
        card.say(message)  # the broker delivers it again
        assert card.ask(josev_message(site)) == "deauthorized"
        assert card.ask(josev_message(site, id_token="0BADCA2D")) == "rejected"
        assert card.hear(0.5) is None
    assert Decision.objects.count() == 3
    assert not StationMessage.objects.filter(delivered_at=None).exists()


def test_with_many_stations_the_prefix_is_the_place(
    broker: Broker, charger: Callable[..., Charger], site: Site, client_of: Callable[..., ApiClient]
) -> None:
    other = make_site(client_of)
    with bridge(broker):
        here, there = charger(f"{site.station.identity.lower()}/"), charger(f"{other.station.identity}/")
        assert here.ask(josev_message(site, evse_id=None)) == "accepted"
        assert there.ask(josev_message(other)) == "accepted"
        # A station speaks for itself alone.
        assert there.ask(josev_message(site)) == "rejected"
        assert charger("no-such-station/").ask(josev_message(site, evse_id=None)) == "rejected"
    assert AuthorizationInUse.objects.get(station=site.station).evse is None
    assert set(StationLink.objects.values_list("channel", "prefixed")) == {("mqtt", True)}


def test_a_key_says_whose_stations_are_heard(
    broker: Broker, charger: Callable[..., Charger], site: Site, client_of: Callable[..., ApiClient]
) -> None:
    other = make_site(client_of)
    with bridge(broker, Caller(1, "key", cpo=site.location.cpo_id)):
        assert charger(f"{site.station.identity}/").ask(josev_message(site, evse_id=None)) == "accepted"
        assert charger(f"{other.station.identity}/").ask(josev_message(other)) == "rejected"
        assert charger().ask(josev_message(other)) == "rejected"


def test_what_is_malformed_or_an_echo_has_no_answer(
    broker: Broker, charger: Callable[..., Charger], site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with bridge(broker):
        card = charger()
        for wrong in (b"{", b"[]", b"\xff", b"x" * 20_000, {"id": "1"}, josev_message(site, type="update")):
            card.say(wrong)
        card.say(josev_message(site, type="response", data={"status": "accepted"}))
        assert card.ask(josev_message(site)) == "accepted"
        uses.end([AuthorizationInUse.objects.get().pk], Ended.COMMAND, timezone.now())
        echo = card.hear()
        assert echo["data"]["status"] == "deauthorized"
        card.say(echo)  # as a loop of topics would bring it back
        assert card.ask(josev_message(site)) == "accepted"
        assert card.hear(0.3) is None
    assert caplog.text.count("is not answered") == 6
    assert Decision.objects.count() == 2


def test_a_station_hears_that_its_authorization_was_taken_away(
    broker: Broker, charger: Callable[..., Charger], site: Site
) -> None:
    with bridge(broker):
        card = charger(f"{site.station.identity}/")
        assert card.ask(josev_message(site)) == "accepted"
        uses.end([AuthorizationInUse.objects.get().pk], Ended.RESTRICTION, timezone.now())
        update = card.hear()
    assert (update["name"], update["type"]) == ("authorization", "update")
    assert update["data"] == {
        "evse_id": site.evse.evse_id, "id_token": site.token.uid, "token_type": "ISO14443", "status": "deauthorized",
    }  # fmt: skip


def start_bridge(url: str, **environment: str) -> subprocess.Popen[bytes]:
    manage = Path(settings.BASE_DIR) / "manage.py"
    return subprocess.Popen(
        [sys.executable, str(manage), "josev_bridge"],
        env=os.environ | {"DATABASE_URL": database_url(), "MQTT_URL": url} | environment,
    )


def test_restarts_under_traffic_lose_and_double_nothing(tmp_path: Path, site: Site) -> None:
    """The bridge is killed and the broker restarted while cards are presented; each is answered once in the end."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    process = start_bridge(broker.url)
    card = Charger(broker.port)
    tokens = [factories.token() for _ in range(40)]
    messages = [josev_message(site, id_token=token.uid) for token in tokens]
    try:
        first = josev_message(site)
        until(lambda: card.say(first) or card.hear(0.5), 30)  # nobody listens before the bridge is there
        for number, message in enumerate(messages):
            if number == 10:
                process.kill()
                process.wait()
                process = start_bridge(broker.url)
            if number == 20:
                broker.stop()
                broker.start()
            card.say(message)
        answers: dict[str, list[str]] = {}

        def all_answered() -> bool:
            while (answer := card.hear(0.05)) is not None:
                answers.setdefault(answer["id"], []).append(answer["data"]["status"])
            return {message["id"] for message in messages} <= set(answers)

        until(all_answered, 60)
        assert all(set(given) == {"accepted"} for given in answers.values())
        in_use = AuthorizationInUse.objects.filter(ended_at=None).exclude(token=site.token)
        assert sorted(in_use.values_list("token", flat=True)) == sorted(token.pk for token in tokens)
        assert Decision.objects.count() == len(messages) + 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        card.close()
        broker.stop()


@pytest.mark.parametrize("tls", [False, True], ids=["in the clear", "TLS"])
def test_passwords_are_needed_where_the_broker_wants_them(tmp_path: Path, site: Site, tls: bool) -> None:
    passwords, lines, ca_file = tmp_path / "passwords", [], ""
    passwords.write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "portal", "secret"], check=True)
    if tls:
        ca_file = str(authority(tmp_path))
        lines = [f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.key"]
    broker = Broker(tmp_path / "broker", *lines, f"password_file {passwords}", "allow_anonymous false")
    passwords.chmod(0o644)
    broker.start()
    card = Charger(broker.port, username="portal", password="secret", ca_file=ca_file)
    try:
        url = f"{'mqtts' if tls else 'mqtt'}://portal:secret@127.0.0.1:{broker.port}"
        with bridge_at(Address.at(url, ca_file=ca_file)) as running:
            until(running.client.is_connected)
            assert card.ask(josev_message(site)) == "accepted"
        wrong = [Address.at(url.replace("secret", "guessed"), ca_file=ca_file)]
        # The system's authorities do not vouch for this one.
        wrong += [Address.at(url)] if tls else []
        for address in wrong:
            with bridge_at(address) as running:
                assert card.hear(1.0) is None
                assert not running.client.is_connected()
    finally:
        card.close()
        broker.stop()


def test_wrong_settings_are_said(settings: Any) -> None:
    settings.MQTT_URL = ""
    with pytest.raises(CommandError, match="MQTT_URL"):
        call_command("josev_bridge")
    with pytest.raises(CommandError, match="mqtts://"):
        call_command("josev_bridge", "--url", "http://127.0.0.1")
