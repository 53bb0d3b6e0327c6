"""`partner(...)`: a partner platform's client below /ocpi/, which looks at the envelope of every answer.
`pushed(...)`: a partner whose platform is pushed to."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from locations.models import CPO
from subscriptions import services
from subscriptions.models import Module, Subscription
from subscriptions.push import endpoints, turns
from tests import factories
from tests.subscriptions.partner_server import PartnerServer, partner_server
from tokens.models import EMSP


class Answer:
    def __init__(self, response: Any) -> None:
        body = response.json()
        assert set(body) - {"data"} == {"status_code", "status_message", "timestamp"}, body
        assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", body["timestamp"])
        assert response.headers["Content-Type"] == "application/json"
        self.http, self.headers = response.status_code, response.headers
        self.code, self.data = body["status_code"], body.get("data")
        self.text = response.content.decode()


class Platform:
    """Requests below /ocpi/ with a token, in a version; what 2.2.1 wants in Base64 is."""

    def __init__(self, text: str, version: str = "2.1.1") -> None:
        self.text, self.version = text, version
        sent = text if version == "2.1.1" else b64encode(text.encode()).decode()
        self.client = Client(HTTP_AUTHORIZATION=f"Token {sent}")

    def speaking(self, version: str) -> "Platform":
        return Platform(self.text, version)

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        address = path if path.startswith("http") else f"/ocpi/{path}"
        if method == "get":
            return Answer(self.client.get(address, query))
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Answer(self.client.generic(method.upper(), address, raw, "application/json", query_params=query))

    def get(self, path: str, **query: Any) -> Answer:
        return self.ask("get", f"{self.version}/{path}", **query)

    def put(self, path: str, body: Any) -> Answer:
        return self.ask("put", f"{self.version}/{path}", body)

    def patch(self, path: str, body: Any) -> Answer:
        return self.ask("patch", f"{self.version}/{path}", body)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.ask("post", f"{self.version}/{path}", body)

    def delete(self, path: str) -> Answer:
        return self.ask("delete", f"{self.version}/{path}")

    def walk(self, path: str, **query: Any) -> list[Any]:
        """Everything, page by page, as the Link says."""
        answer = self.get(path, **query)
        found = list(answer.data)
        while "Link" in answer.headers:
            link = answer.headers["Link"]
            assert link.endswith('>; rel="next"')
            answer = Answer(self.client.get(link[1:].partition(">")[0]))
            found += answer.data
        return found


Make = Callable[..., Platform]


@pytest.fixture
def partner(db: None) -> Make:
    def make(*parties: CPO | EMSP, **fields: Any) -> Platform:
        return Platform(services.issue(factories.subscription(*parties, **fields)))

    return make


@pytest.fixture
def server(settings: Any) -> Iterator[PartnerServer]:
    """A partner's platform to push to, at an address that the operator allows."""
    settings.PUSH_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with partner_server() as running:
        yield running


Push = Callable[..., Subscription]


@pytest.fixture
def pushed(db: None, server: PartnerServer) -> Push:
    """pushed(party, …, only=[modules], to=server): a partner that is pushed every module, at /<module>."""

    def make(
        *parties: CPO | EMSP, only: Sequence[str] = Module.values, to: PartnerServer | None = None, **fields: Any
    ) -> Subscription:
        row = factories.subscription(*parties, **fields)
        endpoints.set_up(row, {module: f"{(to or server).url}/{module}" for module in only}, "their-token")
        return row

    return make


def push_all(most: int = 100) -> int:
    """Turns with every endpoint that has something due, until none has; how many objects were taken."""
    taken = 0
    for _ in range(most):
        due = turns.due(timezone.now())
        if not due:
            break
        taken += sum(turns.take(pk) for pk in due)
    return taken
