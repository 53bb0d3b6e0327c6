"""Canaries: secrets that the portal is given or gives, looked for in every place that somebody might read or copy.

What is looked through: all that is logged, every row of every table, all that Redis holds (tasks wait there), and the
pages and bodies of errors. A secret may stand in the one answer that hands it over, and nowhere else.
"""

import json
import logging
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from django.urls import reverse

from authorization.services import create_key
from portal.login import letters, second_factor, tasks
from subscriptions import services
from tests import factories
from tests.conftest import ApiClient
from tests.portal.test_second_factor import code_of

pytestmark = pytest.mark.django_db
OURS = "canaries"
PASSWORD, WRONG = "canary-password-7f3a", "canary-wrong-password-91"
UNKNOWN_CARD = "04CA9A2BADC0DE"


class Canaries:
    """The secrets by name, and all that was written while they were used."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.secrets = {"password": PASSWORD, "wrong password": WRONG, "unknown card": UNKNOWN_CARD}
        self.errors: list[str] = []
        self.caplog = caplog

    def failed(self, answer: Any) -> Any:
        """Keeps what an error says."""
        if answer.status_code == 200:
            assert answer.context["adminform" if "adminform" in answer.context else "form"].errors
        self.errors.append(answer.content.decode() + str(answer.headers))
        return answer

    def found_in(self, text: str) -> list[str]:
        return [name for name, secret in self.secrets.items() if secret.lower() in text.lower()]


@pytest.fixture
def canaries(caplog: pytest.LogCaptureFixture) -> Canaries:
    caplog.set_level(logging.INFO)
    logging.getLogger("axes").setLevel(logging.INFO)
    return Canaries(caplog)


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The stack's Valkey. What is sent to it waits there, as do the tasks of other tests at this moment."""
    found = redis.Redis.from_url(configured.REDIS_URL)
    yield found
    found.delete(OURS)


def rows() -> Iterator[tuple[str, str]]:
    """Every table, as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT coalesce(string_agg(to_jsonb(t)::text, chr(10)), '') FROM \"{table}\" t")
            (text,) = cursor.fetchone() or ("",)
            yield table, text


def held(broker: redis.Redis, key: bytes) -> list[bytes]:
    kind = broker.type(key)
    if kind == b"list":
        return list(broker.lrange(key, 0, -1))
    if kind == b"hash":
        return [item for pair in broker.hgetall(key).items() for item in pair]
    if kind == b"zset":
        return list(broker.zrange(key, 0, -1))
    return list(broker.smembers(key)) if kind == b"set" else [broker.get(key) or b""]


def waiting(broker: redis.Redis) -> Iterator[str]:
    """Keys and values of Redis, and what is packed inside the messages."""
    for key in broker.keys("*"):
        values = held(broker, key)
        for value in [key, *values]:
            text = value.decode(errors="replace")
            yield text
            for packed in re.findall(r'"body": ?"([A-Za-z0-9+/=]+)"', text):
                yield b64decode(packed).decode(errors="replace")


def people(canaries: Canaries) -> None:
    """Somebody sets up a second factor, mistypes, logs in, and has a password sent."""
    user = User.objects.create_superuser("ann", "ann@example.org", PASSWORD)
    login = reverse("admin:login")
    canaries.failed(Client().post(login, {"username": "ann", "password": WRONG}))
    # In the wrong field: the page that comes back has it there again, for who typed it.
    Client().post(login, {"username": PASSWORD, "password": WRONG})
    client = Client()
    client.post(login, {"username": "ann", "password": PASSWORD})
    typed = client.get(reverse("second_factor")).context["typed"]
    canaries.secrets["app's secret"] = typed.replace(" ", "")
    canaries.failed(client.post(reverse("second_factor"), {"code": "000000"}))
    second_factor.Authenticator.objects.update(throttling_failure_timestamp=None)
    codes = client.post(reverse("second_factor"), {"code": code_of(user)}).context["codes"]
    canaries.secrets |= {"recovery code": codes[0], "recovery code, plain": codes[0].replace("-", "")}
    half = Client()
    half.post(login, {"username": "ann", "password": PASSWORD})
    canaries.failed(half.post(reverse("log_in_code"), {"code": codes[1][:-1]}))
    canaries.secrets |= {
        "session": client.cookies["sessionid"].value,
        "session half way": half.cookies["sessionid"].value,
    }
    tasks.answer_forgotten.apply_async(("ann@example.org", "en-gb", "http://testserver"), retry=False)
    letters.answer_forgotten("ann@example.org", "en-gb", "http://testserver")
    (letter,) = mail.outbox
    canaries.secrets["link"] = letter.body.split("/choose-password/")[1].split("/")[1]
    client.get(reverse("admin:auth_user_change", args=[user.pk]))
    canaries.failed(
        client.post(reverse("admin:auth_user_add"), {"username": "x", "password1": WRONG, "password2": "y"})
    )


def programs(canaries: Canaries) -> None:
    """Keys that are good, cut off, in the wrong place; cards that nobody knows; bodies that cannot be read."""
    station = factories.station()
    for name, scope in {"station": {"station": station}, "cpo": {"cpo": station.location.cpo}}.items():
        key = canaries.secrets[f"{name}'s key"] = create_key(**scope)[1]  # type: ignore[arg-type]
        client = ApiClient(key)
        place = {"location_id": station.location.location_id}
        client.post("/api/v1/authorize", {"id_token": UNKNOWN_CARD} | place)
        client.post("/api/v1/authorize/batch", {"requests": [{"id_token": UNKNOWN_CARD} | place, {"id_token": 7}]})
        canaries.failed(client.post("/api/v1/authorize", f'{{"id_token": "{UNKNOWN_CARD}", "x": }}'))
        canaries.failed(client.post("/api/v1/authorize", {"id_token": UNKNOWN_CARD, "location_id": 7}))
        canaries.failed(client.get("/api/v1/tokens/"))
        canaries.failed(ApiClient(key[:-3]).get("/api/v1/tokens/"))
        canaries.failed(ApiClient(f"{key} {key}").post("/api/v1/authorize", {}))
        canaries.failed(client.get(f"/nothing/{'x' * 10}"))
    token = canaries.secrets["partner's token"] = services.issue(factories.subscription())
    partner = Client(HTTP_AUTHORIZATION=f"Token {token}")
    assert partner.get("/ocpi/versions").status_code == 200
    canaries.failed(partner.get("/ocpi/2.1.1/nothing/"))
    canaries.failed(Client(HTTP_AUTHORIZATION=f"Token {token[:-3]}").get("/ocpi/versions"))


def managers(canaries: Canaries) -> None:
    """A user's key: made by the API, used for an import that is refused and for a user with a password."""
    admin = factories.admin()
    key = canaries.secrets["user's key"] = create_key(user=admin)[1]
    client = ApiClient(key)
    made = client.post("/api/v1/api-keys/", {"name": "made", "user": admin.pk})
    assert made.status_code == 201
    canaries.secrets["key made by the API"] = made.json()["key"]
    assert client.post("/api/v1/users/", {"username": "bea", "password": PASSWORD}).status_code == 201
    canaries.failed(client.post("/api/v1/users/", {"username": "bea", "password": WRONG}))
    emsp = factories.emsp()
    file = SimpleUploadedFile("cards.csv", b"uid;expires_at\n04A2B3C4;never again\n")
    sent = {"file": file, "kind": "tokens", "emsp": emsp.pk}
    assert client.post("/api/v1/imports/", sent, content_type=MULTIPART_CONTENT).status_code == 201
    canaries.failed(client.post("/api/v1/imports/", {"kind": "tokens"}, content_type=MULTIPART_CONTENT))


class Broken(Exception):
    """Nobody foresaw it."""


def broken(canaries: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours in a request that carries a password and a key."""
    from django.contrib.auth import password_validation

    def fails(*args: Any, **kwargs: Any) -> None:
        raise Broken

    admin = factories.admin()
    key = canaries.secrets["key of the broken request"] = create_key(user=admin)[1]
    monkeypatch.setattr(password_validation, "get_default_password_validators", fails)
    program = ApiClient(key)
    browser = Client()
    browser.force_login(admin)
    canaries.secrets["session of the broken request"] = browser.cookies["sessionid"].value
    program.raise_request_exception = browser.raise_request_exception = False
    assert program.post("/api/v1/users/", {"username": "carl", "password": PASSWORD}).status_code == 500
    canaries.failed(program.post("/api/v1/users/", {"username": "carl", "password": PASSWORD}))
    form = {"username": "carl", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    canaries.failed(browser.post(reverse("admin:auth_user_add"), form))


def test_no_secret_is_where_it_should_not_be(
    canaries: Canaries,
    broker: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        people(canaries)
        programs(canaries)
        managers(canaries)
    broken(canaries, monkeypatch)

    assert all(len(secret) > 9 for secret in canaries.secrets.values())
    assert len(canaries.secrets) == 16
    logged = canaries.caplog.text + "".join(str(vars(record)) for record in canaries.caplog.records)
    assert "Broken" in logged
    # (No log of ours has it because it is in what was logged: the request, which nobody writes down.)
    assert canaries.found_in(logged) == []
    assert [canaries.found_in(text) for text in canaries.errors if canaries.found_in(text)] == []
    assert {table: found for table, text in rows() if (found := canaries.found_in(text))} == {}
    queued = list(waiting(broker))
    assert any("answer_forgotten" in text for text in queued)
    assert [text for text in queued if canaries.found_in(text)] == []


def test_the_canaries_would_be_found(canaries: Canaries, broker: redis.Redis) -> None:
    """Each of the places is really looked through."""
    User.objects.create(username="x", first_name=PASSWORD)
    broker.rpush(OURS, json.dumps({"body": "WyJjYW5hcnktcGFzc3dvcmQtN2YzYSJd"}))
    logging.getLogger("chargeward").warning("It is %s", PASSWORD)
    assert [table for table, text in rows() if canaries.found_in(text)] == ["auth_user"]
    assert any(canaries.found_in(text) for text in waiting(broker))
    assert canaries.found_in(canaries.caplog.text)
