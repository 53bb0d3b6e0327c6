"""`cpos`, `locations`, `evses`, `charge-stations`: what is kept, what is refused, and how."""

from typing import Any

import pytest

from tests.api.conftest import Api


def test_cpos(api: Api, cpo: int) -> None:
    sub = api.post("cpos/", {"country_code": "NL", "party_id": "SUB", "name": "Sub", "parent": cpo})
    assert sub["time_zone"] == "UTC"
    assert api.patch(f"cpos/{sub['id']}/", {"name": "Sub 2"})["parent"] == cpo
    taken = api.post("cpos/", {"country_code": "nl", "party_id": "gfx", "name": "Again"}, 400)
    assert (taken["code"], list(taken["errors"])) == ("unique", ["party_id"])
    assert "Goflux" not in str(taken)
    assert "parent" in api.patch(f"cpos/{cpo}/", {"parent": sub["id"]}, 400)["errors"]
    assert "parent" in api.patch(f"cpos/{cpo}/", {"parent": cpo}, 400)["errors"]
    assert "time_zone" in api.patch(f"cpos/{cpo}/", {"time_zone": "Mars/Base"}, 400)["errors"]
    assert api.delete(f"cpos/{cpo}/", 409)["code"] == "in_use"
    api.delete(f"cpos/{sub['id']}/")
    api.get(f"cpos/{sub['id']}/", 404)


def test_a_location_keeps_what_it_is_given(api: Api, cpo: int) -> None:
    body = {
        "cpo": cpo, "location_id": "LOC1", "name": "Zuidas", "address": "Gustav Mahlerlaan 10", "city": "Amsterdam",
        "postal_code": "1082 PP", "country": "NLD", "latitude": "52.33821", "longitude": 4.872512345678,
        "time_zone": "Europe/Paris", "published": False,
    }  # fmt: skip
    location = api.post("locations/", body)
    for field in body.keys() - {"longitude"}:
        assert location[field] == body[field]
    assert (location["longitude"], location["private"], location["evses"]) == ("4.8725123", False, [])
    assert api.get(f"locations/{location['id']}/") == location
    api.delete(f"locations/{location['id']}/")


def test_location_defaults(api: Api, cpo: int) -> None:
    location = api.post("locations", {"cpo": cpo, "location_id": "L"})
    assert (location["time_zone"], location["published"]) == ("Europe/Amsterdam", True)
    assert api.patch(f"locations/{location['id']}", {"time_zone": None})["time_zone"] == "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("location_id", ""), ("location_id", "L" * 40), ("location_id", "Ł1"), ("location_id", None), ("name", "x\0"),
        ("name", "\ud800"), ("country", "NL"), ("latitude", 91), ("latitude", "1e999"), ("latitude", "x"),
        ("longitude", "-180.0000001"), ("time_zone", "CET+1"), ("cpo", 999_999), ("cpo", 10**30), ("cpo", 1.5),
        ("cpo", True), ("cpo", [1]), ("cpo", None), ("published", "perhaps"), ("evses", [{"evse_id": "É"}]),
        ("evses", "x"), ("postal_code", "1" * 21), ("cpo", 1e999),
    ],
)  # fmt: skip
def test_bad_locations(api: Api, cpo: int, field: str, value: Any) -> None:
    body: dict[str, Any] = {"cpo": cpo, "location_id": "LOC1", "latitude": 1, "longitude": 1} | {field: value}
    if value == 1e999:
        # No JSON writer says Infinity as a number, but a long exponent says it too.
        import json

        response = api.client.post("/api/v1/locations/", json.dumps(body).replace("Infinity", "1e999"))
        assert response.status_code == 400
        return
    assert list(api.post("locations/", body, 400)["errors"]) == [field]
    assert api.get("locations/")["count"] == 0


def test_a_latitude_alone_is_no_place(api: Api, location: int) -> None:
    assert "latitude" in api.patch(f"locations/{location}/", {"latitude": 1}, 400)["errors"]


def test_location_ids_are_unique_per_cpo(api: Api, cpo: int, location: int) -> None:
    assert "location_id" in api.post("locations/", {"cpo": cpo, "location_id": "LOC1"}, 400)["errors"]
    other = api.post("cpos/", {"country_code": "NL", "party_id": "OTH", "name": "Other"})["id"]
    moved = api.post("locations/", {"cpo": other, "location_id": "LOC1"})["id"]
    assert api.patch(f"locations/{moved}/", {"cpo": cpo}, 400)["code"] == "unique"
    assert api.patch(f"locations/{moved}/", {"cpo": cpo, "location_id": "LOC2"})["cpo"] == cpo


def test_nested_evses(api: Api, cpo: int) -> None:
    evses = [{"uid": "1", "evse_id": "NL*GFX*E1"}, {"evse_id": "nlgfxe2"}, {"uid": "3"}]
    location = api.post("locations/", {"cpo": cpo, "location_id": "L1", "evses": evses})
    assert [(evse["uid"], evse["evse_id"]) for evse in location["evses"]] == [
        ("1", "NL*GFX*E1"), ("nlgfxe2", "nlgfxe2"), ("3", None),
    ]  # fmt: skip
    assert api.get(f"locations/{location['id']}/")["evses"] == location["evses"]
    again = {"cpo": cpo, "location_id": "L2", "evses": [{"uid": "1"}, {"uid": "2", "evse_id": "NLGFX*E2"}]}
    refused = api.post("locations/", again, 400)
    assert refused["errors"] == {"evses": {"1": {"evse_id": ["This EVSE ID is taken."]}}}
    assert api.get("locations/")["count"] == 1
    assert "evses" in api.patch(f"locations/{location['id']}/", {"evses": []}, 400)["errors"]
    api.delete(f"locations/{location['id']}/")
    assert api.get("evses/")["count"] == 0


def test_evses_and_their_station(api: Api, cpo: int, location: int) -> None:
    station = api.post("charge-stations/", {"location": location, "identity": "CP1"})["id"]
    evse = api.post("evses/", {"location": location, "station": station, "uid": "1", "evse_id": "NL*GFX*E1"})
    elsewhere = api.post("locations/", {"cpo": cpo, "location_id": "L2"})["id"]
    assert "station" in api.patch(f"evses/{evse['id']}/", {"location": elsewhere}, 400)["errors"]
    assert api.patch("charge-stations/CP1/", {"location": elsewhere}, 409)["code"] == "in_use"
    assert api.patch(f"evses/{evse['id']}/", {"station": None})["station"] is None
    assert api.patch("charge-stations/CP1/", {"location": elsewhere})["location"] == elsewhere
    assert api.post("evses/", {"location": location, "uid": "2", "evse_id": "nl*gfxe1"}, 400)["code"] == "unique"
    assert "uid" in api.post("evses/", {"location": location, "uid": "1"}, 400)["errors"]
    assert api.get("evses/", evse_id="nlgfxe1")["results"] == [api.get(f"evses/{evse['id']}/")]
    assert api.get("evses/", evse_id="É")["results"] == []


CONNECTOR = {
    "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "max_voltage": 230,
    "max_amperage": 32,
}  # fmt: skip


def test_connectors_of_an_evse(api: Api, cpo: int, location: int) -> None:
    more = CONNECTOR | {
        "id": "2", "max_electric_power": 22000, "tariff_ids": ["11"], "terms_and_conditions": "https://example.org/t",
    }  # fmt: skip
    evse = api.post("evses/", {"location": location, "uid": "1", "connectors": [CONNECTOR, more]})
    assert evse["connectors"] == [CONNECTOR, more]
    assert api.patch(f"evses/{evse['id']}/", {"evse_id": "NL*GFX*E1"})["connectors"] == [CONNECTOR, more]
    assert api.patch(f"evses/{evse['id']}/", {"connectors": [more]})["connectors"] == [more]
    assert api.get(f"locations/{location}/")["evses"][0]["connectors"] == [more]
    assert api.patch(f"evses/{evse['id']}/", {"connectors": []})["connectors"] == []
    nested = api.post("locations/", {"cpo": cpo, "location_id": "L2", "evses": [{"uid": "1", "connectors": [more]}]})
    assert nested["evses"][0]["connectors"] == [more]
    assert api.post("evses/", {"location": location, "uid": "2"})["connectors"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        None, {}, "x", [1], [CONNECTOR, CONNECTOR], [CONNECTOR | {"id": "É"}], [CONNECTOR | {"standard": "TYPE_2"}],
        [CONNECTOR | {"max_voltage": -1}], [CONNECTOR | {"max_amperage": 10**12}], [CONNECTOR | {"tariff_ids": "11"}],
        [CONNECTOR | {"tariff_ids": [""]}], [CONNECTOR | {"terms_and_conditions": "ftp://example.org"}], [{"id": "1"}],
        [CONNECTOR | {"id": "\ud800"}], [CONNECTOR | {"id": str(n)} for n in range(51)],
    ],
)  # fmt: skip
def test_bad_connectors(api: Api, location: int, wrong: Any) -> None:
    body = {"location": location, "uid": "1", "connectors": wrong}
    assert list(api.post("evses/", body, 400)["errors"]) == ["connectors"]


@pytest.mark.parametrize("identity", ["CP1", "CP/1", "a b", "CP%2F", "local-list", "CP.1", "X/revoke"])
def test_stations_by_identity(api: Api, location: int, identity: str) -> None:
    from urllib.parse import quote

    station = api.post("charge-stations/", {"location": location, "identity": identity})
    path = f"charge-stations/{quote(identity.lower(), safe='')}"
    assert api.get(path) == api.get(f"{path}/") == station
    assert api.patch(path, {"smart_button": True})["smart_button"] is True
    assert api.get("charge-stations/", identity=identity.upper())["count"] == 1
    assert (
        api.post("charge-stations", {"location": location, "identity": f" {identity.lower()} "}, 400)["code"]
        == "unique"
    )
    api.delete(path)
    api.get(path, 404)


def test_access_modes(api: Api, location: int) -> None:
    station = api.post("charge-stations/", {"location": location, "identity": "CP1"})
    assert {name: station[name] for name in list(station)[3:]} == {
        "authorization_required": True, "local_pre_authorize": False, "local_authorize_offline": True,
        "allow_offline_unknown": False, "smart_button": False,
    }  # fmt: skip
    assert "local_pre_authorize" in api.patch("charge-stations/CP1/", {"local_pre_authorize": True}, 400)["errors"]
    free = {"local_pre_authorize": True, "authorization_required": False}
    assert api.patch("charge-stations/CP1/", free)["local_pre_authorize"] is True


def test_a_location_in_use_stays(api: Api, location: int) -> None:
    api.post("charge-stations/", {"location": location, "identity": "CP1"})
    assert api.delete(f"locations/{location}/", 409)["code"] == "in_use"
    api.get(f"locations/{location}/")


def test_location_filters(api: Api, cpo: int, location: int) -> None:
    other = api.post("locations/", {"cpo": cpo, "location_id": "L2", "city": "Utrecht", "published": False})["id"]
    found = {
        "published": ("false", other), "location_id": ("L2", other), "city": ("utrecht", other),
        "search": ("zuid", location),
    }  # fmt: skip
    for name, (value, expected) in found.items():
        assert [row["id"] for row in api.get("locations/", **{name: value})["results"]] == [expected]
    assert api.get("locations/", cpo=cpo, country_code="nl", party_id="gfx", private="false")["count"] == 2
    assert api.get("locations/", cpo=999_999)["count"] == 0
    for query in ({"cpo": "x"}, {"cpo": 10**40}, {"published": "maybe"}, {"search": "\0"}, {"city": "\0"}):
        api.get("locations/", 400, **query)
