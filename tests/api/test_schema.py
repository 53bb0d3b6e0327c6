"""The API's description: valid without a warning, whole, and served from here."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.api.conftest import Api


@pytest.fixture(scope="module")
def schema(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        return Client().get("/api/v1/schema/").json()


@pytest.mark.django_db
def test_it_is_valid_without_a_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


@pytest.mark.django_db
def test_every_operation_says_what_it_answers(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert {"400", "401", "403"} <= set(operation["responses"]), (method, path)
            if "{" in path and method in ("patch", "delete"):
                assert "412" in operation["responses"]
                assert "If-Match" in [parameter["name"] for parameter in operation["parameters"]]
    assert {"after", "page", "page_size", "search", "emsp", "auth_id"} <= {
        parameter["name"] for parameter in schema["paths"]["/api/v1/tokens/"]["get"]["parameters"]
    }


@pytest.mark.django_db
def test_the_docs_take_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs/").content.decode()
    assert "swagger" in page
    assert not re.findall(r'(?:src|href)="(?!/)[^"]*//', page)


@pytest.mark.django_db
def test_a_yaml_reader_gets_yaml(api: Api) -> None:
    answer = api.client.get("/api/v1/schema/", headers={"Accept": "application/yaml, application/vnd.oai.openapi"})
    assert answer.content.startswith(b"openapi: 3.1")
