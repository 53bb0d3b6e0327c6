"""Requests at the same time, on real transactions: nothing is lost, nothing contradicts itself, nothing is a 500."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from authorization.models import AuthorizationListEntry, GroupMember
from authorization.services import create_key
from locations.models import Location
from tests import factories
from tests.conftest import ApiClient
from tests.threads import interleaved
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = 8


@pytest.fixture
def client() -> ApiClient:
    return ApiClient(create_key(user=factories.admin())[1])


@pytest.fixture
def together() -> Iterator[Callable[..., list[int]]]:
    """Runs the requests at the same time and gives their statuses."""
    with ThreadPoolExecutor(4) as pool:

        def run(*requests: Callable[[], Any]) -> list[int]:
            return list(pool.map(_status, requests))

        yield run


def _status(request: Callable[[], Any]) -> int:
    try:
        return int(request().status_code)
    finally:
        connection.close()


def test_two_changes_of_one_object(client: ApiClient, together: Callable[..., list[int]]) -> None:
    path = f"/api/v1/locations/{factories.location().pk}/"
    for n in range(TIMES):
        changes = {"name": f"n{n}"}, {"city": f"c{n}"}, {"address": f"a{n}"}
        assert together(*(lambda body=body: client.patch(path, body) for body in changes)) == [200] * 3
        shown = client.get(path).json()
        assert (shown["name"], shown["city"], shown["address"]) == (f"n{n}", f"c{n}", f"a{n}")


def test_of_two_changes_to_what_both_have_read_one_is_refused(
    client: ApiClient, together: Callable[..., list[int]]
) -> None:
    path = f"/api/v1/locations/{factories.location().pk}/"
    for n in range(TIMES):
        tag = {"If-Match": client.get(path)["ETag"]}
        changes = {"name": f"n{n}"}, {"city": f"c{n}"}, {"address": f"a{n}"}
        statuses = together(*(lambda body=body, tag=tag: client.patch(path, body, headers=tag) for body in changes))
        assert sorted(statuses) == [200, 412, 412]


def test_publishing_while_the_list_gets_its_first_entry(client: ApiClient, together: Callable[..., list[int]]) -> None:
    for n in range(TIMES):
        location = factories.location(published=False)
        path, entry = f"/api/v1/locations/{location.pk}/", {"add_auth_ids": [f"X-{n}"]}
        statuses = together(
            lambda path=path: client.post(f"{path}publish/"),
            lambda path=path, entry=entry: client.post(f"{path}authorization-list/", entry),
            lambda path=path: client.patch(path, {"published": True}),
        )
        assert statuses[1] == 200
        assert {statuses[0], statuses[2]} <= {200, 409}
    assert not Location.objects.filter(published=True, authorization_list__isnull=False).exists()
    assert AuthorizationListEntry.objects.count() == TIMES


def test_naming_the_same_auth_ids(client: ApiClient, together: Callable[..., list[int]]) -> None:
    path = f"/api/v1/exception-groups/{factories.group('token').pk}/members/"
    names = [f"DE-ABC-{n}" for n in range(50)]
    for body in ({"add_auth_ids": names}, {"add_auth_ids": names[::-1]}):
        assert together(*(lambda body=body: client.post(path, body) for _ in range(4))) == [200] * 4
    assert GroupMember.objects.count() == Token.objects.count() == 50


def test_taking_the_same_uid(client: ApiClient, together: Callable[..., list[int]]) -> None:
    emsp = factories.emsp().pk
    for n in range(TIMES):
        bodies = [
            {"emsp": emsp, "uid": f"{n:02}"},
            {"emsp": emsp, "uid": f" {n:02}"},
            [{"emsp": emsp, "uid": f"{n:02}"}],
        ]
        statuses = together(*(lambda body=body: client.post("/api/v1/tokens/", body) for body in bodies))
        assert sorted(statuses) == [201, 400, 400]


def test_deleting_what_is_being_named(client: ApiClient, together: Callable[..., list[int]]) -> None:
    group, place = factories.group("token"), factories.location()
    for n in range(TIMES):
        token = factories.token(uid=f"{n:02}", **({"auth_id": f"X-{n}"} if n % 2 else {})).pk
        statuses = together(
            lambda token=token: client.delete(f"/api/v1/tokens/{token}/"),
            lambda token=token: client.post(f"/api/v1/exception-groups/{group.pk}/members/", {"add": [token]}),
            lambda token=token: client.post(
                f"/api/v1/locations/{place.pk}/authorization-list/", {"add_tokens": [token]}
            ),
        )
        assert set(statuses) <= {200, 204, 400, 409}
    for model in (GroupMember, AuthorizationListEntry):
        named = model.objects.values_list("token", flat=True)
        assert Token.objects.filter(pk__in=named).count() == len(set(named))


def test_an_auth_id_of_nobody_goes_to_one_of_two_who_take_it_at_once() -> None:
    """It begins with neither's party: whoever comes second waits, and learns that it is taken."""
    programs = [ApiClient(create_key(user=factories.manager(emsp))[1]) for emsp in (factories.emsp(), factories.emsp())]
    emsps = [int(program.get("/api/v1/emsps/").json()["results"][0]["id"]) for program in programs]
    for n, body in enumerate(({"auth_id": "FA-{}"}, [{"auth_id": "FA-{}"}, {"auth_id": "fa{}", "uid": "{:02}"}])):
        codes: dict[int, int] = {}

        def take(who: int, body: Any = body, n: int = n, codes: dict[int, int] = codes) -> None:
            rows = body if isinstance(body, list) else [body]
            sent = [{"emsp": emsps[who]} | {k: v.format(n) for k, v in row.items()} for row in rows]
            answer = programs[who].post("/api/v1/tokens/", sent if isinstance(body, list) else sent[0])
            codes[who] = answer.status_code
            assert answer.status_code == 201 or "taken" in answer.content.decode()

        assert interleaved(lambda take=take: take(0), lambda take=take: take(1)) == [None, None]
        assert codes == {0: 201, 1: 400}
        assert set(Token.objects.filter(auth_id_normal=f"FA{n}").values_list("emsp", flat=True)) == {emsps[0]}
