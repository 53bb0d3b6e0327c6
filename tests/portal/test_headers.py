"""Headers of every answer, bodies that are refused unread, and plain HTTP."""

from io import BytesIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.headers import FRAME
from tests.conftest import ApiClient
from tests.isolation.urls import addresses

pytestmark = pytest.mark.django_db
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LARGE = 9 * 1024 * 1024


@pytest.fixture
def production(settings: LazySettings) -> None:
    settings.PRODUCTION = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True


def policy(answer: Any) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in parts}


def test_every_answer_has_them(boss: Client) -> None:
    # Some of each part will do: the middleware knows no single view.
    asked = [address for address in addresses(None) if not address.startswith("/api/v1/authorize")][::4]
    assert len(asked) > 50
    for address in [
        *asked,
        "/",
        "/admin/login/",
        "/admin/",
        "/api/v1/docs/",
        "/healthz",
        "/no/such/page",
        "/ocpi/versions",
    ]:
        answer = boss.get(address)
        for name, value in EVERYWHERE.items():
            assert answer.headers.get(name) == value, (address, name)
        assert "camera=()" in answer.headers["Permissions-Policy"], address
        # Nothing from elsewhere, nothing inside the page that runs; below the admin what its theme cannot do without.
        found = policy(answer)
        admin = address.startswith("/admin/")
        assert found.pop("script-src") == ("'self' 'unsafe-eval'" if admin else "'self'"), address
        assert found.pop("style-src") == ("'self' 'unsafe-inline'" if admin else "'self'"), address
        assert found.pop("img-src") == "'self' data:"
        assert {*found.values()} == {"'none'", "'self'"}
        assert found["default-src"] == found["frame-ancestors"] == found["base-uri"] == "'none'"


@pytest.mark.parametrize("address", ["/api/v1/tokens/", "/api/v1/nothing", "/ocpi/versions", "/api/v1/explain"])
def test_programs_are_told_to_use_https(production: None, address: str) -> None:
    for method in ("get", "post"):
        answer = getattr(ApiClient("x"), method)(address)
        assert (answer.status_code, answer.json()["code"]) == (403, "https_required")
        assert "Location" not in answer.headers


def test_people_are_led_to_https(production: None) -> None:
    answer = Client().get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/admin/login/?next=/admin/")
    over = Client().get("/admin/login/", headers={"X-Forwarded-Proto": "https"})
    assert over.status_code == 200
    assert over.headers["Strict-Transport-Security"].startswith("max-age=31536000; includeSubDomains")


def test_probes_need_no_proxy(production: None) -> None:
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/readyz").status_code in (200, 503)
    assert Client().get("/metrics").status_code == 401
    # But no key goes there in the clear.
    assert ApiClient("x").get("/metrics").json()["code"] == "https_required"


class Unread(BytesIO):
    """A body that nobody may read."""

    def read(self, *args: Any) -> bytes:
        raise AssertionError("it was read")


def sent(client: Client, address: str, kind: str = "application/json") -> Any:
    about: dict[str, Any] = {"CONTENT_LENGTH": str(LARGE), "wsgi.input": Unread()}
    return client.generic("POST", address, b"", kind, **about)


@pytest.mark.parametrize("address", ["/api/v1/tokens/", "/api/v1/nothing", "/ocpi/2.1.1/tokens/", "/i18n/setlang/"])
def test_a_large_body_is_refused_unread(address: str) -> None:
    answer = sent(Client(), address)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("address", ["/admin/login/", "/admin/forgotten/", "/admin/imports/import/add/"])
def test_nobody_who_is_not_logged_in_fills_the_disk(address: str) -> None:
    answer = sent(Client(), address, "multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert "8 MB are taken at most" in answer.content.decode()


def test_files_have_their_own_limit(boss: Client, admin_api: ApiClient, settings: LazySettings) -> None:
    def by_a_program() -> int:
        body = b"x" * 5000
        answer = admin_api.generic("POST", "/api/v1/imports/", body, "multipart/form-data; boundary=x")
        return int(answer.status_code)

    def by_a_person() -> int:
        file = SimpleUploadedFile("cards.csv", b"uid\n" + b"04A2B3C4\n" * 1000)
        return int(boss.post("/admin/imports/import/add/", {"file": file}).status_code)

    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert (by_a_program(), by_a_person()) == (400, 200)
    settings.IMPORT_MAX_BYTES = 1000 - FRAME
    assert (by_a_program(), by_a_person()) == (413, 413)


@pytest.mark.parametrize(("address", "status"), [("/admin/tokens/token/abc/x/y/", 302), ("/nothing", 404)])
def test_pages_that_are_not_there(boss: Client, address: str, status: int) -> None:
    answer = boss.get(address)
    assert answer.status_code == status
    if status == 404:
        assert "There is no such page" in answer.content.decode()


def test_a_form_from_elsewhere(admin_user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/admin/login/", {"username": "x", "password": "x"})
    assert answer.status_code == 403
    assert "was not sent from a page of the portal" in answer.content.decode()
