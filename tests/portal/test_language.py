"""The portal in German, by the browser's wish or by choice; the API in English whatever the browser wishes."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

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
