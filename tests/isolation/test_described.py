"""Whatever the API's description allows is asked, as each role: no 5xx, and no status or body that it does not know.

Bounded in time: each role asks every operation at least once, and more while there is time.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from authorization.services import create_key
from tests import factories
from tests.isolation.world import World

pytestmark = pytest.mark.django_db
SECONDS = 5
ROUNDS = 3
CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip


@pytest.fixture(scope="module")
def described(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        return schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Requests run in the test's transaction, so that none may close its connection."""
    signals = request_started, request_finished
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def _user(role: str, world: World) -> User | None:
    return factories.admin() if role == "Admin" else world.actors[role]


@pytest.mark.parametrize("role", ["Admin", "cpo manager", "emsp manager", "both", "anonymous"])
def test_it_answers_as_described(described: Any, world: World, role: str) -> None:
    user = _user(role, world)
    headers = {"Authorization": f"Token {create_key(user=user)[1]}"} if user is not None else {}
    until, failures = time.monotonic() + SECONDS, []
    for number in range(ROUNDS):
        for found in described.get_all_operations():
            if number and time.monotonic() > until:
                break
            try:
                _ask(found.ok(), headers, number)
            except (AssertionError, schemathesis.errors.SchemathesisError, BaseExceptionGroup) as error:
                failures.append(f"{found.ok().label}: {error}"[:1500])
    assert not failures, "\n\n".join(failures)


def _ask(operation: Any, headers: dict[str, str], number: int) -> None:
    @seed(number)
    @settings(
        max_examples=1, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        with transaction.atomic():
            answer = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS)

    check()
