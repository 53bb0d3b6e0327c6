"""A list or a group that names a token names its Auth ID: now, later, and when the token in hand goes."""

from typing import Any

import pytest
from django.db.models import Value
from django.db.models.functions import Concat

from authorization.models import AuthorizationListEntry, ExceptionGroup, GroupMember
from locations.models import Location
from tests import factories
from tests.plans import rows_passed_over
from tests.refusals import at_commit, refused, sql
from tokens.models import Token

pytestmark = pytest.mark.django_db

NAME = "NL-TNM-C00122045-K"
NORMAL = "NLTNMC00122045"


def named(token: Token) -> tuple[ExceptionGroup, Location]:
    """A group and a list that name this token."""
    group, place = factories.group("token", token), factories.location()
    factories.listed(place, token=token)
    return group, place


def carriers() -> list[tuple[int | None, str | None]]:
    """(token, auth_id) of each row that names one, groups before lists, oldest first."""
    rows: list[tuple[int | None, str | None]] = []
    for model in (GroupMember, AuthorizationListEntry):
        rows += model._default_manager.order_by("pk").values_list("token", "auth_id")
    return rows


def tokens(token: Token) -> Any:
    return Token.objects.filter(pk=token.pk)


def test_naming_a_token_names_its_auth_id_whatever_the_writer_says() -> None:
    token, plain, place = factories.token(uid="04", auth_id=NAME), factories.token(uid="05"), factories.location()
    group = factories.group("token")
    GroupMember.objects.bulk_create([GroupMember(group=group, category="token", token=token, auth_id="WRONG")])
    sql(
        "INSERT INTO authorization_authorizationlistentry (location_id, token_id, auth_id, added_at)"
        " VALUES (%s, %s, 'WRONG', now())",
        place.pk,
        token.pk,
    )
    assert carriers() == [(token.pk, NORMAL)] * 2
    GroupMember.objects.update(auth_id="WRONG")
    AuthorizationListEntry.objects.update(auth_id=None)
    assert carriers() == [(token.pk, NORMAL)] * 2
    GroupMember.objects.update(token=plain)
    AuthorizationListEntry.objects.update(token=plain)
    assert carriers() == [(plain.pk, None)] * 2


def test_one_auth_id_is_named_once_whichever_carrier_is_given() -> None:
    emsp = factories.emsp()
    one, two = (factories.token(emsp, uid=uid, auth_id=NAME) for uid in ("04", "05"))
    group, place = named(one)
    with refused("group_member_auth_id_is_unique"):
        GroupMember.objects.create(group=group, category="token", token=two)
    with refused("list_entry_auth_id_is_unique"):
        factories.listed(place, token=two)


@pytest.mark.parametrize("how", ["orm", "update", "sql", "cascade"])
def test_a_name_passes_to_another_carrier(how: str) -> None:
    emsp = factories.emsp()
    token, other = (factories.token(emsp, uid=uid, auth_id=NAME) for uid in ("04", "05"))
    named(token)
    if how == "orm":
        token.delete()
    elif how == "update":
        tokens(token).update(auth_id="FA54320")
    elif how == "sql":
        sql("DELETE FROM tokens_token WHERE id = %s", token.pk)
    else:
        tokens(token).update(auth_id=None)
    at_commit()
    assert carriers() == [(other.pk, NORMAL)] * 2


@pytest.mark.parametrize("gone", ["deleted", "another Auth ID", "no Auth ID"])
def test_a_name_without_a_carrier_leaves_an_external_token(gone: str) -> None:
    token = factories.token(uid="04", auth_id=NAME)
    named(token)
    if gone == "deleted":
        token.delete()
    else:
        tokens(token).update(auth_id="FA54320" if gone == "another Auth ID" else None)
    at_commit()
    external = Token.objects.get(external=True)
    assert (external.emsp, external.uid, external.auth_id, external.auth_id_normal) == (None, None, NAME, NORMAL)
    assert (external.valid, external.whitelist, external.type) == (True, "ALLOWED", "OTHER")
    assert carriers() == [(external.pk, NORMAL)] * 2


def test_all_carriers_deleted_at_once_leave_one_external_token() -> None:
    emsp = factories.emsp()
    for uid in ("04", "05", "06"):
        named_one = factories.token(emsp, uid=uid, auth_id=NAME)
        factories.listed(factories.location(), token=named_one)
    Token.objects.all().delete()
    at_commit()
    external = Token.objects.get()
    assert external.external
    assert carriers() == [(external.pk, NORMAL)] * 3


def test_the_same_auth_id_written_another_way_moves_nothing() -> None:
    token = factories.token(uid="04", auth_id=NAME)
    named(token)
    tokens(token).update(auth_id="nltnmc00122045")
    assert carriers() == [(token.pk, NORMAL)] * 2
    assert not Token.objects.filter(external=True).exists()


def test_a_named_external_token_can_neither_be_deleted_nor_renamed() -> None:
    external = factories.external(NAME)
    group, place = named(external)
    with refused("external_token_is_named"):
        external.delete()
    with refused("external_token_is_named"):
        tokens(external).update(auth_id="FA54320")
    tokens(external).update(auth_id=NORMAL)
    group.delete()
    place.authorization_list.all().delete()
    tokens(external).delete()
    at_commit()


@pytest.mark.parametrize("how", ["create", "bulk", "sql", "update"])
def test_an_emsps_token_takes_the_place_of_the_external_one(how: str) -> None:
    external, emsp = factories.external(NAME), factories.emsp()
    named(external)
    if how == "create":
        factories.token(emsp, uid="04", auth_id="nltnmc00122045")
    elif how == "bulk":
        Token.objects.bulk_create(Token(emsp=emsp, uid=uid, auth_id=NAME) for uid in ("04", "05"))
    elif how == "sql":
        sql(
            "INSERT INTO tokens_token (emsp_id, type, uid, auth_id, visual_number, issuer, valid, whitelist, language,"
            " external) VALUES (%s, 'RFID', '04', %s, '', '', true, 'ALLOWED', '', false)",
            emsp.pk,
            NAME,
        )
    else:
        tokens(factories.token(emsp, uid="04")).update(auth_id=NAME)
    at_commit()
    assert not Token.objects.filter(external=True).exists()
    assert carriers() == [(Token.objects.order_by("pk")[0].pk, NORMAL)] * 2


def test_an_external_token_beside_an_emsps_own_does_not_stay() -> None:
    token = factories.token(uid="04", auth_id=NAME)
    Token.objects.bulk_create([Token(type="OTHER", auth_id=NAME, external=True), Token(auth_id="B2", external=True)])
    assert list(Token.objects.filter(external=True).values_list("auth_id", flat=True)) == ["B2"]
    assert Token.objects.filter(pk=token.pk).exists()


def test_thousands_of_names_are_found_by_index_with_plans_kept_from_a_small_table() -> None:
    emsp, place = factories.emsp(), factories.location()
    factories.listed(place, token=factories.token(emsp, uid="00", auth_id="A0"))
    for table in (Token, AuthorizationListEntry, GroupMember):
        sql(f"ANALYZE {table._meta.db_table}")
    for n in range(1, 8):  # PL/pgSQL settles on a plan after some calls
        tokens(factories.token(emsp, uid=f"{n:02}", auth_id=f"A{n}")).update(auth_id=f"B{n}")
    before = rows_passed_over()
    many = Token.objects.bulk_create(Token(emsp=emsp, uid=f"{n:04}", auth_id=f"C{n}") for n in range(3000))
    AuthorizationListEntry.objects.bulk_create(AuthorizationListEntry(location=place, token=token) for token in many)
    Token.objects.filter(auth_id__startswith="C").update(auth_id=Concat(Value("D"), "uid"))
    Token.objects.filter(auth_id__startswith="D").delete()
    Token.objects.bulk_create(Token(emsp=emsp, uid=f"{n:04}", auth_id=f"c{n}") for n in range(3000))
    at_commit()
    assert rows_passed_over() - before < 10 * 3000
    assert Token.objects.filter(external=True).count() == 0


# Tokens without an Auth ID are named by themselves.


def blacklisted(token: Token) -> None:
    factories.exception("blacklist", "emsp_for_cpo", [factories.group("cpo")], [factories.group("token", token)])


def test_a_blacklisted_token_without_an_auth_id_stays_as_it_is() -> None:
    token = factories.token(uid="04")
    blacklisted(token)
    for escape in (
        lambda: token.delete(),
        lambda: sql("DELETE FROM tokens_token WHERE id = %s", token.pk),
        lambda: tokens(token).update(uid="05"),
        lambda: tokens(token).update(type="OTHER"),
    ):
        with refused("blacklisted_token_stays"):
            escape()
    tokens(token).update(valid=False, uid=" 04 ", visual_number="1")


def test_other_names_of_a_token_without_an_auth_id_go_with_it() -> None:
    token = factories.token(uid="04")
    _, place = named(token)
    factories.exception("whitelist", "emsp_for_cpo", [factories.group("cpo")], [factories.group("token", token)])
    tokens(token).update(uid="05")
    token.delete()
    at_commit()
    assert carriers() == []
    assert not Location.objects.get(pk=place.pk).published


def test_a_token_that_gets_an_auth_id_is_named_by_that_from_then_on() -> None:
    token = factories.token(uid="04")
    named(token)
    blacklisted(token)
    tokens(token).update(auth_id=NAME)
    assert carriers() == [(token.pk, NORMAL)] * 3
    other = factories.token(token.emsp, uid="05", auth_id=NAME)
    token.delete()
    at_commit()
    assert carriers() == [(other.pk, NORMAL)] * 3


def test_a_token_that_gets_an_auth_id_already_named_there_is_named_once() -> None:
    token, external = factories.token(uid="04"), factories.external(NAME)
    group, place = named(external)
    GroupMember.objects.create(group=group, category="token", token=token)
    factories.listed(place, token=token)
    tokens(token).update(auth_id=NAME)
    at_commit()
    assert carriers() == [(token.pk, NORMAL)] * 2
    assert not Token.objects.filter(external=True).exists()


def test_a_name_without_its_token_is_no_name() -> None:
    token = factories.token(uid="04", auth_id=NAME)
    named(token)
    with refused("group_member_(auth_id_has_a_token|has_the_column_of_its_category)"):
        GroupMember.objects.update(token=None)
    with refused("list_entry_is_a_customer_or_a_token"):
        AuthorizationListEntry.objects.update(token=None)
