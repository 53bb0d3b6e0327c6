"""What CPO and eMSP managers see and do: their own, names of others where they pick from them, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from authorization.models import ApiKey, AuthorizationListEntry, Decision, ExceptionGroup
from authorization.services import create_key
from locations.models import CPO, Location
from tests import factories
from tests.api.conftest import Api
from tests.conftest import ApiClient
from tests.portal.test_admin import decision
from tokens.models import EMSP, DirectoryGrant, Token

AUTH_ID = "NL-TNM-C00122045-K"


@pytest.fixture
def acting(client_of: Callable[..., ApiClient]) -> Callable[[User], Api]:
    return lambda user: Api(client_of(user=user))


@pytest.fixture
def goflux(db: None) -> CPO:
    return factories.cpo(country_code="NL", party_id="GFX", name="Goflux")


@pytest.fixture
def tnm(db: None) -> EMSP:
    return factories.emsp(country_code="NL", party_id="TNM", name="New Motion")


@pytest.fixture
def cpo_api(acting: Callable[[User], Api], goflux: CPO) -> Api:
    """A manager of Goflux."""
    return acting(factories.manager(goflux))


@pytest.fixture
def emsp_api(acting: Callable[[User], Api], tnm: EMSP) -> Api:
    """A manager of New Motion."""
    return acting(factories.manager(tnm))


@pytest.fixture
def place(goflux: CPO) -> Location:
    return factories.location(goflux, name="Depot", city="Utrecht")


class TestPlaces:
    def test_a_cpo_manager_runs_locations_of_the_cpo_and_its_sub_cpos(self, cpo_api: Api, goflux: CPO) -> None:
        sub = factories.cpo(parent=goflux)
        below = factories.location(sub)
        made = cpo_api.post("locations/", {"cpo": goflux.pk, "location_id": "L1", "evses": [{"uid": "1"}]})
        assert {row["id"] for row in cpo_api.get("locations/")["results"]} == {below.pk, made["id"]}
        assert cpo_api.patch(f"locations/{below.pk}/", {"city": "Breda"})["city"] == "Breda"
        station = cpo_api.post("charge-stations/", {"location": made["id"], "identity": "CP1"})
        assert cpo_api.patch(f"evses/{made['evses'][0]['id']}/", {"station": station["id"]})["station"] == station["id"]
        assert {row["id"] for row in cpo_api.get("cpos/")["results"]} == {goflux.pk, sub.pk}

    def test_nobody_but_an_admin_deletes(self, cpo_api: Api, emsp_api: Api, place: Location, tnm: EMSP) -> None:
        cpo_api.delete(f"locations/{place.pk}/", 403)
        emsp_api.delete(f"tokens/{factories.token(tnm).pk}/", 403)
        assert Location.objects.exists()
        assert Token.objects.exists()

    def test_another_cpos_places_are_not_there(self, cpo_api: Api, goflux: CPO) -> None:
        other = factories.location(name="canary")
        station = factories.station(other)
        for path in (f"locations/{other.pk}/", f"charge-stations/{station.identity}/", f"cpos/{other.cpo_id}/"):
            cpo_api.get(path, 404)
            cpo_api.patch(path, {"name": "x"}, 404)
            cpo_api.delete(path, 404)
        assert cpo_api.get("locations/", search="canary")["count"] == 0
        assert cpo_api.get("locations/", cpo=other.cpo_id)["count"] == 0
        for missing in (other.cpo_id, 999_999):
            refused = cpo_api.post("locations/", {"cpo": missing, "location_id": "X"}, 400)
            assert refused["errors"] == {"cpo": [f'Invalid pk "{missing}" - object does not exist.']}

    def test_moving_to_another_cpo_is_an_admins(
        self, acting: Callable[[User], Api], cpo_api: Api, goflux: CPO, place: Location
    ) -> None:
        second = factories.cpo()
        both = acting(factories.manager(goflux, second))
        assert both.patch(f"locations/{place.pk}/", {"cpo": goflux.pk, "city": "Ede"})["city"] == "Ede"
        both.patch(f"locations/{place.pk}/", {"cpo": second.pk}, 403)
        cpo_api.patch(f"cpos/{goflux.pk}/", {"parent": None}, 403)
        assert Location.objects.get().cpo == goflux

    def test_an_emsp_manager_picks_from_names(self, emsp_api: Api, place: Location) -> None:
        names = {"id": place.pk, "cpo": place.cpo_id, "location_id": place.location_id, "name": "Depot"}
        assert emsp_api.get("locations/")["results"] == [names]
        assert emsp_api.get(f"locations/{place.pk}/") == names
        assert set(emsp_api.get("cpos/")["results"][0]) == {"id", "country_code", "party_id", "name"}
        assert emsp_api.get("locations/", search="depot", party_id="gfx")["count"] == 1
        for query in ({"search": "utrecht"}, {"city": "Utrecht"}, {"published": "true"}, {"time_zone": "UTC"}):
            assert emsp_api.get("locations/", **query)["count"] == 0, query
        emsp_api.patch(f"locations/{place.pk}/", {"name": "Mine"}, 403)
        emsp_api.get(f"locations/{place.pk}/authorization-list/", 403)
        emsp_api.post("locations/", {"cpo": place.cpo_id, "location_id": "X"}, 403)

    def test_who_manages_both_kinds_edits_their_own_places_alone(
        self, acting: Callable[[User], Api], goflux: CPO, tnm: EMSP, place: Location
    ) -> None:
        both, other = acting(factories.manager(goflux, tnm)), factories.location()
        assert "city" in both.get(f"locations/{place.pk}/")
        assert "city" not in both.get(f"locations/{other.pk}/")
        both.patch(f"locations/{other.pk}/", {"name": "x"}, 403)
        assert "cpo" in both.post("locations/", {"cpo": other.cpo_id, "location_id": "X"}, 400)["errors"]
        assert [row["id"] for row in both.get("locations/", city="Utrecht")["results"]] == [place.pk]


class TestCards:
    def test_an_emsp_manager_runs_customers_drivers_and_tokens(self, emsp_api: Api, tnm: EMSP) -> None:
        customer = emsp_api.post("customers/", {"emsp": tnm.pk, "name": "Bakery"})["id"]
        driver = emsp_api.post("drivers/", {"customer": customer, "name": "Ann"})["id"]
        token = emsp_api.post("tokens/", {"driver": driver, "uid": "04", "auth_id": AUTH_ID})["id"]
        assert emsp_api.patch(f"tokens/{token}/", {"valid": False})["valid"] is False
        emsp_api.post("tokens/", [{"emsp": tnm.pk, "uid": "05"}])
        assert [emsp_api.get(path)["count"] for path in ("customers/", "drivers/", "tokens/", "emsps/")] == [1, 1, 2, 1]

    def test_anothers_are_not_there(self, emsp_api: Api, cpo_api: Api, tnm: EMSP) -> None:
        driver = factories.driver()
        card = factories.token(driver=driver, uid="04")
        factories.external("X-1")
        for api in (emsp_api, cpo_api):
            for path in (f"tokens/{card.pk}/", f"drivers/{driver.pk}/", f"customers/{driver.customer_id}/",
                         f"emsps/{card.emsp_id}/"):  # fmt: skip
                api.get(path, 404)
                api.patch(path, {}, 404)
                api.delete(path, 404)
            assert api.get("tokens/", emsp=card.emsp_id)["count"] == 0
        for field, pk in (("emsp", card.emsp_id), ("customer", driver.customer_id), ("driver", driver.pk)):
            for gone in (pk, 999_999):
                body = {"emsp": tnm.pk, "uid": "05"} | {field: gone}
                text = [f'Invalid pk "{gone}" - object does not exist.']
                assert emsp_api.post("tokens/", body, 400)["errors"] == {field: text}
                assert emsp_api.post("tokens/", [body], 400)["errors"] == {"0": {field: text}}
        assert emsp_api.post("tokens/", {"emsp": tnm.pk, "uid": "0:4"}, 400)["errors"] == {
            "uid": ["This uid is taken."]
        }

    def test_a_directory_is_opened_to_a_cpo(self, emsp_api: Api, cpo_api: Api, tnm: EMSP, goflux: CPO) -> None:
        card = factories.token(driver=factories.driver(factories.customer(tnm)), uid="04")
        grant = emsp_api.post("directory-grants/", {"emsp": tnm.pk, "cpo": goflux.pk})
        assert cpo_api.get(f"tokens/{card.pk}/")["uid"] == "04"
        assert [cpo_api.get(path)["count"] for path in ("customers/", "drivers/", "tokens/")] == [1, 1, 1]
        assert set(cpo_api.get(f"emsps/{tnm.pk}/")) == {"id", "country_code", "party_id", "name"}
        cpo_api.patch(f"tokens/{card.pk}/", {"valid": False}, 403)
        cpo_api.patch(f"directory-grants/{grant['id']}/", {"enabled": True}, 403)
        emsp_api.patch(f"directory-grants/{grant['id']}/", {"enabled": False})
        assert cpo_api.get("tokens/")["count"] == 0
        other = factories.emsp()
        assert "emsp" in emsp_api.post("directory-grants/", {"emsp": other.pk, "cpo": goflux.pk}, 400)["errors"]
        assert DirectoryGrant.objects.count() == 1

    def test_an_auth_id_that_another_party_named_is_taken_unless_it_is_the_emsps_own(
        self, emsp_api: Api, api: Api, cpo_api: Api, place: Location, tnm: EMSP
    ) -> None:
        cpo_api.post(f"locations/{place.pk}/authorization-list/", {"add_auth_ids": ["FA54320", AUTH_ID]}, 200)
        factories.token(auth_id="DE-ABC-C00000001", uid="01")
        for taken in ("fa54320", "deabcc00000001"):
            for body in ({"emsp": tnm.pk, "auth_id": taken}, [{"emsp": tnm.pk, "auth_id": taken}]):
                refused = emsp_api.post("tokens/", body, 400)
                errors = refused["errors"] if isinstance(body, dict) else refused["errors"]["0"]
                assert errors == {"auth_id": ["This Auth ID is taken."]}
        own = emsp_api.post("tokens/", {"emsp": tnm.pk, "auth_id": AUTH_ID, "uid": "02"})
        assert "auth_id" in emsp_api.patch(f"tokens/{own['id']}/", {"auth_id": "FA54320"}, 400)["errors"]
        early = emsp_api.post("tokens/", {"emsp": tnm.pk, "auth_id": "FA99999"})
        cpo_api.post(f"locations/{place.pk}/authorization-list/", {"add_auth_ids": ["FA99999"]}, 200)
        assert emsp_api.patch(f"tokens/{early['id']}/", {"valid": False})["valid"] is False
        assert api.post("tokens/", {"emsp": tnm.pk, "auth_id": "FA54320"})["external"] is False
        assert not Token.objects.filter(external=True).exists()


class TestNaming:
    def test_guessing_auth_ids_teaches_nothing(self, cpo_api: Api, place: Location) -> None:
        factories.token(auth_id="DE-ABC-C00000001", uid="01")
        path = f"locations/{place.pk}/authorization-list/"
        guesses = ["DE-ABC-c00000001", "DE-ABC-C00000002"]
        shown = [cpo_api.post(path, {"add_auth_ids": [guess]}, 200)["tokens"][-1] for guess in guesses]
        assert [token["auth_id"] for token in shown] == guesses
        assert [token | {"id": 0, "auth_id": ""} for token in shown] == [
            {"id": 0, "auth_id": "", "uid": None, "type": None, "external": None}
        ] * 2
        assert shown[1]["id"] == shown[0]["id"] + 1
        left = cpo_api.post(path, {"remove_tokens": [shown[0]["id"]]}, 200)
        assert [token["auth_id"] for token in left["tokens"]] == guesses[1:]
        assert cpo_api.post(path, {"remove_tokens": [shown[0]["id"]]}, 400)["errors"] == {
            "remove_tokens": [f"Not found: {shown[0]['id']}."]
        }
        real = Token.objects.get(uid="01").pk
        for gone in (real, 999_999):
            refused = cpo_api.post(path, {"add_tokens": [gone]}, 400)
            assert refused["errors"] == {"add_tokens": [f"Not found: {gone}."]}

    def test_members_of_ones_own_group(self, cpo_api: Api, goflux: CPO) -> None:
        factories.token(auth_id="DE-ABC-C00000001", uid="01")
        group = cpo_api.post("exception-groups/", {"name": "Cards", "category": "token"})
        assert group["owner_cpo"] == goflux.pk
        path = f"exception-groups/{group['id']}/members/"
        cpo_api.post(path, {"add_auth_ids": ["X-2", "deabcc00000001", "X-1"]}, 200)
        shown = cpo_api.get(path)["results"]
        assert [row["auth_id"] for row in shown] == ["X-2", "deabcc00000001", "X-1"]
        assert {(row["uid"], row["type"], row["external"]) for row in shown} == {(None, None, None)}
        assert cpo_api.post(path, {"remove": [shown[1]["id"]]}, 200)["count"] == 2
        walked = cpo_api.get(path, after=0, page_size=1)
        assert cpo_api.get(walked["next"].partition("/api/v1/")[2])["results"][0]["auth_id"] == "X-1"

    @pytest.mark.parametrize("category", ["cpo", "location", "emsp", "customer", "driver", "token"])
    def test_only_what_one_sees_goes_into_a_group(self, cpo_api: Api, emsp_api: Api, category: str) -> None:
        stranger = getattr(factories, category)()
        for api in (cpo_api, emsp_api):
            group = api.post("exception-groups/", {"name": "G", "category": category})["id"]
            if api is emsp_api and category in ("cpo", "location"):
                api.post(f"exception-groups/{group}/members/", {"add": [stranger.pk]}, 200)
                continue
            for gone in (stranger.pk, 999_999):
                for field in ("add", "remove"):
                    refused = api.post(f"exception-groups/{group}/members/", {field: [gone]}, 400)
                    assert refused["errors"] == {field: [f"Not found: {gone}."]}

    def test_an_emsp_names_its_own_auth_ids(self, emsp_api: Api, tnm: EMSP) -> None:
        factories.token(tnm, auth_id="FA1", uid="01")
        group = emsp_api.post("exception-groups/", {"name": "G", "category": "token"})["id"]
        path = f"exception-groups/{group}/members/"
        assert emsp_api.post(path, {"add_auth_ids": ["FA1", "nl-tnm-c00000077"]}, 200)["count"] == 2
        factories.token(auth_id="FA2", uid="02")
        for name in ("FA2", "FA3"):
            assert emsp_api.post(path, {"add_auth_ids": [name]}, 400)["errors"]["add_auth_ids"][0].startswith("No Auth")

    def test_strangers_on_ones_list_are_counted_and_can_be_removed(self, cpo_api: Api, place: Location) -> None:
        factories.listed(place, customer=factories.customer(name="canary"))
        path = f"locations/{place.pk}/authorization-list/"
        shown = cpo_api.get(path)
        assert (shown["customers"][0]["name"], shown["customers_count"]) == (None, 1)
        cpo_api.post(path, {"remove_customers": [shown["customers"][0]["id"]]}, 200)
        assert not AuthorizationListEntry.objects.exists()


class TestRules:
    def test_global_groups_are_used_and_not_edited(self, cpo_api: Api, goflux: CPO) -> None:
        everyone = factories.group("token", factories.token(auth_id="CANARY-1", uid="01"))
        assert cpo_api.get("exception-groups/")["count"] == 1
        assert cpo_api.get(f"exception-groups/{everyone.pk}/members/") == {
            "count": 0, "next": None, "previous": None, "results": [],
        }  # fmt: skip
        cpo_api.patch(f"exception-groups/{everyone.pk}/", {"name": "Mine"}, 403)
        cpo_api.post(f"exception-groups/{everyone.pk}/members/", {"add_auth_ids": ["X"]}, 403)
        ours = factories.group("cpo", goflux, owner_cpo=goflux)
        made = cpo_api.post("exceptions/", body(ours, everyone))
        assert made["owner_cpo"] == goflux.pk

    def test_a_cpo_closes_its_own_places_alone(self, cpo_api: Api, goflux: CPO) -> None:
        sub = factories.cpo(parent=goflux)
        ours, below = factories.group("cpo", owner_cpo=goflux), factories.group("location", owner_cpo=sub)
        cards, everywhere = factories.group("token", owner_cpo=goflux), factories.group("cpo")
        made = cpo_api.post("exceptions/", body([ours, below], cards))
        for wrong, field in (
            (body(ours, cards, direction="cpo_for_emsp"), "direction"), (body(everywhere, cards), "cpo_groups"),
            (body([ours, everywhere], cards), "cpo_groups"),
        ):  # fmt: skip
            assert list(cpo_api.post("exceptions/", wrong, 400)["errors"]) == [field]
            changed = {name: wrong[name] for name in ("direction", "cpo_groups")}
            assert list(cpo_api.patch(f"exceptions/{made['id']}/", changed, 400)["errors"]) == [field]
        assert cpo_api.patch(f"exceptions/{made['id']}/", {"enabled": False})["enabled"] is False

    def test_an_emsp_ties_its_own_cards_alone(self, emsp_api: Api, tnm: EMSP) -> None:
        cards, places, all_cards = (
            factories.group("token", owner_emsp=tnm),
            factories.group("cpo"),
            factories.group("emsp"),
        )
        emsp_api.post("exceptions/", body(places, cards, direction="cpo_for_emsp"))
        wrong = body(places, all_cards, direction="cpo_for_emsp")
        assert list(emsp_api.post("exceptions/", wrong, 400)["errors"]) == ["emsp_groups"]
        assert list(emsp_api.post("exceptions/", body(places, cards), 400)["errors"]) == ["direction"]

    def test_anothers_groups_and_exceptions_are_not_there(self, cpo_api: Api, goflux: CPO) -> None:
        theirs = factories.group("cpo", owner_cpo=factories.cpo(), name="canary")
        ours, cards = factories.group("cpo", owner_cpo=goflux), factories.group("token")
        rule = factories.exception("blacklist", "emsp_for_cpo", [theirs], [cards], owner_cpo=theirs.owner_cpo)
        mixed = factories.exception("blacklist", "emsp_for_cpo", [ours, theirs], [cards], owner_cpo=goflux)
        cpo_api.get(f"exceptions/{rule.pk}/", 404)
        cpo_api.get(f"exception-groups/{theirs.pk}/members/", 404)
        assert cpo_api.get(f"exceptions/{mixed.pk}/")["cpo_groups"] == [ours.pk]
        assert cpo_api.get("exceptions/", cpo_group=theirs.pk)["count"] == 0
        for gone in (theirs.pk, 999_999):
            wrong = body(ours, cards) | {"cpo_groups": [gone]}
            assert cpo_api.post("exceptions/", wrong, 400)["errors"] == {
                "cpo_groups": [f'There is no group "{gone}" of the CPO side.']
            }

    def test_an_owner_is_filled_in_or_asked_for_and_stays(
        self, acting: Callable[[User], Api], goflux: CPO, tnm: EMSP
    ) -> None:
        second, stranger = factories.cpo(), factories.cpo()
        api = acting(factories.manager(goflux, second, tnm))
        group = {"name": "G", "category": "cpo"}
        assert "owner_cpo" in api.post("exception-groups/", group, 400)["errors"]
        made = api.post("exception-groups/", group | {"owner_cpo": second.pk})
        path = f"exception-groups/{made['id']}/"
        assert "owner_cpo" in api.patch(path, {"owner_cpo": goflux.pk}, 400)["errors"]
        assert "owner_cpo" in api.patch(path, {"owner_cpo": None}, 400)["errors"]
        for gone in (stranger.pk, 999_999):
            refused = api.patch(path, {"owner_cpo": gone}, 400)
            assert refused["errors"] == {"owner_cpo": [f'Invalid pk "{gone}" - object does not exist.']}
        assert ExceptionGroup.objects.get().owner_cpo == second


def body(places: Any, cards: Any, **fields: Any) -> dict[str, Any]:
    many = lambda groups: [group.pk for group in (groups if isinstance(groups, list) else [groups])]  # noqa: E731
    return {
        "name": "E", "action": "blacklist", "direction": "emsp_for_cpo", "cpo_groups": many(places),
        "emsp_groups": many(cards),
    } | fields  # fmt: skip


class TestLog:
    def test_each_side_reads_its_half(self, cpo_api: Api, emsp_api: Api, place: Location, tnm: EMSP) -> None:
        card = factories.token(tnm, uid="04")
        key = create_key(cpo=place.cpo)[0]
        ours = decision(location=place, token=card, api_key=key, caller="key label", place="evse_id=secret")
        decision(location=factories.location(), token=factories.token())
        at_place, of_card = (api.get("authorizations/")["results"] for api in (cpo_api, emsp_api))
        assert [row["id"] for row in at_place] == [row["id"] for row in of_card] == [ours.pk]
        assert (at_place[0]["token"], at_place[0]["caller"], at_place[0]["api_key"]) == (None, "key label", key.pk)
        assert (of_card[0]["token"], of_card[0]["caller"], of_card[0]["place"]) == (card.pk, "", "")
        assert cpo_api.get("authorizations/", token=card.pk)["count"] == 0
        assert emsp_api.get("authorizations/", search="secret")["count"] == 0
        assert emsp_api.get("authorizations/", location=place.pk)["count"] == 1
        assert Decision.objects.count() == 2


class TestKeys:
    def test_a_cpo_manager_makes_station_and_cpo_keys_of_their_own(self, cpo_api: Api, goflux: CPO) -> None:
        station, other = factories.station(factories.location(goflux)), factories.station()
        made = cpo_api.post("api-keys/", {"station": station.pk, "name": "north"})
        assert (made["scope"], made["name"]) == ("station", "north")
        cpo_api.post("api-keys/", {"cpo": goflux.pk})
        for wrong in ({"station": other.pk}, {"station": other.identity}, {"cpo": other.location.cpo_id}, {"user": 1}):
            cpo_api.post("api-keys/", wrong, 400)
        create_key(station=other)
        assert {row["scope"] for row in cpo_api.get("api-keys/")["results"]} == {"station", "cpo", "user"}
        assert cpo_api.get("api-keys/")["count"] == ApiKey.objects.count() - 1

    def test_rotating_leaves_both_keys_working_for_a_while(self, cpo_api: Api, goflux: CPO) -> None:
        old = cpo_api.post("api-keys/", {"cpo": goflux.pk, "name": "CSMS"})
        new = cpo_api.post(f"api-keys/{old['id']}/rotate/", {"overlap_hours": 2})
        assert (new["name"], new["cpo"], new["expires_at"]) == ("CSMS", goflux.pk, None)
        assert [ApiClient(key["key"]).get("/api/v1/status").status_code for key in (old, new)] == [200, 200]
        assert cpo_api.get(f"api-keys/{old['id']}/")["expires_at"] is not None
        newest = cpo_api.post(f"api-keys/{new['id']}/rotate/", {"overlap_hours": 0})
        assert ApiClient(new["key"]).get("/api/v1/status").status_code == 401
        assert cpo_api.post(f"api-keys/{new['id']}/rotate/", {}, 409)["code"] == "key_is_over"
        assert "overlap_hours" in cpo_api.post(f"api-keys/{newest['id']}/rotate/", {"overlap_hours": -1}, 400)["errors"]


class TestTags:
    def test_a_stale_change_is_refused(self, api: Api, goflux: CPO) -> None:
        path = f"/api/v1/cpos/{goflux.pk}/"
        tag = api.client.get(path)["ETag"]
        first = api.client.patch(path, {"name": "One"}, headers={"If-Match": tag})
        assert (first.status_code, first["ETag"]) == (200, api.client.get(path)["ETag"])
        second = api.client.patch(path, {"name": "Two"}, headers={"If-Match": tag})
        assert (second.status_code, second.json()["code"]) == (412, "stale")
        assert api.client.delete(path, headers={"If-Match": tag}).status_code == 412
        for good in (f'"x", {first["ETag"]}', "*"):
            assert api.client.patch(path, {"time_zone": "UTC"}, headers={"If-Match": good}).status_code == 200
        assert api.client.patch(path, {"name": "Three"}).status_code == 200

    def test_every_object_has_the_tag_it_was_made_with(self, api: Api, location: int, emsp: int) -> None:
        cpo = Location.objects.get(pk=location).cpo_id
        bodies: dict[str, dict[str, Any]] = {
            "locations": {"cpo": cpo, "location_id": "T", "latitude": 1, "longitude": 2},
            "tokens": {"emsp": emsp, "uid": "04", "expires_at": "2027-01-01T00:00:00Z"},
            "exception-groups": {"name": "G", "category": "cpo"},
            "users": {"username": "ann"},
            "roles": {"name": "R"},
            "api-keys": {"cpo": cpo},
        }  # fmt: skip
        for resource, values in bodies.items():
            made = api.client.post(f"/api/v1/{resource}/", values)
            assert made["ETag"] == api.client.get(f"/api/v1/{resource}/{made.json()['id']}/")["ETag"], resource


class TestVisibleToToken:
    def test_public_places_and_the_private_ones_it_may_use(self, api: Api, emsp_api: Api, cpo_api: Api, tnm: EMSP,
                                                          goflux: CPO) -> None:  # fmt: skip
        public, listed, by_customer, other, closed = (factories.location(goflux) for _ in range(5))
        factories.location(goflux, published=False)
        card = factories.token(tnm, customer=factories.customer(tnm), uid="04", auth_id=AUTH_ID)
        factories.listed(listed, token=card)
        factories.listed(by_customer, customer=card.customer)
        factories.listed(other, token=factories.external("X-1"))
        factories.listed(closed, token=card)
        factories.exception(
            "blacklist", "emsp_for_cpo", [factories.group("location", closed)], [factories.group("token", card)]
        )

        def shown(who: Api, auth_id: str) -> set[int]:
            return {row["id"] for row in who.get("locations/", visible_to_token=auth_id)["results"]}

        assert shown(api, "nltnmc00122045") == shown(emsp_api, AUTH_ID) == {public.pk, listed.pk, by_customer.pk}
        assert shown(api, "X-1") == {public.pk, other.pk}
        assert shown(emsp_api, "X-1") >= {public.pk}
        assert shown(cpo_api, AUTH_ID) == {public.pk, listed.pk, closed.pk}
        for unknown in ("FA9", "-", "É", "x" * 300):
            assert shown(api, unknown) == {public.pk}
