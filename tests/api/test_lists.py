"""`locations/{id}/authorization-list/`, `publish/`, `unpublish/`."""

import time
from typing import Any

import pytest

from authorization.models import AuthorizationListEntry
from tests import factories
from tests.api.conftest import Api
from tests.plans import rows_passed_over
from tokens.models import Token


def test_an_empty_list(api: Api, location: int) -> None:
    assert api.get(f"locations/{location}/authorization-list/") == {
        "customers": [], "tokens": [], "customers_count": 0, "tokens_count": 0, "next": None, "previous": None,
        "private": False, "published": True,
    }  # fmt: skip


def test_clear_then_remove_then_add(api: Api, location: int) -> None:
    path = f"locations/{location}/authorization-list/"
    emsp = factories.emsp()
    ann, bob = factories.customer(emsp, external_id="A"), factories.customer(emsp)
    card, other = factories.token(emsp, auth_id="NL-TNM-1", uid="01"), factories.token(emsp, uid="02")
    first = api.post(path, {"add_customers": [ann.pk], "add_tokens": [card.pk], "add_auth_ids": ["nltnm1", "X-1"]}, 200)
    assert first["customers"] == [{"id": ann.pk, "name": ann.name, "external_id": "A"}]
    assert [(token["auth_id"], token["external"]) for token in first["tokens"]] == [("NL-TNM-1", False), ("X-1", True)]
    assert (first["customers_count"], first["tokens_count"], first["private"], first["published"]) == (
        1,
        2,
        True,
        False,
    )
    second = api.post(path, {"clear": "tokens", "add_tokens": [other.pk], "add_customers": [bob.pk]}, 200)
    assert ([row["id"] for row in second["customers"]], [row["id"] for row in second["tokens"]]) == (
        [ann.pk, bob.pk], [other.pk],
    )  # fmt: skip
    third = api.post(path, {"remove_customers": [ann.pk, bob.pk], "add_customers": [bob.pk], "clear": "customers"}, 200)
    assert [row["id"] for row in third["customers"]] == [bob.pk]
    fourth = api.post(path, {"remove_tokens": [other.pk], "remove_customers": [bob.pk]}, 200)
    assert (fourth["private"], fourth["published"]) == (False, False)
    api.post(path, {"add_auth_ids": ["X-1"]}, 200)
    assert api.post(path, {"clear": "all"}, 200)["private"] is False


def test_all_or_nothing(api: Api, location: int) -> None:
    path, customer = f"locations/{location}/authorization-list/", factories.customer()
    for bad, field in (
        ({"add_tokens": [999_999]}, "add_tokens"), ({"remove_tokens": [999_999]}, "remove_tokens"),
        ({"remove_customers": [999_999]}, "remove_customers"), ({"add_customers": [10**30]}, "add_customers"),
        ({"add_auth_ids": ["OK-1", "А1"]}, "add_auth_ids"), ({"clear": "everything"}, "clear"),
        ({"clear": None}, "clear"),
    ):  # fmt: skip
        assert list(api.post(path, {"add_customers": [customer.pk]} | bad, 400)["errors"]) == [field]
    assert AuthorizationListEntry.objects.count() == Token.objects.count() == 0
    assert api.get(f"locations/{location}/")["published"] is True
    api.post("locations/999999/authorization-list/", {}, 404)


def test_publishing(api: Api, location: int) -> None:
    path = f"locations/{location}/"
    api.post(f"{path}authorization-list/", {"add_auth_ids": ["X-1"]}, 200)
    assert (api.get(path)["private"], api.get(path)["published"]) == (True, False)
    assert api.get("locations/", private="true")["count"] == 1
    for refused in (api.post(f"{path}publish/", status=409), api.patch(path, {"published": True}, 409)):
        assert refused["code"] == "private_location"
    assert api.patch(path, {"published": False, "name": "Still"})["name"] == "Still"
    api.post(f"{path}authorization-list/", {"clear": "all"}, 200)
    assert api.get(path)["published"] is False
    assert api.post(f"{path}publish", status=200)["published"] is True
    assert api.post(f"{path}publish/", status=200)["published"] is True
    assert api.post(f"{path}unpublish/", status=200)["published"] is False
    assert api.patch(path, {"published": True})["published"] is True


def test_a_token_leaves_by_its_auth_id(api: Api, location: int) -> None:
    path, emsp = f"locations/{location}/authorization-list/", factories.emsp()
    one, two = (factories.token(emsp, uid=uid, auth_id="NL-TNM-1") for uid in ("01", "02"))
    assert api.post(path, {"add_tokens": [one.pk, two.pk]}, 200)["tokens_count"] == 1
    api.delete(f"tokens/{one.pk}/")
    assert [row["id"] for row in api.get(path)["tokens"]] == [two.pk]
    assert api.post(path, {"remove_tokens": [two.pk]}, 200)["tokens_count"] == 0


def test_pages_of_each(api: Api, location: int) -> None:
    path = f"locations/{location}/authorization-list/"
    customers = [factories.customer().pk for _ in range(3)]
    api.post(path, {"add_customers": customers, "add_auth_ids": [f"X-{n}" for n in range(5)]}, 200)
    pages: list[Any] = [api.get(path, page=page, page_size=2) for page in (1, 2, 3)]
    assert [row["id"] for page in pages for row in page["customers"]] == customers
    assert [row["auth_id"] for page in pages for row in page["tokens"]] == [f"X-{n}" for n in range(5)]
    assert [page["next"] is None for page in pages] == [False, False, True]
    assert api.get(pages[0]["next"].partition("/api/v1/")[2])["tokens"] == pages[1]["tokens"]
    for bad in ("0", "x", "-1", "9" * 50):
        api.get(path, 400, page=bad)
    assert api.get(path, page=10**15)["tokens"] == []


@pytest.mark.parametrize("count", [5_000])
def test_thousands_on_a_list_are_found_by_index(api: Api, location: int, count: int) -> None:
    path, emsp = f"locations/{location}/authorization-list/", factories.emsp()
    rows = Token.objects.bulk_create(Token(emsp=emsp, uid=f"{n:08X}", auth_id=f"NLTNM{n:06}") for n in range(count))
    before, passed = time.perf_counter(), rows_passed_over()
    assert api.post(path, {"add_tokens": [token.pk for token in rows]}, 200)["tokens_count"] == count
    added = time.perf_counter()
    names = {"clear": "all", "add_auth_ids": [f"DE-ABC-{n:06}" for n in range(count)]}
    assert api.post(path, names, 200)["tokens_count"] == count
    print(f"{count} on a list: add {added - before:.2f} s, replace by new names {time.perf_counter() - added:.2f} s")
    assert rows_passed_over() - passed < 10 * count
