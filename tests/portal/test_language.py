"""The portal in German, by the browser's wish or by choice; the API in English whatever the browser wishes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from authorization.models import ApiKey, ChargeException
from authorization.services import create_key
from locations.models import Location
from tests import factories
from tests.portal.test_admin import url
from tokens.models import Customer, Token

pytestmark = pytest.mark.django_db
MESSAGES = Path(settings.LOCALE_PATHS[0], "de", "LC_MESSAGES")
GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}


def test_by_the_browsers_wish(boss: Client) -> None:
    assert "Übersicht" in boss.get("/admin/", **GERMAN).content.decode()  # type: ignore[arg-type]
    assert "Dashboard" in boss.get("/admin/", HTTP_ACCEPT_LANGUAGE="en-US").content.decode()
    assert "Dashboard" in boss.get("/admin/", HTTP_ACCEPT_LANGUAGE="sl").content.decode()


def test_by_choice(boss: Client) -> None:
    boss.post(reverse("set_language"), {"language": "de", "next": "/admin/"})
    assert "Übersicht" in boss.get("/admin/").content.decode()


def test_the_api_speaks_english_after_it(boss: Client) -> None:
    boss.get("/admin/", **GERMAN)  # type: ignore[arg-type]
    answer = boss.get("/api/v1/tokens/987654321/", **GERMAN)  # type: ignore[arg-type]
    assert answer.json()["detail"] == "There is no such object."


def test_every_text_is_translated_and_compiled() -> None:
    source = (MESSAGES / "django.po").read_text()
    blocks = [block for block in source.split("\n\n") if "msgid" in block and "Project-Id-Version" not in block]
    assert len(blocks) > 100
    wanting = [block for block in blocks if re.search(r'msgstr(\[\d\])? ""(?!\n")', block) or "#, fuzzy" in block]
    assert wanting == []
    assert (MESSAGES / "django.mo").stat().st_size > 1000


def test_what_models_and_the_database_say(boss: Client) -> None:
    """Names of models, their fields and choices, the way back, moments, the history, and a refusal."""
    customer = factories.customer(name="Fleet A")
    Customer.objects.filter(pk=customer.pk).update(blocked=True)
    history = boss.get(url(Customer, "history", customer.pk), **GERMAN).content.decode()  # type: ignore[arg-type]
    assert "hinzugefügt" in history
    assert "gesperrt</span>: nein → ja" in history
    assert f"{timezone.now():%-d}. " in history
    form = boss.get(url(Token, "add"), **GERMAN).content.decode()  # type: ignore[arg-type]
    assert "MAC-Adresse" in form
    assert "Aufgedruckte Nummer" in form
    place = factories.location()
    page = boss.get(url(Location, "authorization", place.pk), **GERMAN).content.decode()  # type: ignore[arg-type]
    assert "Öffentlich: Jedes gültige Ladetoken" in page
    assert "Ladestandorte" in page
    given = {"name": "X", "external_id": "A", "emsp": customer.emsp_id}
    factories.customer(customer.emsp, external_id="A")
    refused = boss.post(url(Customer, "add"), given, **GERMAN)  # type: ignore[arg-type]
    assert "Diese externe ID ist vergeben." in refused.content.decode()


def test_a_date_can_be_taken_for_no_other(boss: Client) -> None:
    places, cards = factories.group("cpo", factories.cpo()), factories.group("emsp", factories.emsp())
    until = "2026-04-03T08:00:00"
    row = factories.exception("blacklist", "emsp_for_cpo", [places], [cards], valid_until=until)
    for headers, shown in (({}, "2026-04-03"), (GERMAN, "03.04.2026")):
        page = boss.get(url(ChargeException, "change", row.pk), **headers).content.decode()  # type: ignore[arg-type]
        assert f'value="{shown}"' in page


def test_a_moment_is_read_off_a_clock_of_24_hours(boss: Client) -> None:
    key = create_key(cpo=factories.cpo())[0]
    at = datetime(2026, 4, 3, 15, 7, tzinfo=UTC)
    type(key).objects.filter(pk=key.pk).update(last_used_at=at)
    for headers, shown in (({}, "3 Apr 2026 15:07"), (GERMAN, "3. April 2026 15:07")):
        page = boss.get(url(ApiKey, "changelist"), **headers).content.decode()  # type: ignore[arg-type]
        assert shown in page
