"""A person whose name and ids stand in every table where a person's may, and a look through all of them."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from authorization.sealed import pseudonym, seal, unseal
from chargers.models import AuthorizationInUse, LocalList
from imports.models import FilePart
from people.models import Erasure
from subscriptions.models import Delivery, Relayed
from tests import factories
from tests.portal.test_admin import a_command, decision, in_use
from tests.portal.test_canary import rows
from tests.subscriptions.conftest import push_all
from tokens.models import Driver, Token

NAME, EXTERNAL_ID, NUMBER = "Wilhelmina Canary-Person", "EMP-CANARY-77", "VIS-CANARY-7731"
CARD, CARD_AS_WRITTEN = "04CA7A11AABB01", "04:ca:7a:11:aa:bb:01"
CONTRACT, CONTRACT_NORMAL = "NL-TNM-CCANARY01-X", "NLTNMCCANARY01X"
LOST_CARD, LOST_CONTRACT = "04CA7A11AABB02", "NL-TNM-CCANARY02-X"
FILE = f"uid;auth_id;driver_external_id\n{CARD_AS_WRITTEN};{CONTRACT};{EXTERNAL_ID}\n"
WORDS = [NAME, EXTERNAL_ID, NUMBER, CARD, CARD_AS_WRITTEN, CONTRACT, CONTRACT_NORMAL, LOST_CARD, LOST_CONTRACT]
MARKS = [pseudonym(CARD), pseudonym(CONTRACT_NORMAL), pseudonym(LOST_CARD), pseudonym("NLTNMCCANARY02X")]


def found() -> dict[str, list[str]]:
    """By table, what of the person stands there. Keyed hashes of an unfinished erasure are left out, and said."""
    seen: dict[str, list[str]] = {}
    for table, text in [*rows(), *_unlogged(), *_packed(), *_sealed()]:
        hits = [word for word in [*WORDS, *MARKS] if word.lower() in text.lower()]
        if hits:
            seen.setdefault(table, []).extend(hits)
    return seen


def _unlogged() -> Iterator[tuple[str, str]]:
    """Staged rows of imports, which introspection tells of as well; asked for by name, should it once not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" t")
            yield f"staged {table.rpartition('_')[0]}", cursor.fetchone()[0]


def _packed() -> Iterator[tuple[str, str]]:
    """Uploaded files, deflated."""
    for of in FilePart.objects.order_by().values_list("of", flat=True).distinct():
        data = b"".join(bytes(part.data) for part in FilePart.objects.filter(of=of).order_by("nth"))
        with suppress(zlib.error):
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data)
        with suppress(zlib.error):
            data = zlib.decompressobj().decompress(data)
        yield "file", data.decode(errors="replace")


def _sealed() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT presented_sealed FROM authorization_decision WHERE presented_sealed <> ''")
        for (text,) in cursor.fetchall():
            yield "sealed", unseal(text) or ""


def files(folder: Path) -> list[str]:
    """Files below a folder in which the person stands."""
    seen = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes().upper()
            seen += [path.name for word in WORDS if word.upper().encode() in data]
    return seen


def person(emsp: Any, desk: Any, pushed: Any) -> Driver:
    """The driver, after some weeks of use."""
    customer = factories.customer(emsp, external_id="FLEET-1")
    place = factories.location(factories.cpo())
    station = factories.station(place)
    partner = pushed(place.cpo, emsp, role="EMSP", only=["tokens", "sessions", "cdrs"])
    driver = factories.driver(customer, name=NAME, external_id=EXTERNAL_ID)
    decision(token_pseudonym=pseudonym(CARD), presented_sealed=seal(CARD), request_id=f"ocpp-{CARD}")
    imported = desk.bring(FILE, emsp=emsp)
    assert imported["status"] == "finalised"
    token = Token.objects.get(uid_normal=CARD)
    assert token.driver == driver
    _edited_in_the_portal(token)
    lost = factories.token(driver=driver, uid=LOST_CARD, auth_id=LOST_CONTRACT)
    factories.listed(place, token=lost)
    lost.delete()  # its Auth ID stays on the list, as an external token
    factories.listed(place, token=token)
    named = factories.group("token", token)
    factories.exception("blacklist", "emsp_for_cpo", [factories.group("location", place)], [named])
    factories.group("driver", driver)
    decision(token=token, token_pseudonym=pseudonym(CARD), location=place, request_id="r-1")
    decision(token=token, token_pseudonym=pseudonym(CONTRACT_NORMAL), token_type="e_maid", location=place)
    reference = f"16:1:2026-11-21T10:00:00Z:{CARD}"
    use = in_use(
        station=station, token=token, token_key=f"t{token.pk}", token_pseudonym=pseudonym(CARD), presented=CARD,
        reference=reference, message_id="m-77",
    )  # fmt: skip
    a_command(station=station, token=token, use=use)
    for version in (1, 2, 3):
        entries = {} if version == 1 else {f"RFID:{CARD}": [CARD_AS_WRITTEN, None], "RFID:04AA": ["04AA", None]}
        LocalList.objects.create(station=station, version=version, entries=entries, made_at=timezone.now())
    sender = factories.subscription(place.cpo, role="CPO")
    for kind in ("sessions", "cdrs"):
        Relayed.objects.create(
            kind=kind, subscription=sender, cpo=place.cpo, country_code="NL", party_id="ABC", object_id=f"{kind}-1",
            auth_id=CONTRACT_NORMAL, updated_at=timezone.now(),
            body={"id": f"{kind}-1", "auth_id": CONTRACT, "kwh": 7.5, "cdr_token": {"uid": CARD_AS_WRITTEN}},
        )  # fmt: skip
    assert push_all() > 0
    assert Delivery.objects.filter(endpoint__subscription=partner, state="delivered").count() >= 3
    # What changed afterwards waits.
    desk.upload(FILE, emsp=emsp)
    Token.objects.filter(pk=token.pk).update(issuer="new")
    return driver


def _edited_in_the_portal(token: Token) -> None:
    browser = Client()
    browser.force_login(factories.admin())
    address = reverse("admin:tokens_token_change", args=[token.pk])
    form = browser.get(address).context["adminform"].form
    values = {name: value for name, value in form.initial.items() if value is not None} | {"visual_number": NUMBER}
    values |= {"expires_at_0": "", "expires_at_1": ""}
    answer = browser.post(address, values)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert LogEntry.objects.filter(object_repr=CONTRACT).exists()


def everybody_has_heard() -> None:
    """Stations and partners take what waits for them."""
    from chargers.models import StationMessage

    StationMessage.objects.update(delivered_at=timezone.now())
    push_all()


def later() -> Any:
    return timezone.now() + timedelta(minutes=20)


def unfinished() -> int:
    return Erasure.objects.filter(finished_at=None).count()


def open_uses() -> int:
    return AuthorizationInUse.objects.filter(ended_at=None).count()
