"""`desk`: a portal user with files to import; everything goes through the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT

from authorization.models import Revision
from imports.texts import is_known
from tests import factories
from tests.conftest import ApiClient

PATH = "/api/v1/imports/"


class Desk:
    """Uploads, looks, finalises; each checks the status that is expected and gives the parsed body back."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client

    def upload(self, content: str | bytes, kind: str = "tokens", expect: int = 201, **fields: Any) -> Any:
        data = content.encode() if isinstance(content, str) else content
        target = {name: getattr(value, "pk", value) for name, value in fields.items()}
        body = {"file": SimpleUploadedFile("list.csv", data), "kind": kind} | target
        return self._body(self.client.post(PATH, body, content_type=MULTIPART_CONTENT), expect)

    def step(self, which: Any, name: str, expect: int = 200, **body: Any) -> Any:
        return self._body(self.client.post(f"{PATH}{which['id']}/{name}/", body), expect)

    def finalise(self, which: Any, expect: int = 200, **body: Any) -> Any:
        return self.step(which, "finalise", expect, **body)

    def get(self, which: Any, expect: int = 200) -> Any:
        return self._body(self.client.get(f"{PATH}{which['id']}/"), expect)

    def patch(self, which: Any, expect: int = 200, **body: Any) -> Any:
        return self._body(self.client.patch(f"{PATH}{which['id']}/", body), expect)

    def bring(self, content: str | bytes, kind: str = "tokens", **fields: Any) -> Any:
        """Uploads and finalises."""
        return self.finalise(self.upload(content, kind, **fields))

    def _body(self, response: Any, expect: int) -> Any:
        assert response.status_code == expect, (response.status_code, response.content[:3000])
        return response.json()


@pytest.fixture
def desk_of(client_of: Callable[..., ApiClient]) -> Callable[..., Desk]:
    """desk_of(party, …): of a manager who was granted these parties; of an Admin without any."""

    def make(*parties: Any) -> Desk:
        return Desk(client_of(user=factories.manager(*parties) if parties else factories.admin()))

    return make


@pytest.fixture
def emsp(db: None) -> Any:
    return factories.emsp(country_code="NL", party_id="TNM")


@pytest.fixture
def desk(desk_of: Callable[..., Desk], emsp: Any) -> Desk:
    """Of a manager of `emsp`."""
    return desk_of(emsp)


def counts(body: Any) -> dict[str, int]:
    """The totals that are not zero."""
    return {name: count for name, count in body["totals"].items() if count and name != "rows"}


def problems(body: Any) -> list[tuple[int, str, str]]:
    """(row, column, the first words of the message) of each error, all of which the portal can translate."""
    assert [each for each in body["errors"] if not is_known(each["message"])] == []
    return [(each["row"], each["column"], " ".join(each["message"].split()[:5])) for each in body["errors"]]


def revision() -> int:
    row = Revision.objects.first()
    return row.value if row else 0
