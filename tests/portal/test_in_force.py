"""After a change: since which revision it is answered by."""

import re

import pytest
from django.test import Client

from authorization import selectors
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_says_since_which_revision(boss: Client) -> None:
    emsp = factories.emsp()
    fields = {"name": "Fleet", "country_code": emsp.country_code, "party_id": emsp.party_id, "blocked": "on"}
    form = boss.get(f"/admin/tokens/emsp/{emsp.pk}/change/").content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    page = boss.post(f"/admin/tokens/emsp/{emsp.pk}/change/", hidden | fields, follow=True)
    emsp.refresh_from_db()
    assert emsp.blocked
    assert f"In force at revision {selectors.revision()}." in page.content.decode()


def test_what_alters_no_answer_says_nothing(boss: Client) -> None:
    before = selectors.revision()
    page = boss.post("/admin/password_change/", {}, follow=True)
    assert selectors.revision() == before
    assert "In force" not in page.content.decode()
