"""Two transactions at the same time: whichever wins, the rules hold afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from authorization.models import AuthorizationListEntry, ExceptionCpoGroup, GroupMember
from locations.models import CPO, Location
from tests import factories
from tests.refusals import rule_of
from tests.threads import at_once, interleaved
from tokens.models import Token
from tokens.services import tokens_named

pytestmark = pytest.mark.django_db(transaction=True)

Race = Callable[..., list[DatabaseError | None]]
# Every order that matters: the first before the second, the second before the first, and by chance.
RACES: list[Race] = [interleaved, lambda a, b: interleaved(b, a)[::-1], at_once, at_once, at_once]
races = pytest.mark.parametrize("race", RACES, ids=["first", "second", "chance", "chance2", "chance3"])


def row(item: Any) -> Any:
    """The row as a queryset, for update() past save()."""
    return type(item)._default_manager.filter(pk=item.pk)


@races
def test_a_location_is_never_private_and_published(race: Race) -> None:
    place, customer = factories.location(published=False), factories.customer()

    def enlist() -> None:
        AuthorizationListEntry.objects.create(location=place, customer=customer)

    refusals = race(lambda: row(place).update(published=True), enlist)
    assert refusals[1] is None
    assert refusals[0] is None or rule_of(refusals[0]) == "private_location_is_not_published"
    assert AuthorizationListEntry.objects.count() == 1
    assert not Location.objects.get().published


@races
def test_a_token_deleted_while_it_is_named_leaves_its_name_or_was_never_there(race: Race) -> None:
    token, group = factories.token(uid="04", auth_id="A1"), factories.group("token")
    member = GroupMember(group=group, category="token", token_id=token.pk)
    named, deleted = race(lambda: member.save(force_insert=True), row(token).delete)
    assert deleted is None
    if named is None:
        kept = GroupMember.objects.get()
        assert (kept.auth_id, kept.token_id) == ("A1", Token.objects.get(external=True).pk)
    else:
        assert not Token.objects.exists()


@races
def test_a_token_that_is_named_while_its_auth_id_changes_is_named_by_what_it_carries(race: Race) -> None:
    token, group = factories.token(uid="04", auth_id="A1"), factories.group("token")
    member = GroupMember(group=group, category="token", token=token)
    assert race(lambda: member.save(force_insert=True), lambda: row(token).update(auth_id="B2")) == [None, None]
    kept = GroupMember.objects.get()
    carrier = Token.objects.get(groupmember=kept)
    assert kept.auth_id == carrier.auth_id_normal
    assert (kept.auth_id == "B2") == (carrier.pk == token.pk)


@races
def test_a_token_without_an_auth_id_is_named_while_it_gets_one(race: Race) -> None:
    token, place = factories.token(uid="04"), factories.location()
    entry = AuthorizationListEntry(location=place, token=token)
    assert race(lambda: entry.save(force_insert=True), lambda: row(token).update(auth_id="A1")) == [None, None]
    assert AuthorizationListEntry.objects.get().auth_id == "A1"


@races
def test_both_carriers_of_a_name_deleted_leave_the_name(race: Race) -> None:
    emsp = factories.emsp()
    one, two = (factories.token(emsp, uid=uid, auth_id="A1") for uid in ("04", "05"))
    place = factories.location()
    factories.listed(place, token=one)
    assert race(row(one).delete, row(two).delete) == [None, None]
    entry = AuthorizationListEntry.objects.get()
    carrier = Token.objects.get(authorizationlistentry=entry)
    assert entry.auth_id == carrier.auth_id_normal == "A1"


@races
def test_an_auth_id_named_while_an_emsp_brings_its_token_is_external_no_more(race: Race) -> None:
    place, emsp = factories.location(), factories.emsp()

    def name() -> None:
        (pk,) = tokens_named(["NL-TNM-C00122045-K"])
        AuthorizationListEntry.objects.create(location=place, token_id=pk)

    def bring() -> None:
        Token.objects.bulk_create([Token(emsp=emsp, uid="04", auth_id="nltnmc00122045")])

    assert race(name, bring) == [None, None]
    token = Token.objects.get()
    assert not token.external
    entry = AuthorizationListEntry.objects.get()
    assert (entry.token_id, entry.auth_id) == (token.pk, "NLTNMC00122045")


@races
def test_an_exception_keeps_a_group_when_the_last_two_are_taken_away(race: Race) -> None:
    groups = [factories.group("cpo"), factories.group("location")]
    with transaction.atomic():
        factories.exception("blacklist", "emsp_for_cpo", groups, [factories.group("token")])
    takers = [lambda group=group: ExceptionCpoGroup.objects.filter(group=group).delete() for group in groups]
    refusals = race(*takers)
    assert [error and rule_of(error) for error in refusals].count("exception_has_groups_on_both_sides") == 1
    assert ExceptionCpoGroup.objects.count() == 1


@races
def test_uids_that_differ_in_case_are_one(race: Race) -> None:
    emsp = factories.emsp()
    refusals = race(*(lambda uid=uid: factories.token(emsp, uid=uid) for uid in ("04ab", "04:AB")))
    assert [error and rule_of(error) for error in refusals].count("token_uid_is_unique") == 1
    assert Token.objects.count() == 1


@races
def test_two_moves_of_cpos_close_no_circle(race: Race) -> None:
    one, two = factories.cpo(), factories.cpo()
    moves = [lambda: row(one).update(parent=two), lambda: row(two).update(parent=one)]
    refusals = race(*moves)
    assert [error and rule_of(error) for error in refusals].count("cpo_is_not_its_own_parent") == 1
    assert CPO.objects.filter(parent=None).count() == 1
