"""After a change: since which revision it is answered by."""

import pytest
from django.test import Client

from authorization import selectors
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_says_since_which_revision(boss: Client) -> None:
    emsp = factories.emsp()
    page = boss.post(f"/admin/tokens/emsp/{emsp.pk}/block/", {"confirmed": "yes"}, follow=True)
    emsp.refresh_from_db()
    assert emsp.blocked
    assert f"In force at revision {selectors.revision()}." in page.content.decode()


def test_what_alters_no_answer_says_nothing(boss: Client) -> None:
    before = selectors.revision()
    page = boss.post("/admin/password_change/", {}, follow=True)
    assert selectors.revision() == before
    assert "In force" not in page.content.decode()
