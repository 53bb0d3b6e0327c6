"""`manage.py doctor` on deployments that are well, and on ones that are not."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from authorization import selectors
from authorization.models import Node
from portal import doctor
from portal.doctor import DOUBTFUL, GOOD, WRONG

pytestmark = pytest.mark.django_db


class Answers:
    """Workers that answer."""

    def __init__(self, answers: dict[str, Any] | None) -> None:
        self.answers = answers

    def __call__(self, timeout: float) -> "Answers":
        return self

    def ping(self) -> dict[str, Any] | None:
        return self.answers


@pytest.fixture
def well(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All that is around a deployment in order."""
    settings.DATA_DIR, settings.STATIC_ROOT = tmp_path, tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STATIC_ROOT.joinpath("staticfiles.json").write_text('{"paths": {"a.css": "a.1.css"}}')
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="x", task="x", interval=every, last_run_at=timezone.now())
    Node.objects.create(name="node-1", revision=selectors.revision(), seen_at=timezone.now())
    monkeypatch.setattr(doctor.app.control, "inspect", Answers({"worker@x": {"ok": "pong"}}))
    monkeypatch.setattr(redis.Redis, "config_get", lambda self, name: {name: "noeviction"})
    monkeypatch.setattr(doctor, "LEAST_SPACE", 1)


def states() -> dict[str, str]:
    """The worst that is said of each part."""
    order = (GOOD, DOUBTFUL, WRONG)
    found: dict[str, str] = {}
    for finding in doctor.look():
        found[finding.part] = max(found.get(finding.part, GOOD), finding.state, key=order.index)
        assert finding.state == GOOD or finding.hint or finding.part == "settings", finding
    return found


def test_one_that_is_well(well: None) -> None:
    found = states()
    assert set(found) == {
        "settings", "database", "clock", "redis", "worker", "beat", "copies", "disk", "static files", "e-mail"
    }  # fmt: skip
    assert {part for part, state in found.items() if state == WRONG} == set()
    output = StringIO()
    call_command("doctor", stdout=output)
    assert "  ok   database: PostgreSQL 18 answers, and is migrated." in output.getvalue()


class Case(NamedTuple):
    part: str
    said: str


def _old_beat(settings: Any, monkeypatch: Any) -> Case:
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(minutes=11))
    return Case("beat", "11 minutes ago")


def _no_worker(settings: Any, monkeypatch: Any) -> Case:
    monkeypatch.setattr(doctor.app.control, "inspect", Answers(None))
    return Case("worker", "No worker answers")


def _evicts(settings: Any, monkeypatch: Any) -> Case:
    monkeypatch.setattr(redis.Redis, "config_get", lambda self, name: {name: "allkeys-lru"})
    return Case("redis", "allkeys-lru")


def _no_redis(settings: Any, monkeypatch: Any) -> Case:
    settings.REDIS_URL = "redis://:secret-word@127.0.0.1:1/0"
    return Case("redis", "does not answer")


def _no_nodes(settings: Any, monkeypatch: Any) -> Case:
    Node.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
    return Case("copies", "No node")


def _skew(settings: Any, monkeypatch: Any) -> Case:
    monkeypatch.setattr(doctor, "MAX_SKEW", -1)
    return Case("clock", "off the database's: the node is not ready")


def _full(settings: Any, monkeypatch: Any) -> Case:
    monkeypatch.setattr(doctor, "LEAST_SPACE", 2**60)
    return Case("disk", "MB are free")


def _no_folder(settings: Any, monkeypatch: Any) -> Case:
    settings.DATA_DIR = settings.DATA_DIR / "nowhere"
    return Case("disk", "is not there")


def _no_static(settings: Any, monkeypatch: Any) -> Case:
    settings.STATIC_ROOT.joinpath("staticfiles.json").unlink()
    return Case("static files", "is not there")


def _no_extension(settings: Any, monkeypatch: Any) -> Case:
    monkeypatch.setattr(doctor, "EXTENSIONS", ("pg_trgm", "no_such"))
    return Case("database", "no_such is missing")


def _not_migrated(settings: Any, monkeypatch: Any) -> Case:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'portal_login' AND name LIKE '0002%'")
    return Case("database", "1 migrations have not been run")


def _no_mail(settings: Any, monkeypatch: Any) -> Case:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_PASSWORD = "127.0.0.1", 1, "secret-word"
    return Case("e-mail", "does not take letters")


def _wrong_setting(settings: Any, monkeypatch: Any) -> Case:
    monkeypatch.setenv("PROXIES", "many")
    return Case("settings", "PROXIES is 'many'")


BROKEN = (
    _old_beat, _no_worker, _evicts, _no_redis, _no_nodes, _skew, _full, _no_folder, _no_static, _no_extension,
    _not_migrated, _no_mail, _wrong_setting,
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__.strip("_"))
def test_one_that_is_not(well: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    case = broken(settings, monkeypatch)
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=output)
    assert ended.value.code == 1
    found = [json.loads(text) for text in output.getvalue().splitlines()]
    assert {each["part"] for each in found if each["state"] == WRONG} == {case.part}
    assert any(case.said in each["said"] for each in found), found
    assert "secret-word" not in output.getvalue()


def test_no_database(well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs it is left out; the rest is looked at all the same."""
    from django.db import OperationalError

    class Down:
        def cursor(self) -> Any:
            raise OperationalError("to 127.0.0.1 with secret-word")

    monkeypatch.setattr(doctor, "connection", Down())
    found = list(doctor.look())
    assert [each.part for each in found if each.state == WRONG] == ["database"]
    assert {"redis", "disk", "static files"} <= {each.part for each in found}
    assert not any("secret-word" in each.said for each in found)


def test_what_cannot_be_looked_at_is_wrong(well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.selectors, "revision", lambda: 1 / 0)
    wrong = [each for each in doctor.look() if each.state == WRONG]
    assert [(each.part, each.said) for each in wrong] == [("copies", "It cannot be looked at: ZeroDivisionError.")]
