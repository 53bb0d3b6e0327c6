"""Who a key is of, and what it reaches: from the copy as from the database."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authorization.cache.store import CopyView, _reach
from authorization.models import ApiKey
from authorization.reach import reach_of
from authorization.services import Caller, authenticate, create_key, revoke
from authorization.services.keys import Partner
from authorization.store import Loaded
from locations import access
from locations.models import CPO
from tests import factories
from tests.authorization.random_changes import CHANGES, Dice, Nothing
from tests.authorization.served_copy import ServedCopy, served_copy
from tests.refusals import at_commit, sql
from tokens.access import MANAGE_EMSP
from tokens.models import EMSP

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


class Asked:
    """The database, and how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def caller(self, key: str, now: datetime) -> Caller | None:
        self.times += 1
        return authenticate(key, now)

    def load(self, questions: Any, caller: Caller) -> Loaded:
        raise AssertionError("nobody asked anything")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[ServedCopy]:
    factories.cpo()
    with served_copy(tmp_path) as each:
        each.store.database = Asked()
        yield each


def caller(copy: ServedCopy, text: str, now: datetime = NOW) -> tuple[Caller | None, bool]:
    """The caller, and whether the copy knew. It is always the one that the database knows."""
    before = copy.store.database.times  # type: ignore[attr-defined]
    found = copy.store.caller(text, now)
    assert found == authenticate(text, now)
    return found, copy.store.database.times == before  # type: ignore[attr-defined]


def test_the_caller_of_each_kind_of_key_is_the_databases(copy: ServedCopy) -> None:
    station = factories.station(factories.location(), identity="Depot 7/a")
    user, admin = User.objects.create_user("Zoë"), factories.admin()
    for scope in (
        {"station": station},
        {"cpo": CPO.objects.get(pk=station.location.cpo_id)},
        {"user": user},
        {"user": admin},
    ):
        key, text = create_key(**scope)
        assert caller(copy, text)[1] is False  # made just now
        copy.catch_up()
        found, from_copy = caller(copy, text)
        assert from_copy
        assert found is not None
        assert found == Caller(key.pk, found.label, key.station_id, key.cpo_id, key.user)
        assert key.prefix in found.label
        if found.user is not None:
            assert key.user is not None
            for field in ("pk", "username", "is_active", "is_superuser"):
                assert getattr(found.user, field) == getattr(key.user, field)
            assert access.is_admin(found.user) == access.is_admin(key.user)
    station.identity = "Depot 8"
    station.save()
    User.objects.filter(pk=user.pk).update(username="Renamed")
    copy.catch_up()
    for text in (create_key(station=station)[1], create_key(user=User.objects.get(pk=user.pk))[1]):
        copy.catch_up()
        found, from_copy = caller(copy, text)
        assert from_copy
        assert found is not None
        assert found.label.endswith(("station Depot 8", "user Renamed"))


def test_a_key_that_is_not_in_force_is_nobodys(copy: ServedCopy) -> None:
    user = User.objects.create_user("user")
    revoked, expired, expiring = (create_key(user=factories.admin())[1] for _ in range(3))
    of_user, deleted = create_key(user=user)[1], create_key(cpo=CPO.objects.get())[1]
    copy.catch_up()
    assert all(caller(copy, text) == (authenticate(text, NOW), True) for text in (revoked, expired, of_user, deleted))
    keys = {text: ApiKey.objects.get(prefix=text.split("_")[1]) for text in (revoked, expired, expiring, deleted)}
    revoke(keys[revoked])
    ApiKey.objects.filter(pk=keys[expired].pk).update(expires_at=NOW)
    ApiKey.objects.filter(pk=keys[expiring].pk).update(expires_at=NOW + timedelta(microseconds=1))
    User.objects.filter(pk=user.pk).update(is_active=False)
    keys[deleted].delete()
    copy.catch_up()
    for text in (revoked, expired, of_user, deleted):
        assert caller(copy, text)[0] is None
    assert caller(copy, expiring)[1]
    assert caller(copy, expiring, NOW + timedelta(microseconds=1))[0] is None
    User.objects.filter(pk=user.pk).update(is_active=True)
    copy.catch_up()
    assert caller(copy, of_user)[1]


def test_a_secret_that_is_not_the_keys_is_nobodys(copy: ServedCopy) -> None:
    text = create_key(user=factories.admin())[1]
    copy.catch_up()
    _, prefix, secret = text.split("_", 2)
    for wrong in (
        f"cw_{prefix}_{secret[:-1]}",
        f"cw_{prefix}_{secret}x",
        f"cw_{prefix}_{secret.swapcase()}",
        f"cw_{prefix}_x",
    ):
        assert caller(copy, wrong)[0] is None
    before = copy.store.database.times  # type: ignore[attr-defined]
    for wrong in (
        "",
        "x",
        f"cw_{prefix}_",
        f"cw__{secret}",
        f"cw_{prefix}_{secret}\n",
        f"{text}é",
        "cw_" + "a" * 17 + "_x",
    ):
        assert copy.store.caller(wrong, NOW) is None  # it cannot be a key, so nobody needs to be asked
        assert authenticate(wrong, NOW) is None
    assert copy.store.database.times == before  # type: ignore[attr-defined]


def test_expiries_at_the_ends_of_time_are_no_error(copy: ServedCopy) -> None:
    text = create_key(user=factories.admin())[1]
    for at, alive in (
        ("infinity", None),
        ("-infinity", None),
        ("9999-12-31 23:59:59.999999+00", True),
        ("0001-01-01 00:00+00", False),
    ):
        sql("UPDATE authorization_apikey SET expires_at = %s", at)
        copy.catch_up()
        if alive is not None:
            assert (copy.store.caller(text, NOW) is not None) == alive


def reach_from(copy: ServedCopy, who: Caller) -> Any:
    view = copy.reader.begin()
    try:
        return _reach(CopyView(view), who)
    finally:
        view.close()


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
def test_grants_and_sub_cpos_reach_as_far_as_in_the_database(copy: ServedCopy, seed: int) -> None:
    dice = Dice(seed, NOW)
    cpos: list[CPO | None] = [None]
    for _ in range(dice.randint(1, 8)):
        cpos.append(factories.cpo(parent=dice.choice(cpos)))
    factories.station(factories.location(dice.choice(cpos[1:])))
    for number in range(4):
        user = User.objects.create_user(f"{seed}-{number}", is_active=number != 2, is_superuser=dice.random() < 0.2)
        # A role's permission for all of a model grants no party.
        user.user_permissions.add(
            Permission.objects.get(codename=dice.choice(["manage_cpo", "manage_emsp", "view_cpo"]))
        )
        for _ in range(dice.randint(0, 3)):
            access.grant(user, access.MANAGE_CPO, dice.row(CPO))
            access.grant(
                user,
                MANAGE_EMSP,
                dice.choice([factories.emsp(), dice.row(EMSP) if EMSP.objects.exists() else factories.emsp()]),
            )
    for name in [None, "move_cpo", "take_grants", "forget_party", "update_users", "grant", "delete_cpo", "move_cpo"]:
        if name is not None:
            _if_it_goes(name, dice)
        copy.catch_up()
        callers = [Caller(0, "", user=user) for user in User.objects.all()]
        callers += [Caller(0, "", cpo=pk) for pk in CPO.objects.values_list("pk", flat=True)]
        callers += [Caller(0, "", station=7), Caller(0, "")]
        callers += [Caller(0, "", partner=Partner(cpos, frozenset({1}))) for cpos in (None, frozenset({1, 2}))]
        for who in callers:
            assert reach_from(copy, who) == reach_of(who), (name, who)


def _if_it_goes(name: str, dice: Dice) -> None:
    with suppress(IntegrityError, Nothing), transaction.atomic():
        CHANGES[name](dice)
        at_commit()


def test_a_grant_that_outlives_its_party_reaches_nothing(copy: ServedCopy) -> None:
    user, cpo, emsp = User.objects.create_user("user"), factories.cpo(), factories.emsp()
    access.grant(user, access.MANAGE_CPO, cpo)
    access.grant(user, MANAGE_EMSP, emsp)
    CPO.objects.filter(pk=cpo.pk).delete()
    EMSP.objects.filter(pk=emsp.pk).delete()
    at_commit()
    copy.catch_up()
    who = Caller(0, "", user=user)
    assert reach_of(who).cpos == reach_from(copy, who).cpos == frozenset()
    assert reach_of(who).emsps == reach_from(copy, who).emsps == frozenset()


def test_a_role_makes_an_admin_and_may_cease_to(copy: ServedCopy) -> None:
    user, other = User.objects.create_user("user"), User.objects.create_user("other")
    role = Group.objects.get(name="Admin")
    administer = role.permissions.get(codename="administer")
    changes: list[tuple[Callable[[], object], bool]] = [
        (lambda: user.groups.add(Group.objects.get(name="CPO manager")), False),
        (lambda: user.groups.add(role), True),
        (lambda: role.permissions.remove(administer), False),
        (lambda: role.permissions.add(administer), True),
        (lambda: Group.objects.filter(pk=role.pk).delete(), False),
    ]
    for change, everything in changes:
        change()
        at_commit()
        copy.catch_up()
        who = Caller(0, "", user=User.objects.get(pk=user.pk))
        assert reach_of(who).everything == reach_from(copy, who).everything == everything
        assert not reach_from(copy, Caller(0, "", user=other)).everything
