"""The door: guessing is stopped without locking anybody else out, and says nothing about who there is."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from locations.access import MANAGE_CPO, grant
from portal import roles
from portal.login import log, views
from portal.login.models import LogIn, Outcome, Session
from tests import factories
from tests.refusals import sql

pytestmark = pytest.mark.django_db
PASSWORD = "a quite long sentence 77"


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.org", PASSWORD, is_staff=True)


def enter(name: str, password: str, address: str = "192.0.2.1", client: Client | None = None) -> Any:
    return (client or Client()).post(
        reverse("admin:login"), {"username": name, "password": password}, REMOTE_ADDR=address
    )


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_in_and_out_again(ann: User) -> None:
    client = Client()
    answer = client.post(
        reverse("admin:login"), {"username": "ann", "password": PASSWORD, "next": "/admin/why/"}, HTTP_USER_AGENT="Lynx"
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/why/")
    assert is_in(client)
    assert client.get(reverse("admin:login")).headers["Location"] == "/admin/"
    client.post(reverse("admin:logout"))
    assert not is_in(client)
    assert list(LogIn.objects.values_list("outcome", "name", "agent").order_by("pk")) == [
        (Outcome.IN, "ann", "Lynx"),
        (Outcome.OUT, "ann", ""),
    ]


def test_it_leads_nowhere_else(ann: User) -> None:
    answer = Client().post(
        reverse("admin:login"), {"username": "ann", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer.headers["Location"] == "/admin/"


def test_who_is_not_there_is_refused_in_the_same_words(ann: User) -> None:
    User.objects.create_user("off", "off@example.org", PASSWORD, is_staff=True, is_active=False)
    User.objects.create_user("outsider", "out@example.org", PASSWORD)
    User.objects.create_user("program", is_staff=True)
    said = set()
    for name in ("ann", "off", "outsider", "program", "nobody"):
        answer = enter(name, "wrong" if name == "ann" else PASSWORD)
        assert answer.status_code == 200
        said.add(answer.content.decode().replace(f'value="{name}"', "").split("csrfmiddlewaretoken")[0])
    assert len(said) == 1


def test_a_password_is_looked_at_for_who_is_not_there(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the answer takes as long."""
    from django.contrib.auth import hashers

    hashed: list[str] = []
    real = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher,
        "encode",
        lambda self, password, salt: hashed.append(password) or real(self, password, salt),
    )
    counts = []
    for name in ("ann", "nobody"):
        hashed.clear()
        enter(name, "wrong")
        counts.append(len(hashed))
    assert counts == [1, 1]


def test_guessing_is_stopped_for_the_guesser_alone(ann: User) -> None:
    for _ in range(4):
        assert enter("ann", "wrong").status_code == 200
    assert enter("ann", "wrong").status_code == 429
    refused = enter("ann", PASSWORD)
    assert refused.status_code == 429
    assert "Too many tries" in refused.content.decode()
    # The same person from elsewhere, and somebody else from there, get in.
    assert enter("ann", PASSWORD, "192.0.2.2").status_code == 302
    User.objects.create_user("bea", password=PASSWORD, is_staff=True)
    assert enter("bea", PASSWORD).status_code == 302
    # Who does not exist is refused in the same way.
    for _ in range(4):
        assert enter("nobody", "wrong").status_code == 200
    assert enter("nobody", "wrong").status_code == 429


def test_a_right_password_clears_the_count(ann: User) -> None:
    for _ in range(3):
        for _ in range(4):
            enter("ann", "wrong")
        assert enter("ann", PASSWORD).status_code == 302


def test_an_ipv6_client_is_its_network(ann: User) -> None:
    for number in range(5):
        answer = enter("ann", "wrong", f"2001:db8:0:7::{number + 1}")
    assert answer.status_code == 429
    assert enter("ann", PASSWORD, "2001:db8:0:8::1").status_code == 302


def test_one_address_does_not_try_everybody(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_FROM_AN_ADDRESS", 10)
    for number in range(10):
        assert enter(f"user{number}", "wrong").status_code == 200
    assert enter("ann", PASSWORD).status_code == 429
    assert enter("ann", PASSWORD, "192.0.2.2").status_code == 302
    # Nor does it fill the log.
    assert LogIn.objects.filter(address="192.0.2.1").count() == 10


def test_what_is_refused_costs_little(ann: User, django_assert_num_queries: Any) -> None:
    LogIn.objects.bulk_create(LogIn(outcome="password", address="192.0.2.1") for _ in range(log.MOST_FROM_AN_ADDRESS))
    with django_assert_num_queries(1):
        answer = enter("ann", PASSWORD)
    assert answer.status_code == 429
    assert len(answer.content) < 1000


def test_what_a_client_claims_counts_for_nothing(ann: User, settings: LazySettings) -> None:
    def tried(forwarded: str) -> str | None:
        Client().post(
            reverse("admin:login"), {"username": "x", "password": "x"}, REMOTE_ADDR="10.0.0.1",
            HTTP_X_FORWARDED_FOR=forwarded,
        )  # fmt: skip
        return LogIn.objects.latest("pk").address

    assert tried("198.51.100.1") == "10.0.0.1"
    settings.PROXIES = 1
    assert tried("198.51.100.1, 203.0.113.9") == "203.0.113.9"
    assert tried("") == "10.0.0.1"
    settings.PROXIES = 2
    assert tried("198.51.100.1, 203.0.113.9, 10.0.0.7") == "203.0.113.9"
    assert tried("x, y") is None


def test_few_passwords_are_looked_at_at_once(ann: User) -> None:
    others = ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
    for address in others:
        assert views._door.enter(address)
    try:
        refused = enter("ann", PASSWORD)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert "Very many people" in refused.content.decode()
    finally:
        for address in others:
            views._door.leave(address)
    assert enter("ann", PASSWORD).status_code == 302


def test_one_address_leaves_a_place_to_others(ann: User) -> None:
    flood = "192.0.2.7"
    assert [views._door.enter(flood) for _ in range(4)] == [True, True, False, False]
    try:
        assert enter("ann", PASSWORD, flood).status_code == 429
        assert enter("ann", PASSWORD).status_code == 302
    finally:
        views._door.leave(flood)
        views._door.leave(flood)
    assert enter("ann", PASSWORD, flood).status_code == 302


def test_what_was_typed_is_kept_nowhere(ann: User) -> None:
    """Somebody's password in the field of the name."""
    enter(PASSWORD, "secret-in-the-other-field")
    attempt = AccessAttempt.objects.get()
    kept = f"{vars(attempt)} {[vars(row) for row in LogIn.objects.all()]}"
    assert PASSWORD not in kept
    assert "secret-in-the-other-field" not in kept


def test_the_log_is_an_admins_to_read(boss: Client) -> None:
    enter("nobody", "wrong", "198.51.100.9")
    page = boss.get(reverse("admin:portal_login_login_changelist"))
    assert page.status_code == 200
    assert "198.51.100.9" in page.content.decode()
    assert "wrong name or password" in page.content.decode()


def test_the_log_is_forgotten(ann: User, settings: LazySettings) -> None:
    from datetime import timedelta

    from django.utils import timezone

    settings.LOG_INS_KEPT_DAYS = 90
    LogIn.objects.create(outcome="in", name="ann", at=timezone.now() - timedelta(days=91))
    LogIn.objects.create(outcome="in", name="ann", at=timezone.now() - timedelta(days=89))
    assert log.forget() == 1


ENDS = {
    "disabled": lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    "disabled by SQL": lambda user: sql("UPDATE auth_user SET is_active = false WHERE id = %s", user.pk),
    "no staff": lambda user: User.objects.filter(pk=user.pk).update(is_staff=False),
    "superuser": lambda user: User.objects.filter(pk=user.pk).update(is_superuser=True),
    "role taken": lambda user: user.groups.clear(),
    "role taken by SQL": lambda user: sql("DELETE FROM auth_user_groups WHERE user_id = %s", user.pk),
    "role deleted": lambda user: Group.objects.get(name="Reader").delete(),
    "Admin": lambda user: user.groups.add(Group.objects.get(name=roles.ADMIN)),
    "deleted": lambda user: user.delete(),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_session_ends_with_the_rights(ann: User, how: str) -> None:
    """It is gone, not asleep: given back, the rights do not bring it back."""
    ann.groups.add(Group.objects.create(name="Reader"))
    client, other = Client(), Client()
    enter("ann", PASSWORD, client=client)
    other.force_login(factories.admin())
    assert is_in(client)
    ENDS[how](ann)
    assert Session.objects.filter(user_id=ann.pk).count() == 0
    User.objects.filter(username="ann").update(is_active=True, is_staff=True)
    assert not is_in(client)
    assert client.get("/api/v1/tokens/").status_code == 401
    assert is_in(other)


@pytest.mark.parametrize("how", ["another role", "a name", "a grant"])
def test_a_session_stays_with_what_takes_nothing_away(ann: User, how: str) -> None:
    client = Client()
    enter("ann", PASSWORD, client=client)
    if how == "another role":
        ann.groups.add(Group.objects.get(name=roles.CPO_MANAGER))
    elif how == "a name":
        User.objects.filter(pk=ann.pk).update(first_name="Ann")
    else:
        grant(ann, MANAGE_CPO, factories.cpo())
    assert is_in(client)


def test_another_password_ends_sessions(ann: User) -> None:
    client = Client()
    enter("ann", PASSWORD, client=client)
    ann.set_password("another sentence 78")
    ann.save()
    assert not is_in(client)
