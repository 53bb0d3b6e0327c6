"""Partners that are away, slow, or refuse: everything arrives in the end, in order, or is parked and shown."""

import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from subscriptions.models import Delivery, PushEndpoint
from subscriptions.push import endpoints, outgoing, sweeping, turns
from tests import factories
from tests.subscriptions.conftest import Push, push_all
from tests.subscriptions.partner_server import OK, PartnerServer, Reply, Request
from tokens.models import Token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits, waits for a moment."""
    monkeypatch.setattr(turns, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(turns, "MOST_PAUSE", 0.02)
    monkeypatch.setattr(turns, "MOST_OBJECT_PAUSE", 0.02)
    monkeypatch.setattr(turns, "TURN", 0.2)


def until_pushed() -> None:
    for _ in range(500):
        push_all()
        if not Delivery.objects.filter(state="waiting").exists():
            return
        time.sleep(0.01)
    raise AssertionError(list(Delivery.objects.values("state", "answer", "attempts")))


FAILURES: dict[str, Reply] = {
    "dies": Reply(drop=True),
    "500": Reply(500),
    "503": Reply(503, headers={"Retry-After": "0"}),
    "429": Reply(429, headers={"Retry-After": "0"}),
    "401": Reply(401),
    "404 to a PUT": Reply(404),
    "3000": Reply(200, OK | {"status_code": 3000, "status_message": "Broken"}),
    "2001": Reply(200, OK | {"status_code": 2001, "status_message": None}),
    "no OCPI": Reply(200, b"<html>Welcome</html>"),
    "no status_code": Reply(200, b'{"data": []}'),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_is_shown_and_tried_again(kind: str, pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    tokens = [factories.token(emsp) for _ in range(3)]
    server.answer = lambda request: FAILURES[kind]
    tried = Delivery.objects.exclude(attempts=0)
    _push_until(tried.exists)
    assert all(row.answer and row.state == "waiting" for row in tried)
    # One that is away is asked once, and not for each of a thousand objects.
    of_the_endpoint = kind in ("dies", "500", "503", "429", "401")
    assert len({request.path for request in server.received}) == (1 if of_the_endpoint else 3)
    server.answer = lambda request: Reply()
    until_pushed()
    assert {request.parts[-1] for request in server.received[-3:]} == {token.uid for token in tokens}
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 0)}
    assert PushEndpoint.objects.get().failures == 0


def _push_until(asked: Callable[[], bool]) -> None:
    for _ in range(500):
        push_all(1)
        if asked():
            return
        time.sleep(0.01)
    raise AssertionError("nobody was asked")


def _answered() -> Delivery:
    """The only delivery, after one more try."""
    more = Delivery.objects.filter(attempts__gt=Delivery.objects.get().attempts)
    _push_until(more.exists)
    return Delivery.objects.get()


def test_the_words_of_a_failure(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    factories.token(emsp)
    said = []
    for kind in ("3000", "2001", "500", "429", "no OCPI"):
        server.answer = lambda request, kind=kind: FAILURES[kind]  # type: ignore[misc]
        said.append(_answered().answer)
    assert said == [
        "HTTP 200, status_code 3000: Broken",
        "HTTP 200, status_code 2001",
        "HTTP 500, status_code 1000",
        "HTTP 429, status_code 1000",
        "HTTP 200: the answer is none of OCPI's",
    ]


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_who_hangs_is_cut_off(how: str, server: PartnerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "READ", 1.0)  # a byte drips each 0.3 s
    monkeypatch.setattr(outgoing, "WHOLE", 1.4)
    server.answer = lambda request: Reply(hang=5.0) if how == "hang" else Reply(drip=True)
    began = time.monotonic()
    with outgoing.Line() as line:
        answer = line.ask("GET", f"{server.url}/x", {})
    assert time.monotonic() - began < 4  # it would go on for 5
    assert str(answer) == ("nothing came for 1 seconds" if how == "hang" else "no whole answer within 1 seconds")


def test_a_long_answer_is_not_read(server: PartnerServer) -> None:
    server.answer = lambda request: Reply(200, b"x" * 3_000_000)
    with outgoing.Line() as line:
        assert not line.ask("GET", f"{server.url}/x", {}).ok
        server.answer = lambda request: Reply()
        assert line.ask("GET", f"{server.url}/x", {}).ok


def test_retry_after_is_honoured(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    factories.token(emsp)
    server.answer = lambda request: Reply(503, headers={"Retry-After": "120"})
    before = timezone.now()
    push_all()
    endpoint = PushEndpoint.objects.get()
    assert endpoint.next_at is not None
    assert timedelta(seconds=119) < endpoint.next_at - before < timedelta(seconds=125)
    assert (push_all(), len(server.received)) == (0, 1)
    assert outgoing._seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert outgoing._seconds("999999999") == 86_400
    assert outgoing._seconds("soon") is None


def test_410_switches_the_endpoint_off(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    subscription = pushed(emsp, role="CPO", only=["tokens", "locations"])
    factories.token(emsp)
    server.answer = lambda request: Reply(410)
    push_all()
    assert Delivery.objects.get().state == "parked"
    off = PushEndpoint.objects.get(module="tokens")
    assert (off.off_at is not None, PushEndpoint.objects.get(module="locations").off_at) == (True, None)
    factories.token(emsp)
    assert (Delivery.objects.count(), len(server.received)) == (1, 1)
    server.answer = lambda request: Reply()
    endpoints.resume(subscription)
    assert endpoints.resend(subscription) == 1
    assert push_all() == 1


def test_after_three_days_it_is_parked(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    subscription = pushed(emsp, role="CPO", only=["tokens"])
    token = factories.token(emsp)
    server.answer = lambda request: Reply(200, OK | {"status_code": 2001})
    push_all(1)
    Delivery.objects.update(since=timezone.now() - turns.PATIENCE, next_at=timezone.now())
    push_all(1)
    assert Delivery.objects.get().state == "parked"
    # A change of it is a new beginning.
    Token.objects.filter(pk=token.pk).update(valid=False)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("waiting", 0)
    # At one that never answers, all that waits is parked, also what was never tried.
    PushEndpoint.objects.update(failing_since=timezone.now() - turns.PATIENCE, next_at=timezone.now() + turns.PATIENCE)
    Delivery.objects.update(since=timezone.now() - turns.PATIENCE)
    assert sweeping.give_up(timezone.now()) == 1
    server.answer = lambda request: Reply()
    assert endpoints.resend(subscription) == 1
    assert push_all() == 1


def test_pauses_grow_and_differ() -> None:
    for failures, least, most in ((1, 0.0075, 0.0125), (2, 0.015, 0.025), (500, 0.015, 0.026)):
        drawn = {turns.pause(failures, turns.MOST_PAUSE) for _ in range(50)}
        assert least <= min(drawn) <= max(drawn) <= most
        assert len(drawn) > 10


def test_what_changed_while_the_partner_was_away_is_told_once(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    subscription = pushed(emsp, role="CPO", only=["tokens"])
    token = factories.token(emsp)
    push_all()
    endpoints.pause(subscription)
    for number in range(20):
        Token.objects.filter(pk=token.pk).update(visual_number=f"{number}")
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert push_all() == 0
    endpoints.resume(subscription)
    assert push_all() == 1
    assert server.received[-1].body.keys() == {"visual_number", "valid", "last_updated"}
    assert server.received[-1].body["visual_number"] == "19"


def test_what_the_partner_lost_is_put_anew(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    token = factories.token(emsp)
    push_all()
    server.answer = lambda request: Reply(404 if request.method == "PATCH" else 201)
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert push_all() == 1
    assert [request.method for request in server.received] == ["PUT", "PATCH", "PUT"]
    assert server.received[-1].body["valid"] is False
    # What is not there need not be taken back.
    token.delete()
    assert push_all() == 1
    assert Delivery.objects.get().state == "delivered"


def test_a_change_during_the_sending_is_not_lost(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    token = factories.token(emsp)
    (row,) = Delivery.objects.all()
    endpoint = PushEndpoint.objects.get()
    with outgoing.Line() as line:
        turn = turns.Turn(endpoint, line)

        def change(request: Request) -> Reply:
            server.answer = lambda request: Reply()
            return Reply()

        server.answer = change
        note = turn._note
        turn._note = lambda settled: (Token.objects.filter(pk=token.pk).update(valid=False), note(settled))  # type: ignore[assignment, method-assign, func-returns-value]
        turn._batch()
        row.refresh_from_db()
        assert row.state == "waiting"
    push_all()
    assert [request.method for request in server.received] == ["PUT", "PATCH"]


def test_one_sends_to_an_endpoint_at_a_time(pushed: Push) -> None:
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    factories.token(emsp)
    pk, now = PushEndpoint.objects.get().pk, timezone.now()
    assert turns.due(now) == [pk]
    assert turns.claim(pk, now) is not None
    assert (turns.due(now), turns.claim(pk, now), turns.take(pk)) == ([], None, 0)
    # Whoever claimed it and died is followed.
    later = now + turns.CLAIM
    assert turns.due(later) == [pk]
    assert turns.claim(pk, later) is not None


def test_a_claim_is_renewed_while_its_turn_goes_on(pushed: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who dies is followed soon, and who was frozen for longer than its claim sends nothing any more."""
    emsp = factories.emsp()
    pushed(emsp, role="CPO", only=["tokens"])
    for _ in range(3):
        factories.token(emsp)
    monkeypatch.setattr(turns, "RENEW", 0.0)
    pk, began = PushEndpoint.objects.get().pk, timezone.now()
    seen = []

    class Line(outgoing.Line):
        def ask(self, *args: Any) -> outgoing.Answer:
            seen.append(PushEndpoint.objects.get().claimed_until)
            if len(seen) == 2:  # somebody else has followed
                PushEndpoint.objects.update(claimed_until=began + timedelta(hours=1))
            return super().ask(*args)

    endpoint = turns.claim(pk, began)
    assert endpoint is not None
    with Line() as line:
        assert turns.Turn(endpoint, line).run() == 2
    assert began + turns.CLAIM < seen[0] < seen[1]
    # The other's claim stays the other's, and what was not sent still waits.
    assert PushEndpoint.objects.get().claimed_until == began + timedelta(hours=1)
    assert Delivery.objects.filter(state="waiting").count() == 1
    longest = outgoing.WHOLE + outgoing.CONNECT
    assert timedelta(seconds=longest + 2.0) < turns.CLAIM


def test_deliveries_are_signed(pushed: Push, server: PartnerServer) -> None:
    emsp = factories.emsp()
    subscription = factories.subscription(emsp, role="CPO")
    secret = endpoints.set_up(subscription, {"tokens": f"{server.url}/tokens"}, "their-token")
    assert secret is not None
    factories.token(emsp)
    server.answer = lambda request: Reply(500)
    push_all(1)
    server.answer = lambda request: Reply()
    following = endpoints.new_secret(subscription, timezone.now())
    until_pushed()
    first, again = server.received
    # The same message again has the same id, so that who took it in already knows it.
    assert first.headers["webhook-id"] == again.headers["webhook-id"]

    def signed(request: Request, by: str) -> str:
        stamp = request.headers["webhook-timestamp"]
        assert abs(int(stamp) - time.time()) < 60
        text = f"{request.headers['webhook-id']}.{stamp}.".encode() + request.raw
        return "v1," + b64encode(hmac.digest(b64decode(by.removeprefix("whsec_")), text, "sha256")).decode()

    assert first.headers["webhook-signature"] == signed(first, secret)
    assert again.headers["webhook-signature"].split() == [signed(again, following), signed(again, secret)]


def test_the_example_of_standard_webhooks() -> None:
    from subscriptions.push.signing import signature

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_sealed_in_the_database(pushed: Push) -> None:
    from tests.refusals import sql

    pushed(factories.emsp(), only=["tokens"])
    (row,) = sql("SELECT a::text FROM subscriptions_partneraccess a")
    assert "their-token" not in row[0]
    assert "whsec_" not in row[0]


def test_a_url_is_looked_at(pushed: Push) -> None:
    from django.core.exceptions import ValidationError

    subscription: Any = factories.subscription()
    wrong = [
        "x",
        "ftp://a/b",
        "https://",
        "https://u:p@a/b",
        "https://a/b#c",
        "https://a/b?c",
        "http://[",
        "https://a:b/",
        "https://a:0/",
    ]
    for url in ("", "https://a b/", "https://a/\t", "https://ä.example/", "https://a/b?c", *wrong):
        with pytest.raises(ValidationError):
            endpoints.check_url(url)
    with pytest.raises(ValidationError, match="token to send"):
        endpoints.set_up(subscription, {"tokens": "https://a.example/x"})
    for text in ("", "x" * 65, "a b", "ä"):
        with pytest.raises(ValidationError):
            endpoints.check_token(text)
