"""What the portal says of stations: their access modes, and what they did by themselves."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from authorization.models import Decision
from chargers.models import AuthorizationInUse, SeenMessage, StationMessage
from chargers.services import watching
from chargers.tasks import forget_messages
from locations.models import ChargeStation
from tests import factories
from tests.authorization.served_copy import end_change
from tests.chargers.conftest import Site
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(site: Site) -> Client:
    client = Client()
    client.force_login(factories.manager(site.location.cpo))
    return client


def test_each_access_mode_is_explained(site: Site, browser: Client) -> None:
    page = browser.get(reverse("admin:locations_chargestation_change", args=[site.station.pk])).content.decode()
    for words in ("asks afterwards", "on its offline list", "lets in anybody", "each press shows in the log"):
        assert words in page


def test_the_two_that_exclude_each_other_do(site: Site, admin_api: ApiClient) -> None:
    address = f"/api/v1/charge-stations/{site.station.identity}/"
    refused = admin_api.patch(address, {"local_pre_authorize": True})
    assert refused.status_code == 400
    assert "switch one of the two off" in refused.json()["detail"]
    both = {"local_pre_authorize": True, "authorization_required": False, "smart_button": True}
    assert admin_api.patch(address, both).status_code == 200
    assert ChargeStation.objects.get().smart_button


def test_the_log_shows_what_a_station_did_by_itself(site: Site, browser: Client) -> None:
    for source in ("offline_list", "offline_unknown", "smart_button"):
        site.josev(204, type="update", status="accepted", source=source)
    log = browser.get(reverse("admin:authorization_decision_changelist")).content.decode()
    for decision, words in zip(
        Decision.objects.order_by("pk"), ("from its own list", "let anybody in", "pressed"), strict=True
    ):
        assert decision.reason in log
        page = browser.get(reverse("admin:authorization_decision_change", args=[decision.pk])).content.decode()
        assert words in page


def test_messages_are_forgotten_in_the_end(site: Site) -> None:
    site.ask()
    type(site.token).objects.update(valid=False)
    end_change()
    assert watching.look(timezone.now()) == 1
    assert forget_messages() == 0
    old = timezone.now() - timedelta(days=8)
    StationMessage.objects.update(created_at=old)
    SeenMessage.objects.update(seen_at=old)
    assert forget_messages() == 2


def test_what_is_in_use_says_what_is_so_far(site: Site, browser: Client) -> None:
    """Its end, once it ended; in German with names of fields that are German."""
    site.ask()
    use = AuthorizationInUse.objects.get()
    page = reverse("admin:chargers_authorizationinuse_change", args=[use.pk])
    going_on = browser.get(page).content.decode()
    assert "Rules say something else" not in going_on  # nothing ends it by the clock
    assert "Until (UTC)" not in going_on
    site.ask()
    ended = browser.get(page, HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert "Bis (UTC)" in ended
    assert "Beendet durch" in ended
    assert "Token type" not in ended


def test_an_empty_log_of_a_station_says_where_else_to_look(site: Site, browser: Client) -> None:
    page = browser.get(reverse("admin:locations_chargestation_log", args=[site.station.pk])).content.decode()
    assert "the log of its location" in page
