"""`users`, `roles`, `grants`, `api-keys`, and who may come in at all."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from locations.access import granted_cpos
from tests import factories
from tests.api.conftest import Api
from tests.conftest import ApiClient
from tokens.access import granted_emsps

RESOURCES = [
    "cpos", "emsps", "locations", "evses", "charge-stations", "customers", "drivers", "tokens", "exception-groups",
    "exceptions", "authorizations", "api-keys", "users", "roles", "grants",
]  # fmt: skip


@pytest.mark.parametrize("resource", RESOURCES)
def test_only_an_admin_comes_in(client_of: Callable[..., ApiClient], resource: str) -> None:
    path = f"/api/v1/{resource}/"
    nobody = Client().get(path)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_authenticated")
    assert nobody["WWW-Authenticate"].startswith("Token")
    for scope in ({"cpo": factories.cpo()}, {"station": factories.station()}):
        refused = client_of(**scope).get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_key")
    assert client_of(user=User.objects.create(username="manager", is_staff=True)).get(path).status_code == 403
    admin = client_of(user=factories.admin())
    assert admin.get(path).json() == {"count": admin.get(path).json()["count"], "next": None, "previous": None,
                                      "results": admin.get(path).json()["results"]}  # fmt: skip
    assert admin.get(path.rstrip("/")).status_code == 200
    assert admin.put(f"{path}1/", {}).status_code == 405


def test_users(api: Api) -> None:
    role = api.post("roles/", {"name": "Reader", "permissions": ["view_token", "locations.view_cpo"]})
    assert role["permissions"] == ["locations.view_cpo", "tokens.view_token"]
    body = {"username": "ann", "email": "ann@example.com", "password": "correct horse 9", "roles": ["Reader"]}
    user = api.post("users/", body)
    assert (user["roles"], user["is_active"], user["is_superuser"]) == ([role["id"]], True, False)
    assert user["is_staff"] is True
    assert "password" not in user
    assert User.objects.get(pk=user["id"]).check_password("correct horse 9")
    path = f"users/{user['id']}/"
    assert api.patch(path, {"roles": [], "is_active": False})["roles"] == []
    assert api.patch(path, {"password": "another horse 9"})["username"] == "ann"
    assert User.objects.get(pk=user["id"]).check_password("another horse 9")
    assert api.post("users/", {"username": "ann"}, 400)["code"] == "unique"
    for bad in ({"password": "123"}, {"password": ""}, {"username": "a b"}, {"email": "x"}, {"roles": ["Nobody"]}):
        assert list(api.patch(path, bad, 400)["errors"]) == list(bad)
    assert not User.objects.get(pk=api.post("users/", {"username": "bot"})["id"]).has_usable_password()
    api.delete(path)


def test_roles(api: Api) -> None:
    role = api.post("roles/", {"name": "R"})
    path = f"roles/{role['id']}/"
    assert api.patch(path, {"permissions": ["tokens.change_token"]})["permissions"] == ["tokens.change_token"]
    assert api.patch(path, {"name": "S"})["permissions"] == ["tokens.change_token"]
    for bad in (["fly"], [7], ["x\0"], "x", [None]):
        assert "permissions" in api.patch(path, {"permissions": bad}, 400)["errors"]
    assert "name" in api.post("roles/", {"name": "S"}, 400)["errors"]


@pytest.mark.parametrize("name", ["Admin", "CPO manager", "eMSP manager"])
def test_built_in_roles_stay_as_they_are(api: Api, name: str) -> None:
    role = Group.objects.get(name=name)
    path, before = f"roles/{role.pk}/", set(role.permissions.values_list("pk", flat=True))
    for change in ({"permissions": []}, {"name": "X"}):
        assert api.patch(path, change, 409)["code"] == "built_in"
    api.delete(path, 409)
    role.refresh_from_db()
    assert (role.name, set(role.permissions.values_list("pk", flat=True))) == (name, before)


def test_grants(api: Api, cpo: int, emsp: int) -> None:
    user = User.objects.create(username="manager")
    sub = api.post("cpos/", {"country_code": "NL", "party_id": "SUB", "name": "Sub", "parent": cpo})["id"]
    grant = api.post("grants/", {"user": user.pk, "cpo": cpo})
    assert grant == {"id": grant["id"], "user": user.pk, "cpo": cpo, "emsp": None}
    assert api.get(f"grants/{grant['id']}/") == grant
    api.post("grants/", {"user": user.pk, "emsp": emsp})
    assert (granted_cpos(user), granted_emsps(user)) == ({cpo, sub}, {emsp})
    assert api.post("grants/", {"user": user.pk, "cpo": cpo}, 400)["code"] == "unique"
    for bad in ({}, {"cpo": cpo, "emsp": emsp}, {"cpo": 999_999}, {"emsp": None}):
        api.post("grants/", {"user": user.pk} | bad, 400)
    assert api.get("grants/", user=user.pk)["count"] == 2
    assert api.get("grants/", emsp=emsp)["count"] == 1
    assert api.get("grants/", after=0)["results"][0] == grant
    api.delete(f"grants/{grant['id']}/")
    assert granted_cpos(user) == set()
    api.delete(f"emsps/{emsp}/")
    assert api.get("grants/")["count"] == 0


def test_a_disabled_user_holds_nothing(api: Api, cpo: int) -> None:
    user = User.objects.create(username="manager")
    api.post("grants/", {"user": user.pk, "cpo": cpo})
    user.is_active = False
    assert granted_cpos(user) == frozenset()


def test_keys(api: Api, location: int, cpo: int) -> None:
    station = api.post("charge-stations/", {"location": location, "identity": "CP1"})["id"]
    made = api.post("api-keys/", {"name": "CSMS", "cpo": cpo, "expires_at": "2999-01-01T00:00:00Z"})
    path = f"api-keys/{made['id']}/"
    key = made.pop("key")
    assert key.startswith(f"cw_{made['prefix']}_")
    assert api.get(path) == made
    assert key not in str(api.get("api-keys/"))
    assert ApiClient(key).get("/api/v1/status").status_code == 200
    assert api.patch(path, {"name": "Other"})["name"] == "Other"
    assert "station" in api.patch(path, {"station": station}, 400)["errors"]
    assert api.post(f"{path}revoke/", status=200)["revoked_at"]
    assert ApiClient(key).get("/api/v1/status").status_code == 401
    assert "revoked_at" in api.patch(path, {"revoked_at": None}, 400)["errors"]
    for body in ({"station": station}, {"station": "cp1"}):
        assert api.post("api-keys/", body)["station"] == station
    for bad in (
        {},
        {"cpo": cpo, "station": station},
        {"station": "no"},
        {"cpo": None},
        {"user": "x\0"},
        {"user": "\ud800"},
    ):
        api.post("api-keys/", bad, 400)
    assert api.get("api-keys/", revoked="true")["count"] == 1
    api.delete(path)


def test_a_key_is_revoked_by_patch(api: Api) -> None:
    key = api.post("api-keys/", {"user": factories.admin().username, "name": "mine"})
    assert ApiClient(key["key"]).get("/api/v1/cpos/").status_code == 200
    api.patch(f"api-keys/{key['id']}/", {"revoked_at": "2026-01-01T00:00:00Z"})
    assert ApiClient(key["key"]).get("/api/v1/cpos/").status_code == 401
