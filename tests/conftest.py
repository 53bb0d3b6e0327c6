"""Fixtures of the whole suite."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from authorization.limits import Limits, LocalCounts
from authorization.services import charging, create_key
from tests import factories


@pytest.fixture(autouse=True)
def _quick_settings(settings: LazySettings) -> None:
    """A quick password hasher makes the suite ten times quicker; static files are not collected for tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture(autouse=True)
def _nobody_floods_the_door(settings: LazySettings) -> None:
    """All tests come from one address."""
    settings.LOG_IN_FORMS_PER_MINUTE = 0


@pytest.fixture(autouse=True)
def _nobody_tries_ids(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random questions by the thousand close no key; nor does one test for another."""
    settings.UNKNOWN_TOKENS_PER_STATION = settings.UNKNOWN_TOKENS_PER_CPO = 0
    monkeypatch.setattr(charging, "limits", Limits([LocalCounts()]))


Ask = Callable[..., Any]


class ApiClient(Client):
    """Django's client with a key: `post("/api/v1/authorize", {...})` sends and expects JSON."""

    def __init__(self, key: str | None) -> None:
        super().__init__(**({"HTTP_AUTHORIZATION": f"Token {key}"} if key else {}))

    def post(self, path: str, data: Any = None, **extra: Any) -> Any:  # type: ignore[override]
        return super().post(path, data, **{"content_type": "application/json"} | extra)

    def patch(self, path: str, data: Any = None, **extra: Any) -> Any:  # type: ignore[override]
        return super().patch(path, data, **{"content_type": "application/json"} | extra)


@pytest.fixture
def client_of(db: None) -> Callable[..., ApiClient]:
    """client_of(cpo=…), client_of(station=…), client_of(user=…): a client with a new key of that scope."""

    def make(**scope: Any) -> ApiClient:
        return ApiClient(create_key(**scope)[1])

    return make


@pytest.fixture
def admin_api(client_of: Callable[..., ApiClient]) -> ApiClient:
    """A client with an Admin's key."""
    return client_of(user=factories.admin())
