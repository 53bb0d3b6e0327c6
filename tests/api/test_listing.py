"""Lists, walks, and requests that point nowhere."""

import pytest
from django.test import Client

from tests import factories
from tests.api.conftest import Api


def test_pages(api: Api) -> None:
    made = [factories.emsp(name=f"E{n:03}").pk for n in range(120)]
    first = api.get("emsps/")
    assert (first["count"], len(first["results"]), first["previous"]) == (120, 50, None)
    pages = [api.get("emsps/", page=page, page_size=40)["results"] for page in (1, 2, 3)]
    assert [row["id"] for page in pages for row in page] == made
    assert len(api.get("emsps/", page_size=5000)["results"]) == 120
    for page in ("4", "x", "9" * 40):
        assert api.get("emsps/", 404, page=page, page_size=40)["code"] == "not_found"


def test_walking_through_everything(api: Api) -> None:
    made = sorted(factories.emsp().pk for _ in range(25))
    seen, path = [], "emsps/?after=0&page_size=10"
    while path:
        page = api.get(path)
        seen += [row["id"] for row in page["results"]]
        path = (page["next"] or "").partition("/api/v1/")[2]
        factories.emsp(name="AAA") if len(seen) == 10 else None
    assert seen[:25] == made
    assert api.get("emsps/", after=seen[-1])["results"] == []
    assert [row["id"] for row in api.get("emsps/", after=made[3], search="emsp", page_size=1)["results"]] == [made[4]]
    for after in ("x", "-1", str(2**63), "9" * 5000, "\u0661"):
        assert "after" in api.get("emsps/", 400, after=after)["errors"]


def test_members_are_walked_too(api: Api) -> None:
    group = factories.group("cpo", *(factories.cpo() for _ in range(3)))
    first = api.get(f"exception-groups/{group.pk}/members/", after=0, page_size=2)
    assert len(first["results"]) == 2
    assert len(api.get(first["next"].partition("/api/v1/")[2])["results"]) == 1


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 19, "9" * 40, "x", "1e3", "%00", "-1", "..", "%E0%A4%A", "١"])
@pytest.mark.parametrize("resource", ["tokens", "locations", "charge-stations", "authorizations", "grants"])
def test_objects_that_are_not_there(api: Api, resource: str, pk: str) -> None:
    assert api.get(f"{resource}/{pk}/", 404)["code"] == "not_found"
    assert api.delete(f"{resource}/{pk}/", 405 if resource == "authorizations" and pk.isascii() and pk.isdigit()
                      and len(pk) < 20 else 404)  # fmt: skip


def test_paths_that_are_not_there(api: Api) -> None:
    for path in ("nothing", "tokens/1/nothing/", ""):
        assert api.get(path, 404)["code"] == "not_found"
        response = Client(enforce_csrf_checks=True).post(f"/api/v1/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_other_media_types(api: Api) -> None:
    response = api.client.post("/api/v1/cpos/", "name=x", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert api.client.get("/api/v1/cpos/", HTTP_ACCEPT="text/html").status_code in (200, 406)
