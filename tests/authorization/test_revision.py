"""The revision counts the commits that may alter a decision: each once, in their order, and nothing else."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pghistory.models
import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.utils import timezone

from authorization.models import ApiKey, Change, ChargeException, Revision
from authorization.services import authenticate, create_key, revoke
from locations import access
from locations.models import EVSE, Location
from tests import factories
from tests.refusals import at_commit, sql
from tests.threads import Step, interleaved, together
from tokens.models import EMSP, Token

pytestmark = pytest.mark.django_db(transaction=True)

# Tables of the three apps that no decision reads, with the reason.
NOT_DECIDING = {
    "authorization_decision": "what was answered",
    "tokens_directorygrant": "who may search, not who may charge",
    "authorization_revision": "the count itself",
    "authorization_change": "the count itself",
    "authorization_changedkeys": "the count itself",
    "authorization_spool": "how much of the log has arrived",
    "authorization_node": "which revision a node has",
}

CONNECTOR = {
    "id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "max_voltage": 400, "max_amperage": 125,
}  # fmt: skip


def revision() -> int:
    return Revision.objects.get().value if Revision.objects.exists() else 0


def watched() -> list[str]:
    """The tables whose changes count."""
    rows = sql("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'change_is_noticed_update' ORDER BY 1")
    return [table for (table,) in rows]


def raised_by(work: Callable[[], Any]) -> int:
    """By how much the work, in a transaction of its own, raises the revision."""
    before = revision()
    with transaction.atomic():
        work()
    return revision() - before


def test_every_table_of_the_apps_is_watched_or_has_a_reason_not_to_be() -> None:
    configs = [apps.get_app_config(label) for label in ("locations", "tokens", "authorization")]
    tables = {
        model._meta.db_table
        for config in configs
        for model in config.get_models()
        if not issubclass(model, pghistory.models.Event)
    }
    assert set(watched()) == tables - set(NOT_DECIDING) | {
        "auth_user", "auth_user_groups", "auth_group_permissions", "guardian_userobjectpermission",
    }  # fmt: skip


def test_every_kind_of_write_to_every_table_raises_it_by_one() -> None:
    place, token = factories.location(), factories.token(uid="04")
    with transaction.atomic():
        factories.evse(place, station=factories.station(place))
        factories.listed(place, token=token)
        groups = [factories.group("cpo", factories.cpo())], [factories.group("driver", factories.driver())]
        factories.exception("whitelist", "emsp_for_cpo", *groups)
    for table in watched():
        unless_it_means_something = table in ("authorization_apikey", "auth_user", "locations_evse")
        assert raised_by(partial(sql, f"UPDATE {table} SET id = id")) == (0 if unless_it_means_something else 1), table
        for write in ("DELETE FROM {} WHERE false", "TRUNCATE {} CASCADE"):
            assert raised_by(partial(sql, write.format(table))) == 1, (write, table)


def test_a_transaction_counts_once_whatever_it_does() -> None:
    def much() -> None:
        emsp = factories.emsp()
        Token.objects.bulk_create(Token(emsp=emsp, uid=f"{n:02X}") for n in range(30))
        Token.objects.update(valid=False)
        factories.listed(factories.location(), token=Token.objects.all()[0])
        Token.objects.all()[1].delete()
        at_commit()
        EMSP.objects.update(name="x")

    assert raised_by(much) == 1
    assert Change.objects.latest("pk").revision == revision()


def test_what_is_no_part_of_an_answer_does_not_count() -> None:
    user = factories.admin()
    key, text = create_key(user=user)
    assert raised_by(lambda: authenticate(text, timezone.now())) == 0
    assert ApiKey.objects.exclude(last_used_at=None).get() == key
    assert raised_by(lambda: User.objects.update(last_login=timezone.now(), email="a@example.org")) == 0
    assert raised_by(lambda: Location.objects.count()) == 0
    evse = factories.evse()
    assert raised_by(lambda: EVSE.objects.update(connectors=[])) == 0
    assert raised_by(lambda: sql("UPDATE locations_evse SET connectors = %s", json.dumps([CONNECTOR]))) == 0
    evse.refresh_from_db()
    assert raised_by(evse.save) == 0
    for fields in ({"uid": "other"}, {"evse_id": None}, {"location": factories.location()}):
        assert raised_by(partial(EVSE.objects.update, **fields, connectors=[])) == 1, fields
    assert raised_by(partial(EVSE.objects.update, uid="without an id")) == 1


def test_who_may_ask_counts() -> None:
    user, cpo = factories.admin(), factories.cpo()
    assert raised_by(lambda: create_key(user=user)) == 1
    assert raised_by(lambda: revoke(ApiKey.objects.get())) == 1
    assert raised_by(lambda: User.objects.update(is_active=False)) == 1
    assert raised_by(lambda: access.grant(user, access.MANAGE_CPO, cpo)) == 1
    assert raised_by(lambda: user.groups.add(Group.objects.create(name="role"))) == 1
    assert raised_by(lambda: sql("DELETE FROM guardian_userobjectpermission")) == 1


def test_what_is_rolled_back_does_not_count() -> None:
    emsp = factories.emsp()
    before, changes = revision(), Change.objects.count()
    with transaction.atomic():
        factories.token(emsp)
        transaction.set_rollback(True)
    with transaction.atomic():
        _half(emsp, keep=False)
    assert (revision(), Change.objects.count()) == (before, changes)


def _half(emsp: EMSP, *, keep: bool) -> None:
    """A part that is rolled back to its savepoint, and then, or not, one that is kept."""
    with transaction.atomic():
        factories.token(emsp)
        transaction.set_rollback(True)
    if keep:
        factories.token(emsp)


def test_a_part_rolled_back_to_a_savepoint_leaves_the_rest_to_count() -> None:
    emsp = factories.emsp()
    assert raised_by(lambda: _half(emsp, keep=True)) == 1

    def kept_first() -> None:
        factories.token(emsp)
        _half(emsp, keep=False)

    assert raised_by(kept_first) == 1
    assert None not in Change.objects.values_list("revision", flat=True)


def test_a_mark_of_one_transaction_does_not_silence_the_next() -> None:
    emsp = factories.emsp()
    for _ in range(3):
        assert raised_by(lambda: EMSP.objects.update(blocked=True)) == 1
    sql("SELECT set_config('chargeward.changed_in', '1', false)")
    assert raised_by(lambda: factories.token(emsp)) == 1


def changes_by_revision() -> list[int]:
    """The places of the last two changes, in the order of their revisions: 0 is the one that began first."""
    last = list(Change.objects.order_by("-pk")[:2])[::-1]
    return sorted(range(2), key=lambda n: last[n].revision or 0)


def test_numbers_follow_commits_and_not_the_order_of_work() -> None:
    emsp, before = factories.emsp(), revision()
    with ThreadPoolExecutor(2) as pool:
        one = Step(pool, lambda: factories.token(emsp)).works_or_waits()
        two = Step(pool, lambda: factories.token(emsp)).works_or_waits()
        assert (two.commit(), revision() - before) == (None, 1)
        assert (one.commit(), revision() - before) == (None, 2)
    assert changes_by_revision() == [1, 0]


def test_who_has_a_number_before_the_commit_keeps_the_others_waiting() -> None:
    emsp, before = factories.emsp(), revision()

    def early() -> None:
        factories.token(emsp)
        at_commit()

    assert interleaved(early, early) == [None, None]
    assert revision() == before + 2
    assert changes_by_revision() == [0, 1]


def test_a_reader_sees_every_commit_up_to_the_revision_it_sees() -> None:
    emsp = factories.emsp()
    before = revision()
    tokens = Token.objects.count()
    seen: list[tuple[int, int]] = []

    def read() -> None:
        for _ in range(60):
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                seen.append((revision() - before, Token.objects.count() - tokens))

    def write(worker: int) -> None:
        for n in range(20):
            with transaction.atomic():
                factories.token(emsp, uid=f"{worker}{n:03}")

    assert together(lambda: write(1), lambda: write(2), read) == [None] * 3
    assert revision() == before + 40
    assert all(number == count for number, count in seen)
    numbers = Change.objects.filter(revision__gt=before).values_list("revision", flat=True)
    assert set(numbers) == set(range(before + 1, before + 41))


def test_a_commit_takes_its_number_behind_every_check_that_may_wait() -> None:
    """Or it would wait for another's row, which that one keeps while it waits for a number."""
    with transaction.atomic():
        places = [factories.group("cpo"), factories.group("location")]
        exception = factories.exception("blacklist", "emsp_for_cpo", places, [factories.group("token")])

    def take_away() -> None:
        places[0].save()
        exception.cpo_groups.remove(places[0])

    with ThreadPoolExecutor(2) as pool:
        one = Step(pool, take_away).works_or_waits()
        two = Step(pool, lambda: ChargeException.objects.update(enabled=False)).works_or_waits()
        one.go.set()
        one.waits()
        assert [two.commit(), one.commit()] == [None, None]
