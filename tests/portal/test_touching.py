"""Which exceptions touch an object, for whom: by the object itself, by what it belongs to, and by its Auth ID."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from authorization.admin.touching import exceptions_listing
from tests import factories

pytestmark = pytest.mark.django_db


def shown(user: User, **about: Any) -> list[str]:
    request = RequestFactory().get("/")
    request.user = user
    return [row.cells[0].value for row in exceptions_listing(request, **about)]


def named(name: str, place: Any, card: Any, **fields: Any) -> None:
    """An exception of a group of the place and a group of the card."""
    groups = [factories.group(item._meta.model_name, item, **owned(fields)) for item in (place, card)]
    factories.exception("whitelist", "emsp_for_cpo", groups[:1], groups[1:], name=name, **fields)


def owned(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name.startswith("owner_")}


@pytest.fixture
def world(db: None) -> dict[str, Any]:
    above = factories.cpo()
    place = factories.location(factories.cpo(parent=above))
    driver = factories.driver()
    token = factories.token(driver=driver, auth_id="NL-TNM-C00122045-K")
    w = {"above": above, "cpo": place.cpo, "location": place, "driver": driver, "customer": driver.customer}
    w |= {"emsp": driver.customer.emsp, "token": token, "other": factories.location(), "card": factories.token()}
    for name in ("above", "cpo", "location"):
        named(f"at {name}", w[name], w["card"])
    for name in ("token", "driver", "customer", "emsp"):
        named(f"of {name}", w["other"], w[name])
    named("elsewhere", w["other"], factories.token())
    return w


def test_of_places(world: dict[str, Any]) -> None:
    boss = factories.admin()
    assert shown(boss, location=world["location"]) == ["at above", "at cpo", "at location"]
    assert shown(boss, cpo=world["cpo"]) == ["at above", "at cpo"]
    assert shown(boss, cpo=world["above"]) == ["at above"]


def test_of_cards(world: dict[str, Any]) -> None:
    boss = factories.admin()
    assert shown(boss, token=world["token"]) == ["of customer", "of driver", "of emsp", "of token"]
    assert shown(boss, driver=world["driver"]) == ["of customer", "of driver", "of emsp"]
    assert shown(boss, customer=world["customer"]) == ["of customer", "of emsp"]
    assert shown(boss, emsp=world["emsp"]) == ["of emsp"]
    assert shown(boss, token=world["card"]) == ["at above", "at cpo", "at location"]


def test_a_token_is_named_by_its_auth_id(world: dict[str, Any]) -> None:
    twin = factories.token(auth_id="nl-tnm-c00122045")
    assert shown(factories.admin(), token=twin) == ["of token"]
    # A name is of the Auth ID: the token that only stood for it is not meant once it carries another.
    world["token"].auth_id = "NL-TNM-C99999999-X"
    world["token"].save()
    world["token"].refresh_from_db()
    assert "of token" not in shown(factories.admin(), token=world["token"])


def test_whose(world: dict[str, Any], django_assert_max_num_queries: Any) -> None:
    place = world["location"]
    own = factories.manager(place.cpo)
    named("own", place, world["card"], owner_cpo=place.cpo)
    named("of another", place, world["card"], owner_emsp=factories.emsp())
    with django_assert_max_num_queries(12):
        assert shown(own, location=place) == ["at above", "at cpo", "at location", "own"]
    assert shown(factories.manager(), location=place) == []


def test_a_group_of_another_is_not_named(world: dict[str, Any]) -> None:
    place = world["location"]
    foreign = factories.group("token", owner_emsp=factories.emsp(), name="canary")
    own = factories.group("location", place, owner_cpo=place.cpo, name="Depot North")
    factories.exception("blacklist", "emsp_for_cpo", [own], [foreign], owner_cpo=place.cpo, name="by the Admin")
    request = RequestFactory().get("/?exceptions-q=admin")
    request.user = factories.manager(place.cpo)
    [row] = exceptions_listing(request, location=place)
    said = "Cards of <strong>a group of another party</strong> may not charge at <strong>Depot North</strong>."
    assert row.cells[2].value == f"<span>{said}</span>"
