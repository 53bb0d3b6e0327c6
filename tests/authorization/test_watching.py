"""/metrics, /readyz and status, for whoever watches a node."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from authorization.api import health
from tests import factories
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db


def value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_decisions_and_refused_requests(admin_api: ApiClient) -> None:
    evse = factories.evse()
    wanted = 'chargeward_decisions_total{reason="UNKNOWN_TOKEN",source="database",status="rejected"}'
    bad = 'chargeward_unanswered_total{endpoint="authorize",status="400"}'
    before = admin_api.get("/metrics").content.decode()
    admin_api.post("/api/v1/authorize", {"id_token": "04AA", "evse_id": evse.evse_id})
    admin_api.post("/api/v1/authorize/batch", {"requests": [{"id_token": "04AA", "evse_id": evse.evse_id}] * 3})
    admin_api.post("/api/v1/authorize", {"id_token": "04AA"})
    after = admin_api.get("/metrics")
    assert after["Content-Type"].startswith("text/plain; version=0.0.4")
    text = after.content.decode()
    assert value(text, wanted) - value(before, wanted) == 4
    assert value(text, bad) - value(before, bad) == 1
    answered = 'chargeward_answer_seconds_count{endpoint="authorize"}'
    assert value(text, answered) - value(before, answered) == 2


def test_metrics_want_a_key(client: Client, client_of: Any) -> None:
    assert client.get("/metrics").status_code == 401
    assert client_of(station=factories.station()).get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"REMOTE_ADDR": "10.1.2.3"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.1"}, 401),
        ({"REMOTE_ADDR": ""}, 401),
        ({"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, 401),
        ({"REMOTE_ADDR": "10.1.2.3", "HTTP_FORWARDED": "for=192.0.2.1"}, 401),
    ],
)
def test_metrics_are_open_to_an_internal_network_that_no_proxy_hides(
    client: Client, settings: Any, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_NETWORKS = ["10.0.0.0/8", "::1/128"]
    assert client.get("/metrics", **headers).status_code == status


def test_status_counts_what_there_is(admin_api: ApiClient) -> None:
    factories.token()
    factories.location()
    status = admin_api.get("/api/v1/status").json()
    assert status.keys() == {
        "revision", "committed_revision", "lag_seconds", "source", "tokens", "locations", "exceptions",
    }  # fmt: skip
    assert (status["tokens"], status["locations"], status["exceptions"], status["lag_seconds"]) == (1, 1, 0, 0.0)


def test_a_node_that_is_drained_is_not_ready_and_answers(
    client: Client, admin_api: ApiClient, settings: LazySettings, tmp_path: Path
) -> None:
    settings.DRAINING_FILE = tmp_path / "draining"
    assert client.get("/readyz").status_code == 200
    call_command("drain", seconds=0)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    asked = admin_api.post("/api/v1/authorize", {"id_token": "04AA", "evse_id": factories.evse().evse_id})
    assert asked.status_code == 200


def test_a_node_that_starts_waits_for_its_copy_but_not_for_ever(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "copy_awaited_until", time.monotonic() + 3600)
    assert client.get("/readyz").json()["detail"] == "The copy is being made."
    monkeypatch.setattr(health, "copy_awaited_until", time.monotonic())
    assert client.get("/readyz").json() == {"status": "ready", "source": "database"}
