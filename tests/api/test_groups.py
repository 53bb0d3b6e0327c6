"""`exception-groups`, their members, and `exceptions`."""

import time
from typing import Any

import pytest

from authorization.models import ExceptionGroup, GroupMember
from tests import factories
from tests.api.conftest import Api
from tests.plans import rows_passed_over
from tokens.models import Token


@pytest.fixture
def cards(api: Api) -> str:
    group = api.post("exception-groups/", {"name": "Cards", "category": "token"})
    return f"exception-groups/{group['id']}/"


def test_groups(api: Api, cpo: int, emsp: int) -> None:
    group = api.post("exception-groups/", {"name": "G", "category": "location", "owner_cpo": cpo})
    path = f"exception-groups/{group['id']}/"
    assert group == {
        "id": group["id"], "name": "G", "notes": "", "category": "location", "side": "cpo", "owner_cpo": cpo,
        "owner_emsp": None,
    }  # fmt: skip
    assert api.patch(path, {"name": "H", "notes": "n", "category": "location"})["name"] == "H"
    assert "category" in api.patch(path, {"category": "cpo"}, 400)["errors"]
    assert "owner_emsp" in api.patch(path, {"owner_emsp": emsp}, 400)["errors"]
    assert "category" in api.post("exception-groups/", {"name": "G", "category": "car"}, 400)["errors"]
    assert api.get("exception-groups/", side="cpo", owner_cpo=cpo)["count"] == 1
    assert api.get("exception-groups/", side="emsp")["count"] == 0
    api.delete(path)


@pytest.mark.parametrize("category", ["cpo", "location", "emsp", "customer", "driver", "token"])
def test_members_of_every_category(api: Api, category: str) -> None:
    make: Any = getattr(factories, category)
    one, two = make(), make()
    path = f"exception-groups/{api.post('exception-groups/', {'name': 'G', 'category': category})['id']}/members/"
    assert api.post(path, {"add": [one.pk, two.pk, one.pk]}, 200) == {"added": 2, "removed": 0, "count": 2}
    assert api.post(path, {"add": [one.pk]}, 200) == {"added": 0, "removed": 0, "count": 2}
    shown = api.get(path)
    assert [row["id"] for row in shown["results"]] == sorted([one.pk, two.pk])
    assert ("auth_id" if category == "token" else "name") in shown["results"][0]
    assert api.post(path, {"remove": [one.pk], "add": []}, 200) == {"added": 0, "removed": 1, "count": 1}
    assert api.post(path, {"remove": [one.pk]}, 200) == {"added": 0, "removed": 0, "count": 1}
    refused = api.post(path, {"add": [one.pk, 999_999], "remove": [two.pk]}, 400)
    assert refused["errors"] == {"add": ["Not found: 999999."]}
    assert "remove" in api.post(path, {"remove": [999_998]}, 400)["errors"]
    assert api.get(path)["count"] == 1
    if category != "token":
        assert "add_auth_ids" in api.post(path, {"add_auth_ids": ["NLTNM1"]}, 400)["errors"]


@pytest.mark.parametrize(
    "body",
    [
        {"add": 7}, {"add": ["x"]}, {"add": [0]}, {"add": [2**63]}, {"add": [10**30]}, {"add": [1.5]}, {"add": [True]},
        {"add": None}, {"add_auth_ids": [None]}, {"add_auth_ids": [""]}, {"add_auth_ids": ["А1"]},
        {"add_auth_ids": ["-"]}, {"add_auth_ids": ["A" * 256]}, {"add_auth_ids": ["A\0"]}, {"add_auth_ids": "NLTNM1"},
        [],
    ],
)  # fmt: skip
def test_bad_members(api: Api, cards: str, body: Any) -> None:
    api.post(f"{cards}members/", body, 400)
    assert Token.objects.count() == GroupMember.objects.count() == 0


def test_an_auth_id_names_every_token_that_carries_it(api: Api, cards: str) -> None:
    emsp = factories.emsp()
    one, two = (factories.token(emsp, uid=uid, auth_id="NL-TNM-C00122045-K") for uid in ("01", "02"))
    assert api.post(f"{cards}members/", {"add": [one.pk, two.pk]}, 200)["count"] == 1
    assert api.post(f"{cards}members/", {"add": [two.pk], "add_auth_ids": ["nltnmc00122045"]}, 200)["added"] == 0
    one.delete()
    assert [row["id"] for row in api.get(f"{cards}members/")["results"]] == [two.pk]
    three = factories.token(emsp, uid="03", auth_id="NLTNMC00122045")
    assert api.post(f"{cards}members/", {"remove": [three.pk]}, 200) == {"added": 0, "removed": 1, "count": 0}
    assert api.post(f"{cards}members/", {"remove": [two.pk], "add": [two.pk]}, 200)["count"] == 1


def test_unknown_auth_ids_become_external_tokens(api: Api, cards: str) -> None:
    given = ["NL-TNM-1", "nltnm1", " FA54320 "]
    assert api.post(f"{cards}members/", {"add_auth_ids": given}, 200) == {"added": 2, "removed": 0, "count": 2}
    assert [(row["auth_id"], row["external"]) for row in api.get(f"{cards}members/")["results"]] == [
        ("NL-TNM-1", True), ("FA54320", True),
    ]  # fmt: skip
    assert api.post(f"{cards}members/", {"add_auth_ids": ["NLTNM1"]}, 200)["added"] == 0


def test_thousands_of_members_are_found_by_index(api: Api, cards: str) -> None:
    emsp = factories.emsp()
    rows = [Token(emsp=emsp, uid=f"{n:08X}", auth_id=f"NL-TNM-{n:06}" if n % 2 else None) for n in range(3_000)]
    ids = [token.pk for token in Token.objects.bulk_create(rows)]
    before, passed = time.perf_counter(), rows_passed_over()
    assert api.post(f"{cards}members/", {"add": ids}, 200)["added"] == 3_000
    added = time.perf_counter()
    assert api.post(f"{cards}members/", {"remove": ids}, 200)["removed"] == 3_000
    removed = time.perf_counter()
    names = [f"DE-ABC-{n:06}" for n in range(3_000)]
    assert api.post(f"{cards}members/", {"add_auth_ids": names}, 200)["added"] == 3_000
    print(f"10,000 members: add {added - before:.2f} s, remove {removed - added:.2f} s, ", end="")
    print(f"new Auth IDs {time.perf_counter() - removed:.2f} s")
    assert rows_passed_over() - passed < 10 * 3_000


class World:
    """An exception of one group on each side."""

    def __init__(self, api: Api) -> None:
        self.places = factories.group("location").pk
        self.cards = factories.group("driver").pk
        self.body: dict[str, Any] = {
            "name": "E", "action": "whitelist", "direction": "cpo_for_emsp", "cpo_groups": [self.places],
            "emsp_groups": [self.cards],
        }  # fmt: skip
        self.made = api.post("exceptions/", self.body)
        self.path = f"exceptions/{self.made['id']}/"


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def test_exceptions(api: Api, world: World) -> None:
    assert world.made == world.body | {
        "id": world.made["id"], "notes": "", "enabled": True, "valid_from": None, "valid_until": None,
        "owner_cpo": None, "owner_emsp": None,
    }  # fmt: skip
    more = factories.group("cpo").pk
    changed = api.patch(world.path, {"cpo_groups": [more], "enabled": False, "valid_from": "2026-12-01T08:00:00"})
    assert (changed["cpo_groups"], changed["enabled"], changed["valid_from"]) == ([more], False, "2026-12-01T08:00:00")
    assert api.get("exceptions/", cpo_group=more, enabled="false", action="whitelist")["count"] == 1
    assert api.get("exceptions/", cpo_group=world.places)["count"] == 0
    assert api.get("exceptions/", valid_at="2026-11-30T00:00:00")["count"] == 0
    assert api.get("exceptions/", valid_at="2026-12-01T08:00:00")["count"] == 1
    assert "valid_at" in api.get("exceptions/", 400, valid_at="2026-12-01T08:00:00Z")["errors"]
    assert api.delete(f"exception-groups/{more}/", 409)["code"] == "in_use"
    api.delete(f"exception-groups/{world.places}/")
    api.delete(world.path)
    api.delete(f"exception-groups/{more}/")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"valid_from": "2026-12-01T08:00:00Z"}, "valid_from"),
        ({"valid_until": "2026-12-01T08:00+01:00"}, "valid_until"),
        ({"valid_from": "2026-12-01"}, "valid_from"), ({"valid_from": 7}, "valid_from"),
        ({"valid_from": "2026-02-30T00:00"}, "valid_from"), ({"valid_from": "9" * 50}, "valid_from"),
        ({"valid_from": "2026-12-01T08:00", "valid_until": "2026-12-01T08:00"}, "valid_until"),
        ({"cpo_groups": []}, "cpo_groups"), ({"emsp_groups": []}, "emsp_groups"), ({"cpo_groups": None}, "cpo_groups"),
        ({"cpo_groups": [999_999]}, "cpo_groups"), ({"emsp_groups": "x"}, "emsp_groups"),
        ({"action": "grey"}, "action"), ({"direction": "up"}, "direction"), ({"name": ""}, "name"),
        ({"enabled": None}, "enabled"),
    ],
)  # fmt: skip
def test_bad_exceptions(api: Api, world: World, values: dict[str, Any], field: str) -> None:
    assert list(api.post("exceptions/", world.body | values, 400)["errors"]) == [field]
    assert list(api.patch(world.path, values, 400)["errors"]) == [field]
    assert api.get("exceptions/")["count"] == 1
    assert api.get(world.path) == world.made


def test_sides_and_owners(api: Api, world: World, cpo: int, emsp: int) -> None:
    assert "cpo_groups" in api.post("exceptions/", world.body | {"cpo_groups": [world.cards]}, 400)["errors"]
    assert "emsp_groups" in api.patch(world.path, {"emsp_groups": [world.cards, world.places]}, 400)["errors"]
    assert "owner_emsp" in api.patch(world.path, {"owner_cpo": cpo, "owner_emsp": emsp}, 400)["errors"]
    assert api.patch(world.path, {"owner_emsp": emsp})["owner_emsp"] == emsp
    for field in ("action", "direction", "cpo_groups", "emsp_groups", "name"):
        body = {key: value for key, value in world.body.items() if key != field}
        assert list(api.post("exceptions/", body, 400)["errors"]) == [field]


def test_the_database_speaks_inside_the_request(api: Api, world: World) -> None:
    """A rule that waits for the commit: the last group of a side is gone."""
    from authorization.api.resources.refusals import writing
    from authorization.models import ExceptionCpoGroup

    with pytest.raises(Exception, match="CPO-side and an eMSP-side") as caught, writing():
        ExceptionCpoGroup.objects.all().delete()
    assert caught.value.status_code == 400  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="category") as caught, writing():
        ExceptionGroup.objects.update(category="token")
    assert caught.value.status_code == 400  # type: ignore[attr-defined]
