"""API keys on their pages: who makes which, shown once, rotated, revoked."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from authorization.models import ApiKey
from authorization.services import create_key
from authorization.services.keys import authenticate, in_state, state
from locations.models import CPO, ChargeStation
from tests import factories
from tests.portal.pages import errors, filled, said, send
from tests.portal.test_admin import url

pytestmark = pytest.mark.django_db


@pytest.fixture
def goflux(db: None) -> CPO:
    return factories.cpo(name="Goflux")


@pytest.fixture
def station(goflux: CPO) -> ChargeStation:
    return factories.station(factories.location(goflux))


@pytest.fixture
def cpo_client(goflux: CPO) -> Client:
    client = Client()
    client.force_login(factories.manager(goflux))
    return client


def shown_key(answer: Any) -> str:
    """The text of the key on the page that shows it."""
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    found = re.search(r'value="(cw_[^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def test_a_cpos_manager_makes_keys_of_their_own(cpo_client: Client, station: ChargeStation, goflux: CPO) -> None:
    assert "user" not in filled(cpo_client, url(ApiKey, "add"))
    for scope in ({"station": station.pk}, {"cpo": goflux.pk}):
        text = shown_key(send(cpo_client, url(ApiKey, "add"), name="north", **scope))
        assert authenticate(text, timezone.now()) is not None
        key = ApiKey.objects.first()
        assert key is not None
        for page in (url(ApiKey, "change", key.pk), url(ApiKey, "changelist")):
            again = cpo_client.get(page).content.decode()
            assert key.prefix in again
            assert text not in again


def test_others_places_and_users_get_none(cpo_client: Client, goflux: CPO) -> None:
    other = factories.station()
    for field, pk in (("station", other.pk), ("cpo", other.location.cpo_id)):
        answer, missing = (send(cpo_client, url(ApiKey, "add"), **{field: value}) for value in (pk, 987654))
        assert errors(answer) == errors(missing)
        assert field in errors(answer)
    # A field that the form does not have is not read.
    user = User.objects.get(pk=factories.manager(goflux).pk)
    assert "one station, one CPO or one user" in str(errors(send(cpo_client, url(ApiKey, "add"), user=user.pk)))
    assert not ApiKey.objects.exists()


def test_an_admin_makes_users_keys_too(boss: Client) -> None:
    user = factories.admin()
    text = shown_key(send(boss, url(ApiKey, "add"), user=user.pk))
    caller = authenticate(text, timezone.now())
    assert caller is not None
    assert caller.user == user


def test_a_key_is_for_one(boss: Client, station: ChargeStation, goflux: CPO) -> None:
    for scope in ({}, {"station": station.pk, "cpo": goflux.pk}):
        assert "one station, one CPO or one user" in str(errors(send(boss, url(ApiKey, "add"), **scope)))
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("hours", [0, 24, 2160])
def test_rotating_leaves_the_old_key_for_the_chosen_time(cpo_client: Client, goflux: CPO, hours: int) -> None:
    old, text = create_key(cpo=goflux, name="CSMS")
    page = url(ApiKey, "rotate", old.pk)
    assert "Hours that the old key works on" in cpo_client.get(page).content.decode()
    assert ApiKey.objects.count() == 1
    now = timezone.now()
    new = shown_key(cpo_client.post(page, {"overlap": hours}))
    later = now + timedelta(hours=hours)
    assert authenticate(new, later + timedelta(days=1)) is not None
    if hours:
        assert authenticate(text, later - timedelta(minutes=1)) is not None
    assert authenticate(text, later + timedelta(minutes=1)) is None
    assert ApiKey.objects.filter(name="CSMS", cpo=goflux).count() == 2


@pytest.mark.parametrize("hours", ["2161", "-1", "x", ""])
def test_rotating_refuses(cpo_client: Client, goflux: CPO, hours: str) -> None:
    key = create_key(cpo=goflux)[0]
    answer = cpo_client.post(url(ApiKey, "rotate", key.pk), {"overlap": hours, "again": "1"})
    assert answer.context["form"].errors
    assert ApiKey.objects.count() == 1


def test_a_key_that_is_over_is_not_rotated(cpo_client: Client, goflux: CPO) -> None:
    key = create_key(cpo=goflux, expires_at=timezone.now())[0]
    page = url(ApiKey, "rotate", key.pk)
    assert "make a new one" in cpo_client.get(page).content.decode()
    assert "make a new one" in said(cpo_client, cpo_client.post(page, {"overlap": 1}))
    assert not cpo_client.get(url(ApiKey, "change", key.pk)).context["object_buttons"]


def test_revoking_asks_first(cpo_client: Client, goflux: CPO) -> None:
    key, text = create_key(cpo=goflux)
    page = url(ApiKey, "revoke", key.pk)
    assert "cannot be given back" in cpo_client.get(page).content.decode()
    cpo_client.post(page)
    assert authenticate(text, timezone.now()) is not None
    assert "refused from now on" in said(cpo_client, cpo_client.post(page, {"confirmed": "yes"}))
    assert authenticate(text, timezone.now()) is None


def test_revoking_many(cpo_client: Client, goflux: CPO) -> None:
    own, other = create_key(cpo=goflux)[0], create_key(cpo=factories.cpo())[0]
    body = {"action": "revoke_selected", "_selected_action": [own.pk, other.pk], "index": "0"}
    assert "Revoke 1 API keys?" in cpo_client.post(url(ApiKey, "changelist"), body).content.decode()
    cpo_client.post(url(ApiKey, "changelist"), body | {"confirmed": "yes"})
    assert list(ApiKey.objects.filter(revoked_at__isnull=False)) == [own]


def test_ones_own_key_is_read(goflux: CPO) -> None:
    """An eMSP's manager sees the key an Admin made for them, and changes nothing; a CPO's manager likewise."""
    for user in (factories.manager(factories.emsp()), factories.manager(goflux)):
        key, client = create_key(user=user, name="mine")[0], Client()
        client.force_login(user)
        assert [row.pk for row in client.get(url(ApiKey, "changelist")).context["cl"].result_list] == [key.pk]
        shown = client.get(url(ApiKey, "change", key.pk))
        assert "mine" in shown.content.decode()
        assert not shown.context["object_buttons"]
        for page, body in (
            ("change", {"name": "x"}), ("rotate", {"overlap": "1"}), ("revoke", {"confirmed": "yes"}),
        ):  # fmt: skip
            assert client.post(url(ApiKey, page, key.pk), body).status_code == 403, page
        bulk = {"action": "revoke_selected", "_selected_action": [key.pk], "index": "0", "confirmed": "yes"}
        client.post(url(ApiKey, "changelist"), bulk)
        key.refresh_from_db()
        assert (key.name, key.revoked_at) == ("mine", None)
    emsp_client = Client()
    emsp_client.force_login(factories.manager(factories.emsp()))
    assert emsp_client.get(url(ApiKey, "add")).status_code == 403


def test_filters_say_what_the_rows_say(boss: Client, goflux: CPO, station: ChargeStation) -> None:
    now = timezone.now()
    create_key(cpo=goflux), create_key(station=station)
    create_key(cpo=goflux, expires_at=now - timedelta(hours=1))
    create_key(user=factories.admin()), create_key(user=factories.admin(is_active=False))
    revoked = create_key(user=factories.admin(is_active=False), expires_at=now - timedelta(hours=1))[0]
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=now)
    for name, number in (("in force", 3), ("expired", 1), ("revoked", 1), ("user disabled", 1)):
        rows = boss.get(url(ApiKey, "changelist"), {"state": name}).context["cl"].result_list
        assert {state(key, now) for key in rows} == {name}
        assert len(rows) == number == ApiKey.objects.filter(in_state(name, now)).count()
    for name, number in (("station", 1), ("cpo", 2), ("user", 3)):
        assert boss.get(url(ApiKey, "changelist"), {"scope": name}).context["cl"].result_count == number


def test_buttons_are_there_without_tabs(cpo_client: Client, goflux: CPO) -> None:
    shown = cpo_client.get(url(ApiKey, "change", create_key(cpo=goflux)[0].pk)).context
    assert not shown["object_tabs"]
    assert [button.title for button in shown["object_buttons"]] == ["Rotate", "Revoke"]


def test_keys_of_a_cpo_or_a_station_are_found(boss: Client, goflux: CPO, station: ChargeStation) -> None:
    of_cpo, of_station = create_key(cpo=goflux)[0], create_key(station=station)[0]
    for asked, key in (({"cpo__id__exact": goflux.pk}, of_cpo), ({"station__id__exact": station.pk}, of_station)):
        found = boss.get(url(ApiKey, "changelist"), asked).context["cl"].result_list
        assert [row.pk for row in found] == [key.pk]


def test_the_page_of_a_key_says_its_status_in_words(boss: Client, goflux: CPO) -> None:
    page = boss.get(url(ApiKey, "change", create_key(cpo=goflux)[0].pk)).content.decode()
    assert "in force" in page
    assert "(&#x27;in force&#x27;" not in page
