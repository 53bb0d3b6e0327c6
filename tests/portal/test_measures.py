"""What `/metrics` tells of the whole installation; and alerts and dashboard speak of nothing else."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.registry import REGISTRY, CollectorRegistry

from authorization import selectors
from authorization.api import health
from authorization.api import metrics as exposition
from authorization.models import Node
from imports.models import Import
from people.models import Erasure
from portal.login.models import LogIn, Outcome
from portal.measures import InstallationCollector
from portal.stack.options import PROJECT
from subscriptions.models import Delivery
from subscriptions.push import turns  # noqa: F401 - what it counts is told of
from tests import factories
from tests.subscriptions.conftest import push_all
from tests.subscriptions.partner_server import Reply

pytestmark = pytest.mark.django_db
DEPLOY = PROJECT / "deploy"


def told() -> dict[str, Any]:
    """By name, or by name and label."""
    registry = CollectorRegistry()
    registry.register(InstallationCollector())
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_of_the_whole_installation() -> None:
    Import.objects.create(kind="tokens", emsp=factories.emsp(), file_name="x.csv", size=1, status="failed")
    Node.objects.create(name="slow", revision=selectors.revision() - 3, seen_at=timezone.now())
    Node.objects.create(name="gone", revision=0, seen_at=timezone.now() - timedelta(minutes=1))
    for outcome in (Outcome.IN, Outcome.PASSWORD, Outcome.THROTTLED):
        LogIn.objects.create(outcome=outcome)
    found = told()
    assert found["chargeward_part_up/database"] == found["chargeward_part_up/redis"] == 1
    assert found["chargeward_imports/failed"] == 1
    assert (found["chargeward_nodes"], found["chargeward_nodes_behind"]) == (1, 3)
    assert (found["chargeward_log_ins_failed"], found["chargeward_log_ins_stopped"]) == (2, 1)
    assert found["chargeward_queue_length"] >= 0
    assert found["chargeward_station_messages_waiting"] == 0
    assert found["chargeward_import_oldest_seconds"] == 0


def test_of_imports_and_erasures_that_take_long() -> None:
    long_ago = timezone.now() - timedelta(days=8)
    waits = Import.objects.create(kind="tokens", emsp=factories.emsp(), file_name="x.csv", size=1, status="staging")
    Import.objects.filter(pk=waits.pk).update(created_at=long_ago)
    Erasure.objects.create(kind="token", by_name="x", at=long_ago)
    Erasure.objects.create(kind="token", by_name="x", at=timezone.now())
    Erasure.objects.create(kind="token", by_name="x", at=long_ago, finished_at=timezone.now())
    found = told()
    assert found["chargeward_import_oldest_seconds"] == pytest.approx(8 * 86400, abs=60)
    assert found["chargeward_erasures_unfinished"] == 1


def test_of_deliveries_by_endpoint(pushed: Any, server: Any) -> None:
    """Two parts of one partner, and what each of them made of what it was sent."""
    server.answer = lambda received: Reply(400) if "/tokens/" in received.path else Reply(200)
    owner = factories.emsp()
    for role in ("CPO", "EMSP"):
        pushed(owner, country_code="BE", party_id="ABC", role=role, only=["tokens"])
    factories.token(owner)
    at = timezone.now() - timedelta(minutes=10)
    Delivery.objects.filter(endpoint__subscription__role="CPO").update(since=at)
    Delivery.objects.filter(endpoint__subscription__role="EMSP").update(state="parked")
    found = told()
    assert found["chargeward_deliveries_waiting/BE-ABC/CPO/tokens"] == 1
    assert found["chargeward_deliveries_parked/BE-ABC/CPO/tokens"] == 0
    assert found["chargeward_delivery_oldest_seconds/BE-ABC/CPO/tokens"] == pytest.approx(600, abs=60)
    assert found["chargeward_deliveries_waiting/BE-ABC/EMSP/tokens"] == 0
    assert found["chargeward_deliveries_parked/BE-ABC/EMSP/tokens"] == 1
    labels = {"subscription": "BE-ABC/CPO", "module": "tokens", "outcome": "refused"}
    before = REGISTRY.get_sample_value("chargeward_pushes_total", labels) or 0
    push_all()
    assert REGISTRY.get_sample_value("chargeward_pushes_total", labels) == before + 1


def test_of_imports_by_kind_and_step(desk: Any, emsp: Any) -> None:
    steps = [{"kind": "tokens", "step": step} for step in ("staging", "finalising")]
    before = [REGISTRY.get_sample_value("chargeward_import_seconds_count", step) for step in steps]
    desk.bring("uid\n04AA\n", emsp=emsp)
    after = [REGISTRY.get_sample_value("chargeward_import_seconds_count", step) for step in steps]
    assert after == [number + 1 for number in before]


def test_what_is_down_is_said(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(work: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr(health, "ask", down)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert told() == {"chargeward_part_up/database": 0, "chargeward_part_up/redis": 0}


def _metrics(text: str) -> set[str]:
    return set(re.findall(r"chargeward_[a-z_]+", text))


def test_alerts_and_dashboard_name_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "more", [InstallationCollector()])
    Import.objects.create(kind="tokens", emsp=factories.emsp(), file_name="x.csv", size=1, status="failed")
    there = _metrics(exposition.exposition().decode())
    # A node's copy is told of by a process that answers from one.
    there |= {f"chargeward_cache_{name}" for name in ("ready", "revision", "age_seconds", "bytes")}
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    board = json.loads((DEPLOY / "grafana.json").read_text())
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert {name for expression in asked for name in _metrics(expression)} <= there


def test_each_alert_has_a_line_on_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    named = re.findall(
        r"^\| (Chargeward\w+) \| .{20,} \|$", (PROJECT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
    assert sorted(named) == sorted(rule["alert"] for rule in rules)
