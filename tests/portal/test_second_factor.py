"""Codes of an authenticator app and recovery codes: who needs them, and that nobody gets in beside them."""

import re
import time
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import roles
from portal.login import pending, second_factor
from portal.login.models import Authenticator, LogIn, Outcome
from tests import factories
from tests.portal.test_login import PASSWORD, enter, is_in

pytestmark = pytest.mark.django_db
PAGE, CODE = "/admin/second-factor/", "/admin/login/code/"


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.org", PASSWORD, is_staff=True)


def code_of(user: User, *, later: int = 0) -> str:
    """What the user's app shows now, or so many half minutes later."""
    device = Authenticator.objects.filter(user=user).latest("confirmed", "pk")
    totp = TOTP(device.bin_key, drift=later)
    totp.time = time.time()
    return f"{totp.token():06}"


def set_up(user: User) -> list[str]:
    """Gives the user an app; the recovery codes."""
    second_factor.begin(user)
    codes = second_factor.confirm(user, code_of(user))
    assert codes is not None
    # As if it had been some time ago: no code is good twice.
    TOTPDevice.objects.update(last_t=-1)
    return codes


def begun(name: str = "ann") -> Client:
    """Past name and password."""
    client = Client()
    answer = enter(name, PASSWORD, client=client)
    assert answer.status_code == 302
    return client


def test_a_user_sets_it_up(ann: User) -> None:
    client = begun()
    assert is_in(client)
    page = client.get(PAGE)
    assert "<svg" in page.content.decode()
    device = Authenticator.objects.get(user=ann)
    assert page.context["typed"] in page.content.decode()
    assert "is wrong" in client.post(PAGE, {"code": "000000"}).content.decode()
    assert not second_factor.has_one(ann)
    Authenticator.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    shown = client.post(PAGE, {"code": code_of(ann)})
    assert len(shown.context["codes"]) == 10
    assert second_factor.has_one(ann)
    assert device.pk == Authenticator.objects.get(user=ann).pk
    page = client.get(PAGE)
    assert "10 recovery codes are left" in page.content.decode()
    assert "<svg" not in page.content.decode().split("cw-door-card")[1]


def test_then_nobody_gets_in_without(ann: User) -> None:
    set_up(ann)
    client = begun()
    assert not is_in(client)
    assert client.get("/api/v1/tokens/").status_code == 401
    assert client.get(PAGE).headers["Location"] == CODE
    assert "is wrong" in client.post(CODE, {"code": "000000"}).content.decode()
    assert not is_in(client)
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    assert client.post(CODE, {"code": f" {code_of(ann)[:3]} {code_of(ann)[3:]}"}).headers["Location"] == "/admin/"
    assert is_in(client)
    outcomes = list(LogIn.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == [Outcome.CODE, Outcome.IN]


def test_no_code_is_good_twice(ann: User) -> None:
    codes = set_up(ann)
    code = code_of(ann)
    assert begun().post(CODE, {"code": code}).status_code == 302
    assert begun().post(CODE, {"code": code}).status_code == 200
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    assert begun().post(CODE, {"code": codes[0].upper()}).status_code == 302
    assert begun().post(CODE, {"code": codes[0]}).status_code == 200
    assert second_factor.codes_left(ann) == 9


def test_guessing_codes_takes_ever_longer(ann: User) -> None:
    set_up(ann)
    client = begun()
    client.post(CODE, {"code": "000000"})
    # A right one is not looked at before the second is over.
    assert client.post(CODE, {"code": code_of(ann)}).status_code == 200
    for _ in range(3):
        TOTPDevice.objects.update(throttling_failure_timestamp=None)
        client.post(CODE, {"code": "000000"})
    assert TOTPDevice.objects.get().throttling_failure_count == 4


def test_a_password_given_long_ago_opens_nothing(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(ann)
    client = begun()
    now = time.time()
    monkeypatch.setattr(pending.time, "time", lambda: now + pending.PATIENCE + 1)
    assert client.post(CODE, {"code": code_of(ann)}).headers["Location"] == "/admin/login/"


@pytest.mark.parametrize("how", ["disabled", "another password"])
def test_half_way_in_is_out_again(ann: User, how: str) -> None:
    set_up(ann)
    client = begun()
    if how == "disabled":
        User.objects.update(is_active=False)
    else:
        ann.set_password("another sentence 78")
        ann.save()
    assert client.post(CODE, {"code": code_of(ann)}).headers["Location"] == "/admin/login/"
    assert not is_in(client)


def admin_of_a_role() -> User:
    user = User.objects.create_user("ann", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=roles.ADMIN))
    return user


WHO: dict[str, tuple[Callable[[], User], bool, bool, bool]] = {
    "superuser in production": (lambda: _superuser(), True, False, True),
    "Admin in production": (admin_of_a_role, True, False, True),
    "manager in production": (lambda: _manager(), True, False, False),
    "manager, all": (lambda: _manager(), True, True, True),
    "Admin in development": (admin_of_a_role, False, False, False),
}


def _superuser() -> User:
    return User.objects.create_superuser("ann", password=PASSWORD)


def _manager() -> User:
    user = factories.manager(factories.cpo(), username="ann")
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.mark.parametrize("who", WHO)
def test_who_needs_one(db: None, settings: LazySettings, who: str) -> None:
    make, settings.PRODUCTION, settings.SECOND_FACTOR_FOR_ALL, needed = WHO[who]
    user = make()
    client = begun()
    assert is_in(client) is not needed
    if not needed:
        return
    # The way in leads over setting it up, and nothing is open before.
    assert "is required" in client.get(PAGE).content.decode()
    assert client.get("/api/v1/users/").status_code == 401
    shown = client.post(PAGE, {"code": code_of(user)})
    assert shown.status_code == 200
    assert len(shown.context["codes"]) == 10
    assert is_in(client)


def test_new_codes_replace_the_old(ann: User) -> None:
    client = begun()
    old = set_up(ann)
    assert client.post(PAGE, {"code": "000000", "do": "codes"}).context["form"].errors
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    new = client.post(PAGE, {"code": code_of(ann), "do": "codes"}).context["codes"]
    assert set(old) & set(new) == set()
    assert not second_factor.verify(ann, old[0])
    StaticToken.objects.first().device.throttle_reset()  # type: ignore[union-attr]
    assert second_factor.verify(ann, new[0])


def test_it_is_removed_by_who_has_it(ann: User) -> None:
    client = begun()
    codes = set_up(ann)
    assert client.post(PAGE, {"code": codes[0], "do": "remove"}).status_code == 302
    assert not second_factor.has_one(ann)
    assert second_factor.codes_left(ann) == 0
    assert is_in(client)


def test_where_it_is_required_another_app_takes_its_place(db: None, settings: LazySettings) -> None:
    user = admin_of_a_role()
    client, other = begun(), begun()
    settings.PRODUCTION, settings.SECURE_SSL_REDIRECT = True, False
    codes = set_up(user)
    assert client.post(PAGE, {"code": codes[0], "do": "remove"}).headers["Location"] == PAGE
    assert not is_in(client)
    assert not is_in(other)
    assert "<svg" in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"code": code_of(user)}).status_code == 200
    assert is_in(client)


def test_an_admin_removes_it_for_who_lost_it(boss: Client, ann: User) -> None:
    url = reverse("admin:auth_user_remove_second_factor", args=[ann.pk])
    change = reverse("admin:auth_user_change", args=[ann.pk])
    assert url not in boss.get(change).content.decode()
    client = begun()
    set_up(ann)
    assert url in boss.get(change).content.decode()
    assert "the password alone lets in" in boss.get(url).content.decode()
    assert second_factor.has_one(ann)
    assert boss.post(url, {"confirmed": "yes"}).status_code == 302
    assert not second_factor.has_one(ann)
    assert not is_in(client)
    row = LogIn.objects.latest("pk")
    assert (row.outcome, row.name, row.by != "") == (Outcome.OFF, "ann", True)


def test_a_manager_removes_nobodys(manager: Client, ann: User) -> None:
    set_up(ann)
    url = reverse("admin:auth_user_remove_second_factor", args=[ann.pk])
    assert manager.post(url, {"confirmed": "yes"}).status_code == 403
    assert second_factor.has_one(ann)


def test_the_database_alone_opens_nothing(ann: User, settings: LazySettings) -> None:
    codes = set_up(ann)
    code = code_of(ann)
    rows: list[Any] = [*TOTPDevice.objects.all(), *StaticToken.objects.all()]
    dumped = serializers.serialize("json", rows)
    for text in codes:
        assert re.sub("-", "", text).upper() not in dumped.upper()
    device = TOTPDevice.objects.get()
    assert device.bin_key != Authenticator.objects.get().bin_key
    plain = TOTP(device.bin_key)
    plain.time = time.time()
    assert f"{plain.token():06}" != code


def test_where_no_admin_is_left(ann: User) -> None:
    with pytest.raises(CommandError, match="no second factor"):
        call_command("remove_second_factor", "ann")
    with pytest.raises(CommandError, match="no user"):
        call_command("remove_second_factor", "bea")
    set_up(ann)
    call_command("remove_second_factor", "ann", stdout=StringIO())
    assert not second_factor.has_one(ann)
    assert LogIn.objects.get().outcome == Outcome.OFF
