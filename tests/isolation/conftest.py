"""`asker`: each kind of user in turn, in one world that nobody changes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from authorization.services import create_key
from tests.conftest import ApiClient
from tests.isolation.world import NAME, SECRET, World

SEES_NAMES = {"emsp manager", "both", "third"}
REFUSED = {"disabled", "anonymous"}
ACTORS = ("cpo manager", "emsp manager", "both", "third", "disabled", "roleless", "anonymous")


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield World.build()
        transaction.set_rollback(True)


class Asker:
    """One actor's browser and program. Whatever is asked is undone."""

    def __init__(self, name: str, user: User | None) -> None:
        self.name, self.browser = name, Client()
        if user is not None:
            self.browser.force_login(user)
        self.program = ApiClient(create_key(user=user)[1] if user is not None else None)
        self.sees_names, self.refused = name in SEES_NAMES, name in REFUSED
        self.manages = not self.refused and name != "roleless"

    def ask(self, method: str, address: str, body: Any = None) -> Any:
        by = self.program if address.startswith("/api/") else self.browser
        kind = {"content_type": "application/json"} if address.startswith("/api/") and method != "get" else {}
        with transaction.atomic():
            call: Any = getattr(by, method)
            answer = call(address, body, **kind) if body is not None else call(address, **kind)
            if answer.streaming:  # a file, which is read from the database as it goes out
                answer = HttpResponse(answer.getvalue(), status=answer.status_code, headers=answer.headers)
            transaction.set_rollback(True)
        assert answer.status_code < 500, (self.name, method, address, answer.content[:500])
        return answer

    def learns(self, answer: Any, sent: str = "") -> list[str]:
        """The canaries in an answer that were not in the question."""
        text = answer.content.decode(errors="replace") + str(dict(answer.headers))
        text = text.replace(sent, "") if sent else text
        unseen = (SECRET,) if self.sees_names else (SECRET, NAME)
        return [canary for canary in unseen if canary in text.lower()]


@pytest.fixture(params=ACTORS)
def asker(request: pytest.FixtureRequest, world: World, db: None) -> Asker:
    return Asker(request.param, world.actors[request.param])
