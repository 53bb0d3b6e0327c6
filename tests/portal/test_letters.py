"""Passwords by e-mail: invitations and forgotten ones; and that nobody learns who there is."""

import re
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Group, User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from portal import roles
from portal.login import letters, tasks, views
from portal.login.models import LogIn, Outcome, Session
from tests.portal.pages import errors, filled, said, send
from tests.portal.test_login import PASSWORD, enter, is_in

pytestmark = pytest.mark.django_db
FORGOTTEN = "/admin/forgotten/"
NEW = "another sentence 78"


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", "ann@example.org", PASSWORD, is_staff=True)


class Broker:
    """Takes tasks as Celery does, and works on them when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, tuple[Any, ...]]] = []
        self.down = False

    def take(self, task: Any, arguments: tuple[Any, ...], retry: bool) -> None:
        assert not retry
        if self.down:
            raise OperationalError("no broker")
        self.waiting.append((task, arguments))

    def work(self) -> None:
        while self.waiting:
            task, arguments = self.waiting.pop(0)
            task(*arguments)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    for task in (tasks.answer_forgotten, tasks.invite):
        monkeypatch.setattr(
            task, "apply_async", lambda arguments, retry=True, task=task: found.take(task, arguments, retry)
        )
    return found


def link_in(letter: Any) -> str:
    found = re.search(r"https?://testserver(/admin/choose-password/\S+)", letter.body)
    assert found is not None, letter.body
    return found[1]


def choose(link: str, password: str = NEW, client: Client | None = None) -> Any:
    """Follows a link and sends the form."""
    client = client or Client()
    form = client.get(link, follow=True)
    if "new_password1" not in form.content.decode():
        return form
    return client.post(form.request["PATH_INFO"], {"new_password1": password, "new_password2": password})


def test_a_forgotten_password(ann: User, broker: Broker) -> None:
    before = Client()
    before.force_login(ann)
    assert Client().post(FORGOTTEN, {"email": "ANN@example.org"}).headers["Location"] == "/admin/forgotten/asked/"
    assert mail.outbox == []
    broker.work()
    (letter,) = mail.outbox
    assert letter.to == ["ann@example.org"]
    link = link_in(letter)
    page = Client().get(link, follow=True)
    # The link is not in the address of the form, which a browser hands on.
    assert link not in page.request["PATH_INFO"]
    assert choose(link, "12345").status_code == 200
    answer = choose(link)
    assert answer.headers["Location"] == "/admin/login/"
    assert enter("ann", NEW).status_code == 302
    assert not is_in(before)
    assert "used already" in choose(link).content.decode()


def test_the_page_says_nothing_about_who_there_is(ann: User, broker: Broker) -> None:
    """The same page after the same statements."""
    answers, asked = [], []
    for email in ("ann@example.org", "nobody@example.org"):
        with CaptureQueriesContext(connection) as statements:
            answers.append(Client().post(FORGOTTEN, {"email": email}))
        asked.append([re.sub(".*; |VALUES.*|WHERE.*", "", statement["sql"]) for statement in statements])
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert asked[0] == asked[1] != []
    assert len(broker.waiting) == 2
    broker.work()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("who", ["disabled", "a program", "asked before"])
def test_no_letter_to(ann: User, broker: Broker, who: str) -> None:
    if who == "disabled":
        User.objects.update(is_active=False)
    elif who == "a program":
        ann.set_unusable_password()
        ann.save()
    else:
        Client().post(FORGOTTEN, {"email": "ann@example.org"})
        broker.work()
        mail.outbox.clear()
    Client().post(FORGOTTEN, {"email": "ann@example.org"})
    broker.work()
    assert mail.outbox == []


def test_nobody_has_letters_by_the_hundred_written(broker: Broker, db: None) -> None:
    for number in range(views.MOST_ASKED):
        assert Client().post(FORGOTTEN, {"email": f"u{number}@example.org"}).status_code == 302
    refused = Client().post(FORGOTTEN, {"email": "more@example.org"})
    assert "Too many letters" in refused.content.decode()
    assert Client().post(FORGOTTEN, {"email": "x@example.org"}, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_without_a_broker_it_is_said(broker: Broker, ann: User) -> None:
    broker.down = True
    assert "No letter can be sent" in Client().post(FORGOTTEN, {"email": "ann@example.org"}).content.decode()


@pytest.mark.parametrize("what", ["time", "e-mail", "disabled", "log-in", "another user", "made up"])
def test_a_link_is_over_with(ann: User, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    letters.write(ann, letters.FORGOTTEN, "en-gb", "http://testserver")
    link = link_in(mail.outbox[0])
    if what == "time":
        monkeypatch.setitem(letters.VALID, letters.FORGOTTEN, timedelta(seconds=-1))
    elif what == "e-mail":
        User.objects.update(email="other@example.org")
    elif what == "disabled":
        User.objects.update(is_active=False)
    elif what == "log-in":
        User.objects.update(last_login=timezone.now())
    elif what == "another user":
        bea = User.objects.create_user("bea", "bea@example.org", PASSWORD, is_staff=True)
        letters.write(bea, letters.FORGOTTEN, "en-gb", "http://testserver")
        mine, other = link.split("/"), link_in(mail.outbox[1]).split("/")
        link = "/".join([*mine[:4], *other[4:]]) if mine[3] == other[3] else "/".join([*mine[:3], other[3], *mine[4:]])
    else:
        link = link.rstrip("/") + "x/"
    assert "used already" in choose(link).content.decode()
    assert User.objects.get(username="ann").check_password(PASSWORD)


def test_an_invitation(boss: Client, broker: Broker, django_capture_on_commit_callbacks: Any) -> None:
    role = Group.objects.get(name=roles.CPO_MANAGER)
    add = reverse("admin:auth_user_add")
    assert "email" in errors(send(boss, add, username="bert", usable_password="invite", groups=[role.pk]))
    with django_capture_on_commit_callbacks(execute=True):
        send(boss, add, username="bert", email="bert@example.org", usable_password="invite", groups=[role.pk])
    user = User.objects.get(username="bert")
    assert not user.has_usable_password()
    broker.work()
    (letter,) = mail.outbox
    assert letter.to == ["bert@example.org"]
    assert "Your user name is bert." in letter.body
    choose(link_in(letter))
    assert enter("bert", NEW).status_code == 302
    outcomes = list(LogIn.objects.filter(name="bert").order_by("pk").values_list("outcome", flat=True))
    assert outcomes == [Outcome.INVITED, Outcome.CHOSEN, Outcome.IN]
    assert LogIn.objects.filter(outcome=Outcome.INVITED).get().by == boss.get("/admin/").context["user"].username


def test_it_is_sent_again(boss: Client, broker: Broker, ann: User) -> None:
    page, url = (reverse(f"admin:auth_user_{name}", args=[ann.pk]) for name in ("change", "invite"))
    assert url not in boss.get(page).content.decode()
    assert "no password yet" in said(boss, boss.post(url, {"confirmed": "yes"}))
    ann.set_unusable_password()
    ann.save()
    assert url in boss.get(page).content.decode()
    assert boss.get(url).status_code == 200
    assert broker.waiting == []
    assert "An invitation is on its way to ann@example.org." in said(boss, boss.post(url, {"confirmed": "yes"}))
    broker.work()
    assert len(mail.outbox) == 1
    broker.down = True
    assert "cannot be sent just now" in said(boss, boss.post(url, {"confirmed": "yes"}))


def test_in_the_readers_language(ann: User, broker: Broker) -> None:
    Client().post(FORGOTTEN, {"email": "ann@example.org"}, HTTP_ACCEPT_LANGUAGE="de")
    assert broker.waiting[0][1][1] == "de"


def test_no_link_waits_in_the_broker(ann: User, broker: Broker) -> None:
    Client().post(FORGOTTEN, {"email": "ann@example.org"})
    ((_, arguments),) = broker.waiting
    assert arguments == ("ann@example.org", "en-gb", "http://testserver")
    assert tasks.answer_forgotten.name in current_app.tasks


def test_a_form_offers_three_ways(boss: Client) -> None:
    assert filled(boss, reverse("admin:auth_user_add"))["usable_password"] == "true"


def test_old_sessions_are_forgotten(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    tasks.forget()
    assert Session.objects.count() == 0
