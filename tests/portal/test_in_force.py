"""After a change: since which revision it is answered by."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from authorization import selectors
from authorization.models import Node
from portal import in_force
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_says_since_which_revision(boss: Client) -> None:
    emsp = factories.emsp()
    page = boss.post(f"/admin/tokens/emsp/{emsp.pk}/block/", {"confirmed": "yes"}, follow=True)
    emsp.refresh_from_db()
    assert emsp.blocked
    assert f"In force at revision {selectors.revision()}." in page.content.decode()


def test_it_is_in_force_when_every_node_that_answers_has_it(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that does not follow answers from the database when its copy is no longer to be trusted."""
    monkeypatch.setattr(in_force, "MOST_PATIENCE", 0.3)
    emsp = factories.emsp()
    other = Node.objects.create(name="other", revision=selectors.revision(), seen_at=timezone.now())

    def said(action: str) -> str:
        page = boss.post(f"/admin/tokens/emsp/{emsp.pk}/{action}/", {"confirmed": "yes"}, follow=True)
        return page.content.decode()

    assert f"Saved as revision {selectors.revision() + 1}; chargers are answered by it in a moment" in said("block")
    Node.objects.filter(pk=other.pk).update(seen_at=timezone.now() - timedelta(seconds=4))
    assert f"In force at revision {selectors.revision() + 1}." in said("unblock")
    Node.objects.filter(pk=other.pk).update(seen_at=timezone.now(), revision=selectors.revision() + 1)
    assert f"In force at revision {selectors.revision() + 1}." in said("block")


def test_a_node_that_trusts_its_copy_for_longer_is_waited_for_longer(settings: Any) -> None:
    revision = selectors.revision()
    Node.objects.create(name="other", revision=revision - 1, seen_at=timezone.now() - timedelta(seconds=4))
    assert not selectors.nodes_behind(revision)
    settings.CACHE_STALE_AFTER_MS = 60_000
    assert selectors.nodes_behind(revision)


def test_what_alters_no_answer_says_nothing(boss: Client) -> None:
    before = selectors.revision()
    page = boss.post("/admin/password_change/", {}, follow=True)
    assert selectors.revision() == before
    assert "In force" not in page.content.decode()
