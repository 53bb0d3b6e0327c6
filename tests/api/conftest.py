"""`api`: an Admin's program that speaks to the portal in requests alone."""

from typing import Any

import pytest

from tests.conftest import ApiClient


class Api:
    """Requests below /api/v1/. Each checks the status that is expected and gives the parsed body back."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client

    def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        return self._body(self.client.get(f"/api/v1/{path}", query), expect)

    def post(self, path: str, data: Any = None, status: int = 201) -> Any:
        return self._body(self.client.post(f"/api/v1/{path}", {} if data is None else data), status)

    def patch(self, path: str, data: Any, status: int = 200) -> Any:
        return self._body(self.client.patch(f"/api/v1/{path}", data), status)

    def delete(self, path: str, status: int = 204) -> Any:
        return self._body(self.client.delete(f"/api/v1/{path}"), status)

    def _body(self, response: Any, status: int) -> Any:
        assert response.status_code == status, (response.status_code, response.content[:2000])
        body = response.json() if response.content else None
        if status >= 400:
            assert isinstance(body["code"], str)
            assert isinstance(body["detail"], str)
        return body


@pytest.fixture
def api(admin_api: ApiClient) -> Api:
    return Api(admin_api)


@pytest.fixture
def cpo(api: Api) -> int:
    body = {"country_code": "NL", "party_id": "GFX", "name": "Goflux", "time_zone": "Europe/Amsterdam"}
    return int(api.post("cpos/", body)["id"])


@pytest.fixture
def location(api: Api, cpo: int) -> int:
    return int(api.post("locations/", {"cpo": cpo, "location_id": "LOC1", "name": "Zuidas"})["id"])


@pytest.fixture
def emsp(api: Api) -> int:
    return int(api.post("emsps/", {"country_code": "NL", "party_id": "TNM", "name": "New Motion"})["id"])


@pytest.fixture
def customer(api: Api, emsp: int) -> int:
    return int(api.post("customers/", {"emsp": emsp, "name": "Bakery", "external_id": "C1"})["id"])
