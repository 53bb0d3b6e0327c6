"""The log's weeks: made before their time, dropped after it, and no row lost where one was missing."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from authorization import partitions, tasks
from authorization.models import Decision
from tests.portal.test_admin import decision
from tests.refusals import sql

pytestmark = pytest.mark.django_db
MONDAY = datetime(2031, 3, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def weeks() -> Counter[str]:
    """Rows by the partition that they are in."""
    found = sql("SELECT tableoid::regclass::text FROM authorization_decision")
    return Counter(name.rpartition("_")[2] for (name,) in found)


def at(*moments: datetime) -> list[Decision]:
    return [decision(decided_at=moment) for moment in moments]


def test_rows_of_a_week_without_a_partition_move_to_it_when_it_is_made() -> None:
    rows = at(MONDAY - SECOND, MONDAY, MONDAY + timedelta(days=7) - SECOND, MONDAY + timedelta(days=7))
    assert weeks() == {"default": 4}
    assert partitions.provide(connection, MONDAY, MONDAY + timedelta(days=6)) == ["authorization_decision_20310303"]
    assert weeks() == {"default": 2, "20310303": 2}
    assert partitions.provide(connection, MONDAY, MONDAY + timedelta(days=7)) == ["authorization_decision_20310310"]
    assert weeks() == {"default": 1, "20310303": 2, "20310310": 1}
    assert partitions.provide(connection, MONDAY, MONDAY) == []
    assert {row.pk for row in Decision.objects.all()} == {row.pk for row in rows}


def test_what_is_older_goes_to_the_second_and_nothing_else() -> None:
    partitions.provide(connection, MONDAY - timedelta(days=14), MONDAY)
    before = MONDAY + timedelta(days=2)
    at(MONDAY - timedelta(days=400), MONDAY - timedelta(days=8), MONDAY - SECOND, MONDAY, before - SECOND)
    kept = at(before, before + timedelta(days=30))
    assert partitions.forget(connection, before) == 5
    assert list(Decision.objects.order_by("pk")) == kept
    assert weeks() == {"20310303": 1, "default": 1}
    assert partitions.forget(connection, before) == 0


def test_many_are_deleted_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "BATCH", 3)
    at(*[MONDAY + timedelta(minutes=number) for number in range(10)])
    assert partitions.forget(connection, MONDAY + timedelta(minutes=8)) == 8
    assert Decision.objects.count() == 2


def test_celery_sees_to_both(settings: LazySettings) -> None:
    settings.LOG_KEPT_DAYS = 30
    now = timezone.now()
    at(now - timedelta(days=31))
    kept = at(now - timedelta(days=29), now, now + timedelta(weeks=3))
    tasks.look_after_log()
    assert set(Decision.objects.all()) == set(kept)
    assert weeks()["default"] == 1, "nobody makes a partition for what is past"
