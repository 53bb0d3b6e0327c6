"""A flood of forms at the door from one address: refused for little, in the portal's look, and of no harm to others."""

import re
import time
from typing import Any

import pytest
import redis
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver, reverse

from portal.login import floods, urls
from portal.login.models import LogIn
from tests.portal.test_login import PASSWORD, ann, enter  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
MOST = 5
FLOOD = "198.51.100.66"


@pytest.fixture(autouse=True)
def _few(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOG_IN_FORMS_PER_MINUTE = MOST
    # An installation of this test's own, so that none finds another's counts.
    settings.DATABASE_ADDRESS = f"test {time.monotonic_ns()}"


@pytest.fixture(params=["counted by Valkey", "Valkey is gone", "no address of Valkey"])
def _wherever(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    url = {"counted by Valkey": settings.REDIS_URL, "Valkey is gone": "redis://127.0.0.1:9/0"}.get(request.param, "")
    monkeypatch.setattr(floods, "posts", floods.Posts(url))


def post(page: str, address: str = FLOOD, **more: Any) -> Any:
    return Client().post(
        page, {"username": "x", "password": "x", "email": "x@example.org"}, REMOTE_ADDR=address, **more
    )


@pytest.mark.usefixtures("_wherever")
def test_it_is_refused_for_little_and_harms_nobody_else(ann: User, django_assert_num_queries: Any) -> None:  # noqa: F811
    for number in range(MOST):
        assert enter(f"user{number}", "wrong", FLOOD).status_code == 200
    rows = LogIn.objects.count()
    with django_assert_num_queries(0):
        refused = enter("ann", PASSWORD, FLOOD)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert LogIn.objects.count() == rows
    assert enter("ann", PASSWORD, "198.51.100.67").status_code == 302
    # Looking at the page is no post.
    assert Client().get(reverse("admin:login"), REMOTE_ADDR=FLOOD).status_code == 200


@pytest.mark.usefixtures("_wherever")
def test_all_pages_at_the_door_count_together() -> None:
    pages = ["/admin/login/", "/admin/login/code/", "/admin/forgotten/", "/admin/second-factor/"]
    for page in [*pages, "/admin/choose-password/MQ/x-y/"]:
        assert post(page).status_code != 429, page
    for page in [*pages, "/admin/choose-password/MQ/x-y/", "/admin/password_change/"]:
        assert post(page).status_code == 429, page
    assert post("/admin/logout/").status_code != 429


def test_no_page_at_the_door_is_forgotten() -> None:
    found = ["/admin/" + re.sub("<[^>]+>", "x", str(each.pattern)) for each in urls.urlpatterns]
    assert len(found) == 6
    assert all(page.startswith(floods.PAGES) for page in found)
    assert reverse("admin:login").startswith(floods.PAGES)
    assert reverse("admin:password_change").startswith(floods.PAGES)
    assert get_resolver().resolve("/admin/login/").url_name == "log_in"


def test_the_page_is_the_portals_in_both_languages() -> None:
    for _ in range(MOST):
        post("/admin/login/")
    english = post("/admin/login/", HTTP_ACCEPT_LANGUAGE="en")
    german = post("/admin/login/", HTTP_ACCEPT_LANGUAGE="de")
    assert "Too many forms were sent from your network. Try again in" in english.content.decode()
    assert "Aus Ihrem Netz wurden zu viele Formulare gesendet." in german.content.decode()
    assert '<html lang="de">' in german.content.decode()
    assert "refused.css" in english.content.decode()
    assert "default-src 'none'" in english.headers["Content-Security-Policy"]


def test_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "WINDOW", 1.0)
    for _ in range(MOST):
        post("/admin/forgotten/")
    refused = post("/admin/forgotten/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    end = time.monotonic() + 10
    while post("/admin/second-factor/").status_code == 429:
        assert time.monotonic() < end


def test_the_address_is_the_one_that_our_proxy_saw(settings: LazySettings) -> None:
    settings.PROXIES = 1
    for number in range(MOST):
        post("/admin/login/", "10.0.0.1", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}, {FLOOD}")
    assert post("/admin/login/", "10.0.0.1", HTTP_X_FORWARDED_FOR=f"203.0.113.9, {FLOOD}").status_code == 429
    assert post("/admin/login/", "10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 200


def test_an_ipv6_client_is_its_network() -> None:
    for number in range(MOST):
        post("/admin/login/", f"2001:db8:0:7::{number + 1}")
    assert post("/admin/login/", "2001:db8:0:7::99").status_code == 429
    assert post("/admin/login/", "2001:db8:0:8::1").status_code == 200


def test_what_is_kept_is_short_lived_and_says_nobodys_address() -> None:
    post("/admin/login/")
    client: Any = redis.Redis.from_url(settings.REDIS_URL)
    (name,) = client.keys(f"chargeward:{settings.DATABASE_ADDRESS}:door:*")
    assert FLOOD not in name.decode()
    assert 0 < client.pttl(name) <= 60_000


def test_a_process_counts_so_many_addresses_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "MOST_KEPT", 10)
    posts = floods.Posts("")
    for number in range(100):
        posts.add(f"192.0.2.{number}")
    assert len(posts._own) <= 10


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_may_be_everybody(address: str) -> None:
    assert {post("/admin/second-factor/", address).status_code for _ in range(MOST + 3)} == {302}


def test_off(settings: LazySettings) -> None:
    settings.LOG_IN_FORMS_PER_MINUTE = 0
    assert {post("/admin/second-factor/").status_code for _ in range(MOST + 3)} == {302}
