"""A program builds a world from nothing, by requests alone, and chargers get their answers."""

from tests.api.conftest import Api
from tests.conftest import ApiClient


def test_a_world_from_nothing(api: Api) -> None:
    cpo = api.post(
        "cpos/", {"country_code": "nl", "party_id": "gfx", "name": "Goflux", "time_zone": "Europe/Amsterdam"}
    )
    assert (cpo["country_code"], cpo["party_id"], cpo["parent"]) == ("NL", "GFX", None)
    sub = api.post("cpos/", {"country_code": "NL", "party_id": "SUB", "name": "Sub", "parent": cpo["id"]})
    public = api.post(
        "locations/",
        {"cpo": cpo["id"], "location_id": "P1", "name": "Public", "evses": [{"uid": "1", "evse_id": "NL*GFX*E1"}]},
    )
    assert (public["time_zone"], public["published"], public["private"]) == ("Europe/Amsterdam", True, False)
    assert [(evse["uid"], evse["evse_id"]) for evse in public["evses"]] == [("1", "NL*GFX*E1")]
    private = api.post("locations/", {"cpo": sub["id"], "location_id": "P2", "name": "Private"})
    station = api.post("charge-stations/", {"location": private["id"], "identity": "CP/1"})
    api.post("evses/", {"location": private["id"], "station": station["id"], "uid": "1", "evse_id": "NL*SUB*E2"})
    emsp = api.post("emsps/", {"country_code": "NL", "party_id": "TNM", "name": "New Motion"})
    customer = api.post("customers/", {"emsp": emsp["id"], "name": "Bakery", "external_id": "C1"})
    driver = api.post("drivers/", {"customer": customer["id"], "name": "Ann"})
    token = api.post("tokens/", {"driver": driver["id"], "uid": "04:a2:b3", "auth_id": "NL-TNM-C00122045-K"})
    assert (token["emsp"], token["customer"], token["uid"]) == (emsp["id"], customer["id"], "04:a2:b3")
    stranger = api.post("tokens/", {"emsp": emsp["id"], "uid": "0BAD"})
    changed = api.post(f"locations/{private['id']}/authorization-list/", {"add_customers": [customer["id"]]}, 200)
    assert (changed["private"], changed["published"], changed["customers_count"]) == (True, False, 1)
    places = api.post("exception-groups/", {"name": "Ours", "category": "cpo"})
    cards = api.post("exception-groups/", {"name": "Theirs", "category": "token"})
    assert (places["side"], cards["side"]) == ("cpo", "emsp")
    api.post(f"exception-groups/{places['id']}/members/", {"add": [cpo["id"]]}, 200)
    api.post(f"exception-groups/{cards['id']}/members/", {"add": [stranger["id"]]}, 200)
    api.post(
        "exceptions/",
        {
            "name": "No strangers",
            "action": "blacklist",
            "direction": "emsp_for_cpo",
            "valid_from": "2026-01-01T00:00:00",
            "cpo_groups": [places["id"]],
            "emsp_groups": [cards["id"]],
        },
    )
    key = ApiClient(api.post("api-keys/", {"name": "CSMS", "cpo": cpo["id"]})["key"])

    def ask(uid: str, evse: str) -> str:
        return str(key.post("/api/v1/authorize", {"id_token": uid, "evse_id": evse}).json()["reason"])

    assert ask("04A2B3", "NL*GFX*E1") == "ALLOWED"
    assert ask("04A2B3", "NL*SUB*E2") == "ALLOWED"
    assert ask("0BAD", "NL*GFX*E1") == "BLACKLISTED"
    log = api.get("authorizations/", reason="BLACKLISTED")
    assert [(row["status"], row["token"], row["location"]) for row in log["results"]] == [
        ("rejected", stranger["id"], public["id"])
    ]
    assert api.get("authorizations/", status="accepted")["count"] == 2
    assert api.get(f"authorizations/{log['results'][0]['id']}/")["place"]
