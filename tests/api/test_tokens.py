"""`emsps`, `customers`, `drivers`, `tokens`."""

import json
import time
from typing import Any

import pytest

from tests import factories
from tests.api.conftest import Api
from tokens.models import Token

GOOD, SAME, WRONG = "NL-TNM-C00122045-K", "nltnmc00122045", "NL-TNM-C00122045-9"


def test_customers_and_drivers(api: Api, emsp: int, customer: int) -> None:
    driver = api.post("drivers/", {"customer": customer, "name": "Ann", "external_id": ""})
    assert driver == {"id": driver["id"], "customer": customer, "name": "Ann", "external_id": None, "blocked": False}
    assert api.patch(f"drivers/{driver['id']}/", {"blocked": True})["blocked"] is True
    assert "external_id" in api.post("customers/", {"emsp": emsp, "name": "Two", "external_id": "C1"}, 400)["errors"]
    other = api.post("emsps/", {"country_code": "NL", "party_id": "OTH", "name": "Other"})["id"]
    api.post("customers/", {"emsp": other, "name": "Two", "external_id": "C1"})
    assert api.get("drivers/", emsp=emsp, blocked="true")["count"] == 1
    assert api.get("customers/", external_id="C1")["count"] == 2
    assert api.delete(f"customers/{customer}/", 409)["code"] == "in_use"
    assert api.delete(f"emsps/{emsp}/", 409)["code"] == "in_use"
    api.delete(f"drivers/{driver['id']}/")
    api.delete(f"customers/{customer}/")
    api.delete(f"emsps/{emsp}/")


def test_a_token_keeps_what_it_is_given(api: Api, emsp: int) -> None:
    body = {
        "emsp": emsp, "type": "RFID", "uid": "04:a2:b3:c4", "auth_id": GOOD, "visual_number": "V-1", "issuer": "TNM",
        "valid": False, "whitelist": "NEVER", "expires_at": "2027-01-01T00:00:00Z", "language": "nl",
    }  # fmt: skip
    token = api.post("tokens/", body | {"external": True, "id": 7})
    assert token == body | {
        "id": token["id"], "customer": None, "driver": None, "external": False, "warnings": [],
    }  # fmt: skip
    assert api.get(f"tokens/{token['id']}/") == token


def test_a_wrong_check_digit_is_a_warning(api: Api, emsp: int) -> None:
    token = api.post("tokens/", {"emsp": emsp, "auth_id": WRONG})
    assert token["auth_id"] == WRONG
    assert len(token["warnings"]) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "non_field_errors"), ({"uid": "", "auth_id": None}, "non_field_errors"), ({"uid": "XYZ"}, "uid"),
        ({"uid": "0\u0410"}, "uid"), ({"auth_id": "\u0410B1"}, "auth_id"), ({"auth_id": "-"}, "auth_id"),
        ({"uid": "0" * 256}, "uid"), ({"uid": "04", "type": "CARD"}, "type"), ({"uid": "04", "emsp": None}, "emsp"),
        ({"uid": "04", "expires_at": "soon"}, "expires_at"), ({"uid": "04", "language": "nld"}, "language"),
        ({"uid": "04", "whitelist": "MAYBE"}, "whitelist"), ({"type": "EMAID", "uid": "X1", "auth_id": "X2"}, "uid"),
        ({"uid": "04", "customer": 10**20}, "customer"), ({"uid": ["04"]}, "uid"),
    ],
)  # fmt: skip
def test_bad_tokens(api: Api, emsp: int, values: dict[str, Any], field: str) -> None:
    assert list(api.post("tokens/", {"emsp": emsp} | values, 400)["errors"]) == [field]
    assert list(api.post("tokens/", [{"emsp": emsp} | values], 400)["errors"]["0"]) == [field]


def test_uids_are_unique_in_normal_form(api: Api, emsp: int) -> None:
    api.post("tokens/", {"emsp": emsp, "uid": "04:A2:B3"})
    for variant in ("04a2b3", "04-A2-B3", "04 A2 B3"):
        refused = api.post("tokens/", {"emsp": emsp, "uid": variant}, 400)
        assert (refused["code"], refused["errors"]) == ("unique", {"uid": ["This uid is taken."]})
    api.post("tokens/", {"emsp": emsp, "type": "KEY_CODE", "uid": "04A2B3"})
    for body in ({"uid": "04a2b3"}, {"uid": "04-a2-b3", "type": "RFID"}, {"uid": "04 A2 B3", "type": "KEY_CODE"}):
        found = api.get("tokens/", **body)
        assert found["count"] == (1 if "type" in body and body["type"] == "RFID" else found["count"])
    assert api.get("tokens/", uid="04-a2-b3")["count"] == 1
    assert api.get("tokens/", uid="04a2b3")["count"] == 2
    assert api.get("tokens/", uid="€")["count"] == 0


def test_several_tokens_carry_one_auth_id(api: Api, emsp: int) -> None:
    for uid in ("01", "02"):
        api.post("tokens/", {"emsp": emsp, "uid": uid, "auth_id": GOOD})
    api.post("tokens/", {"emsp": emsp, "auth_id": SAME})
    assert api.get("tokens/", auth_id="NLTNMC00122045")["count"] == 3


def test_emaid_uid_is_its_auth_id(api: Api, emsp: int) -> None:
    token = api.post("tokens/", {"emsp": emsp, "type": "EMAID", "auth_id": GOOD})
    assert token["uid"] == GOOD
    assert api.post("tokens/", {"emsp": emsp, "type": "EMAID", "uid": SAME}, 400)["errors"].keys() == {"uid"}
    renamed = api.patch(f"tokens/{token['id']}/", {"auth_id": "NL-TNM-C00000001"})
    assert renamed["uid"] == renamed["auth_id"] == "NL-TNM-C00000001"


def test_the_chain_of_driver_customer_and_emsp(api: Api, emsp: int, customer: int) -> None:
    other_emsp = api.post("emsps/", {"country_code": "NL", "party_id": "OTH", "name": "Other"})["id"]
    other = api.post("customers/", {"emsp": other_emsp, "name": "Other"})["id"]
    driver = api.post("drivers/", {"customer": customer, "name": "Ann"})["id"]
    token = api.post("tokens/", {"driver": driver, "uid": "01"})
    path = f"tokens/{token['id']}/"
    assert (token["emsp"], token["customer"]) == (emsp, customer)
    for body, field in (
        ({"customer": other}, "driver"), ({"emsp": other_emsp}, "customer"), ({"customer": None}, "customer"),
        ({"emsp": None}, "emsp"),
    ):  # fmt: skip
        assert field in api.patch(path, body, 400)["errors"]
        assert (
            field in api.post("tokens/", {"driver": driver, "uid": "02"} | body, 400)["errors"]
            if any(body.values())
            else True
        )
    for moved, body in ((f"drivers/{driver}/", {"customer": other}), (f"customers/{customer}/", {"emsp": other_emsp})):
        assert api.patch(moved, body, 409)["code"] == "in_use"
    for needed in (f"drivers/{driver}/", f"customers/{customer}/"):
        assert api.delete(needed, 409)["code"] == "in_use"
    assert api.patch(path, {"driver": None, "customer": None})["emsp"] == emsp
    assert api.patch(path, {"customer": other, "emsp": other_emsp})["emsp"] == other_emsp


def test_an_external_token_turns_into_an_emsps(api: Api, emsp: int, location: int) -> None:
    listed = api.post(f"locations/{location}/authorization-list/", {"add_auth_ids": [SAME]}, 200)["tokens"][0]
    assert listed == {"id": listed["id"], "auth_id": SAME, "uid": None, "type": "OTHER", "external": True}
    group = api.post("exception-groups/", {"name": "G", "category": "token"})["id"]
    api.post(f"exception-groups/{group}/members/", {"add_auth_ids": [GOOD]}, 200)
    token = api.post("tokens/", {"emsp": emsp, "uid": "04", "auth_id": GOOD})
    assert (token["id"], token["external"], token["uid"], token["auth_id"]) == (listed["id"], False, "04", GOOD)
    assert api.get("tokens/")["count"] == 1
    for shown in (
        api.get(f"locations/{location}/authorization-list/")["tokens"],
        api.get(f"exception-groups/{group}/members/")["results"],
    ):
        assert shown == [{"id": token["id"], "auth_id": GOOD, "uid": "04", "type": "RFID", "external": False}]


def test_a_refused_token_leaves_the_external_one(api: Api, emsp: int, location: int) -> None:
    api.post(f"locations/{location}/authorization-list/", {"add_auth_ids": [SAME]}, 200)
    api.post("tokens/", {"emsp": emsp, "uid": "04"})
    assert "uid" in api.post("tokens/", {"emsp": emsp, "uid": "04", "auth_id": GOOD}, 400)["errors"]
    assert api.get("tokens/", external="true")["count"] == 1


def test_an_auth_id_given_later_replaces_the_external_one(api: Api, emsp: int, location: int) -> None:
    api.post(f"locations/{location}/authorization-list/", {"add_auth_ids": [SAME]}, 200)
    token = api.post("tokens/", {"emsp": emsp, "uid": "04"})["id"]
    api.patch(f"tokens/{token}/", {"auth_id": GOOD})
    assert api.get("tokens/")["count"] == 1
    assert [row["id"] for row in api.get(f"locations/{location}/authorization-list/")["tokens"]] == [token]


def test_a_named_token_goes_and_its_name_stays(api: Api, emsp: int, location: int) -> None:
    token = api.post("tokens/", {"emsp": emsp, "uid": "04", "auth_id": GOOD})["id"]
    api.post(f"locations/{location}/authorization-list/", {"add_tokens": [token]}, 200)
    api.delete(f"tokens/{token}/")
    left = api.get(f"locations/{location}/authorization-list/")
    assert left["private"] is True
    assert [(row["auth_id"], row["external"]) for row in left["tokens"]] == [(GOOD, True)]
    assert api.delete(f"tokens/{left['tokens'][0]['id']}/", 409)["code"] == "in_use"


def test_a_blacklisted_token_without_auth_id_stays(api: Api, emsp: int, cpo: int) -> None:
    token = api.post("tokens/", {"emsp": emsp, "uid": "04"})["id"]
    cards = factories.group("token", Token.objects.get(pk=token))
    api.post(
        "exceptions/",
        {
            "name": "B", "action": "blacklist", "direction": "emsp_for_cpo", "emsp_groups": [cards.pk],
            "cpo_groups": [factories.group("cpo").pk],
        },
    )  # fmt: skip
    assert api.delete(f"tokens/{token}/", 409)["code"] == "blacklisted_token"
    assert api.patch(f"tokens/{token}/", {"uid": "05"}, 409)["code"] == "blacklisted_token"
    assert api.patch(f"tokens/{token}/", {"valid": False})["valid"] is False


def test_bulk_is_all_or_nothing(api: Api, emsp: int, location: int) -> None:
    api.post(f"locations/{location}/authorization-list/", {"add_auth_ids": ["NL-TNM-1"]}, 200)
    external = api.get("tokens/")["results"][0]["id"]
    twice = [{"emsp": emsp, "uid": "01"}, {"emsp": emsp, "uid": "0:1"}, {"emsp": 0, "uid": "03"}]
    assert api.post("tokens/", twice[:2], 400)["errors"] == {"1": {"uid": ["This uid is taken."]}}
    assert "emsp" in api.post("tokens/", twice, 400)["errors"]["2"]
    api.post("tokens/", [], 400)
    api.post("tokens/", [7], 400)
    assert api.get("tokens/")["count"] == 1
    made = api.post("tokens/", [{"emsp": emsp, "uid": "01", "auth_id": "nltnm1"}, {"emsp": emsp, "auth_id": "NLTNM1"}])
    assert [token["id"] == external for token in made] == [True, False]
    assert api.get("tokens/")["count"] == 2
    assert api.get("tokens/", external="true")["count"] == 0


def test_a_thousand_tokens_in_seconds(api: Api, customer: int) -> None:
    bodies = [{"customer": customer, "uid": f"{n:08X}", "auth_id": f"NL-TNM-{n:06}"} for n in range(1000)]
    before = time.perf_counter()
    made = api.post("tokens/", bodies)
    seconds = time.perf_counter() - before
    print(f"1,000 tokens: {seconds:.2f} s")
    assert len({token["id"] for token in made}) == 1000
    assert seconds < 10


def test_bodies_that_are_no_object(api: Api) -> None:
    for body in ("7", '"x"', "null", "true", "{", json.dumps({"uid": "\ud800", "emsp": 1})):
        response = api.client.post("/api/v1/tokens/", body)
        assert response.status_code == 400, body
        assert response.json()["code"]
