"""`ETag` and `If-Match` of a group's members and of an authorization list."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from authorization.models import ExceptionGroup, GroupMember
from authorization.services.tags import members_tag
from locations.models import Location
from tests import factories
from tests.api.conftest import Api
from tests.conftest import ApiClient
from tests.refusals import sql
from tokens.models import Token

MANY = 30_000


def stale(answer: Any) -> bool:
    return (answer.status_code, answer.json()["code"]) == (412, "stale")


@pytest.fixture
def cards(db: None) -> ExceptionGroup:
    return factories.group("token")


def test_members(api: Api, cards: ExceptionGroup) -> None:
    path = f"/api/v1/exception-groups/{cards.pk}/members/"
    empty = api.client.get(path)["ETag"]
    added = api.client.post(path, {"add_auth_ids": ["X-1", "X-2"]}, headers={"If-Match": empty})
    assert (added.status_code, added["ETag"]) == (200, api.client.get(path, {"page_size": 1})["ETag"])
    for change in ({"add_auth_ids": ["X-3"]}, {"remove": [Token.objects.first().pk]}, {}):  # type: ignore[union-attr]
        assert stale(api.client.post(path, change, headers={"If-Match": empty}))
    assert GroupMember.objects.count() == 2
    # One goes and another comes: as many as before.
    other = api.client.post(path, {"add_auth_ids": ["X-3"], "remove": [Token.objects.get(auth_id="X-1").pk]})
    assert other["ETag"] not in (empty, added["ETag"])
    for good in ("*", f'"x", {other["ETag"]}'):
        assert api.client.post(path, {"add_auth_ids": ["X-3"]}, headers={"If-Match": good})["ETag"] == other["ETag"]


def test_the_groups_own_tag_is_another(api: Api, cards: ExceptionGroup) -> None:
    path = f"/api/v1/exception-groups/{cards.pk}/"
    tag = api.client.get(path)["ETag"]
    api.client.post(f"{path}members/", {"add_auth_ids": ["X-1"]})
    assert stale(api.client.post(f"{path}members/", {}, headers={"If-Match": tag}))
    assert api.client.patch(path, {"name": "New"}, headers={"If-Match": tag}).status_code == 200


def test_a_member_that_another_token_takes_over_is_a_change(cards: ExceptionGroup) -> None:
    """The trigger moves the row to another carrier of the Auth ID: its id stays, what it shows does not."""
    token = factories.token(auth_id="X-1", uid="01")
    factories.token(token.emsp, auth_id="X1", uid="02")
    GroupMember.objects.create(group=cards, category="token", token=token)
    before = members_tag(cards)
    with transaction.atomic():  # another transaction's number, as in life
        token.delete()
    assert GroupMember.objects.count() == 1
    assert members_tag(cards) != before


def test_a_lower_id_that_commits_later_is_a_change(cards: ExceptionGroup) -> None:
    """Number and highest id are the same before and after."""
    tokens = [factories.token().pk for _ in range(3)]
    insert = "INSERT INTO authorization_groupmember (id, group_id, category, token_id) VALUES (%s, %s, 'token', %s)"
    sql(insert, 9_001, cards.pk, tokens[0])
    sql(insert, 9_003, cards.pk, tokens[1])
    before = members_tag(cards)
    sql("DELETE FROM authorization_groupmember WHERE id = 9001")
    sql(insert, 9_002, cards.pk, tokens[2])
    assert members_tag(cards) != before


def test_who_uses_a_global_group_is_not_told_when_it_changes(client_of: Callable[..., ApiClient]) -> None:
    group, cpo = factories.group("token"), factories.cpo()
    client = client_of(user=factories.manager(cpo))
    answer = client.get(f"/api/v1/exception-groups/{group.pk}/members/")
    assert (answer.status_code, "ETag" in answer) == (200, False)
    own = factories.group("token", owner_cpo=cpo)
    assert "ETag" in client.get(f"/api/v1/exception-groups/{own.pk}/members/")


def test_an_authorization_list(api: Api, location: int) -> None:
    path = f"/api/v1/locations/{location}/authorization-list/"
    empty = api.client.get(path)["ETag"]
    added = api.client.post(path, {"add_auth_ids": ["X-1"]}, headers={"If-Match": empty})
    assert (added.status_code, added["ETag"]) == (200, api.client.get(path)["ETag"])
    for change in ({"add_auth_ids": ["X-2"]}, {"clear": "all"}, {}):
        assert stale(api.client.post(path, change, headers={"If-Match": empty}))
    cleared = api.client.post(path, {"clear": "all"}, headers={"If-Match": added["ETag"]})
    # As empty as at first, but closed now.
    assert cleared["ETag"] != empty
    Location.objects.filter(pk=location).update(published=True)
    assert stale(api.client.post(path, {}, headers={"If-Match": cleared["ETag"]}))


def test_the_tag_of_many_members(api: Api, cards: ExceptionGroup) -> None:
    emsp = factories.emsp()
    sql(
        "INSERT INTO tokens_token (type, uid, visual_number, issuer, valid, whitelist, language, external, emsp_id) "
        "SELECT 'RFID', to_hex(n + 4096), '', '', true, 'ALLOWED', '', false, %s FROM generate_series(1, %s) n",
        emsp.pk,
        MANY,
    )
    sql(
        "INSERT INTO authorization_groupmember (group_id, category, token_id) SELECT %s, 'token', id FROM tokens_token",
        cards.pk,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE authorization_groupmember")
    before = time.perf_counter()
    tag = members_tag(cards)
    took = time.perf_counter() - before
    print(f"tag of {MANY:,} members: {took * 1000:.0f} ms")
    path = f"/api/v1/exception-groups/{cards.pk}/members/"
    assert api.client.get(path)["ETag"] == tag
    assert took < 2
