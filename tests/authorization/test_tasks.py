"""What Celery does by the clock, and ids of unknown tokens, which it makes unreadable after a week."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from authorization import sealed, tasks
from authorization.models import Change, ChangedKeys, Decision, Spool
from authorization.sealed import seal, unseal
from tests import factories
from tests.refusals import at_commit, sql

pytestmark = pytest.mark.django_db
CARD = "04C0FFEE123456"


@pytest.fixture
def unknown(client_of: Any) -> Decision:
    """The log row of a card that nobody knows."""
    evse = factories.evse()
    asked = client_of(cpo=evse.location.cpo).post("/api/v1/authorize", {"id_token": CARD, "evse_id": evse.evse_id})
    assert asked.json()["reason"] == "UNKNOWN_TOKEN"
    return Decision.objects.get()


def test_an_unknown_card_can_be_read_for_a_week_and_is_nowhere_in_the_clear(unknown: Decision) -> None:
    assert CARD not in str(sql("SELECT d::text FROM authorization_decision d"))
    assert unseal(unknown.presented_sealed) == CARD
    assert tasks.forget_presented() == 0
    Decision.objects.update(decided_at=timezone.now() - timedelta(days=7, seconds=1))
    assert tasks.forget_presented() == 1
    unknown.refresh_from_db()
    assert (unknown.presented_sealed, unseal("")) == ("", None)
    assert unknown.token_pseudonym


def test_a_known_card_is_not_kept_at_all(client_of: Any) -> None:
    evse, token = factories.evse(), factories.token(uid=CARD)
    client_of(cpo=evse.location.cpo).post("/api/v1/authorize", {"id_token": token.uid, "evse_id": evse.evse_id})
    assert Decision.objects.get().presented_sealed == ""


def test_the_log_shows_it_to_those_who_may_read_it(unknown: Decision, client: Client) -> None:
    client.force_login(factories.admin())
    page = client.get(reverse("admin:authorization_decision_change", args=[unknown.pk])).content.decode()
    assert CARD in page


def test_a_seal_under_another_secret_key_is_not_readable(settings: Any) -> None:
    closed = seal(CARD)
    sealed._box.cache_clear()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    try:
        assert unseal(closed) is None
        settings.SECRET_KEY_FALLBACKS = [old]
        sealed._box.cache_clear()
        assert unseal(closed) == CARD
    finally:
        sealed._box.cache_clear()


def test_old_notices_are_forgotten_and_the_newest_stays() -> None:
    for _ in range(3):
        factories.token()
        at_commit()
        sql("SELECT set_config('chargeward.changed_in', '', true)")  # as if another transaction began
    assert tasks.forget_changes() == 0
    Change.objects.update(changed_at=timezone.now() - timedelta(days=3))
    newest = Change.objects.latest("revision")
    older = Change.objects.count() - 1
    assert tasks.forget_changes() == older >= 2
    assert list(Change.objects.all()) == [newest]
    assert set(ChangedKeys.objects.values_list("change", flat=True)) == {newest.pk}


def test_spools_of_a_month_ago_are_forgotten() -> None:
    Spool.objects.create(name="old")
    Spool.objects.update(shipped_at=timezone.now() - timedelta(days=31))
    Spool.objects.create(name="new")
    assert tasks.forget_spools() == 1
    assert Spool.objects.get().name == "new"


@pytest.mark.django_db(transaction=True)
def test_copies_are_made_anew_by_a_notification() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LISTEN chargeward")
        tasks.make_copies_anew()
    assert connection.connection is not None
    heard = list(connection.connection.notifies(timeout=5, stop_after=1))
    assert [notice.payload for notice in heard] == ["anew"]
