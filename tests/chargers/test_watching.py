"""What is in use is taken away when a restriction says so, and the station's side hears of it."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from authorization.models import Decision
from chargers.models import AuthorizationInUse, StationMessage
from chargers.services import outbox, watching
from chargers.watch import watch
from locations.models import ChargeStation, Location
from tests import factories
from tests.authorization.served_copy import end_change
from tests.chargers.broker import until
from tests.chargers.conftest import Site
from tests.chargers.test_mqtt import database_url
from tokens.models import Token


def look(now: Any = None) -> int:
    end_change()
    return watching.look(now or timezone.now())


def blocks(site: Site) -> None:
    Token.objects.filter(pk=site.token.pk).update(valid=False)


def blocks_the_emsp(site: Site) -> None:
    type(site.token.emsp).objects.update(blocked=True)


def closes(site: Site) -> None:
    Location.objects.filter(pk=site.location.pk).update(published=False)


def lists_another(site: Site) -> None:
    factories.listed(site.location, token=factories.token())


def blacklists(site: Site) -> None:
    factories.exception(
        "blacklist",
        "emsp_for_cpo",
        [factories.group("location", site.location)],
        [factories.group("token", site.token)],
    )


def deletes(site: Site) -> None:
    Token.objects.filter(pk=site.token.pk).delete()


CAUSES: dict[str, Callable[[Site], None]] = {
    "TOKEN_BLOCKED": blocks,
    "TOKEN_BLOCKED by its eMSP": blocks_the_emsp,
    "LOCATION_NOT_PUBLISHED": closes,
    "NOT_ON_AUTHORIZATION_LIST": lists_another,
    "BLACKLISTED": blacklists,
    "UNKNOWN_TOKEN": deletes,
}


@pytest.mark.django_db
@pytest.mark.parametrize("cause", CAUSES)
def test_a_restriction_takes_it_away(site: Site, cause: str) -> None:
    assert site.ask() == "accepted"
    assert look() == 0
    CAUSES[cause](site)
    assert (look(), look()) == (1, 0)
    use, reason = AuthorizationInUse.objects.get(), cause.partition(" ")[0]
    assert (use.ended_by, use.reason, use.presented) == ("restriction", reason, "")
    message = StationMessage.objects.get()
    assert message.body["data"]["status"] == "deauthorized"
    assert message.body["data"]["id_token"] == site.token.uid
    assert message.notifies
    told = outbox.notification(message)
    assert (told["charge_station"], told["evse_id"]) == (site.station.identity, site.evse.evse_id)
    assert told["type"] == "authorization_deauthorized"
    assert reason in told["message"]
    logged = Decision.objects.order_by("-pk").values_list("reason", "accepted", "caller")
    assert logged[0] == (reason, False, "in use")


@pytest.mark.django_db
def test_time_alone_takes_it_away(site: Site) -> None:
    now = timezone.now()
    Token.objects.update(expires_at=now + timedelta(hours=1))
    other = factories.token()
    places, cards = factories.group("location", site.location), factories.group("token", site.token, other)
    factories.exception("whitelist", "emsp_for_cpo", [places], [cards])
    factories.exception(
        "blacklist", "emsp_for_cpo", [places], [factories.group("token", other)],
        valid_from=(now + timedelta(hours=5)).replace(tzinfo=None),
    )  # fmt: skip
    assert site.ask() == site.ask(id_token=other.uid) == "accepted"
    assert look(now) == 0
    assert look(now + timedelta(minutes=59)) == 0
    assert look(now + timedelta(minutes=61)) == 1
    assert AuthorizationInUse.objects.get(ended_at=None).token == other
    assert look(now + timedelta(hours=8)) == 1


@pytest.mark.django_db
def test_what_was_decided_elsewhere_is_left_to_those_who_decided(site: Site) -> None:
    site.josev(204, type="update", status="accepted", id_token="0BADCA2D")
    assert look() == 0
    assert AuthorizationInUse.objects.get().ended_at is None
    # Once it would be accepted here as well, it is lost like any other.
    token = factories.token(uid="0BADCA2D")
    assert look() == 0
    Token.objects.filter(pk=token.pk).update(valid=False)
    assert look() == 1


@pytest.mark.django_db
def test_what_does_not_concern_it_leaves_it_alone(site: Site) -> None:
    site.ask()
    other = factories.token()
    Token.objects.filter(pk=other.pk).update(valid=False)
    ChargeStation.objects.filter(pk=site.station.pk).update(smart_button=True)
    assert look() == 0
    assert not StationMessage.objects.exists()


@pytest.mark.django_db
def test_a_free_station_that_is_free_no_more(site: Site) -> None:
    ChargeStation.objects.update(authorization_required=False)
    assert site.ask(id_token="0BADCA2D") == "accepted"
    ChargeStation.objects.update(authorization_required=True)
    assert look() == 1


@pytest.mark.django_db
def test_the_cost_of_a_look_does_not_grow_with_what_is_in_use(site: Site, django_assert_max_num_queries: Any) -> None:
    for token in [factories.token() for _ in range(40)]:
        assert site.ask(id_token=token.uid) == "accepted"
    factories.token()
    end_change()
    with django_assert_max_num_queries(22):
        watching.look(timezone.now())
    Token.objects.update(valid=False)
    end_change()
    with django_assert_max_num_queries(30):
        assert watching.look(timezone.now()) == 40


@pytest.mark.django_db(transaction=True)
def test_within_two_seconds_of_the_cause(site: Site) -> None:
    stopped = threading.Event()
    threads = [threading.Thread(target=watch, args=[stopped, database_url()]) for _ in range(2)]  # two nodes
    for thread in threads:
        thread.start()
    try:
        waits = []
        for _ in range(3):
            assert site.ask() == "accepted"
            Token.objects.filter(pk=site.token.pk).update(valid=False)
            begun = time.monotonic()
            until(lambda: not AuthorizationInUse.objects.filter(ended_at=None).exists())
            waits.append(time.monotonic() - begun)
            Token.objects.filter(pk=site.token.pk).update(valid=True)
    finally:
        stopped.set()
        for thread in threads:
            thread.join(10)
    assert StationMessage.objects.count() == 3
    # Not a measurement: the machine may be busy, and a sweep alone would take longer than a notification.
    assert max(waits) < 10
