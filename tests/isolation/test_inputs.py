"""Foreign values in filters, searches and bodies: they find and change nothing, and answer as unknown ones."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from authorization.api.filters import IdFilter
from authorization.api.resources.fields import PkField
from authorization.api.urls import router
from imports.api.urls import router as imports
from portal.login.api import router as users
from subscriptions.api.urls import router as subscriptions
from tests.isolation import urls
from tests.isolation.conftest import Asker
from tests.isolation.urls import BY_NAME
from tests.isolation.world import MISSING, NAME, SECRET, Side, World

pytestmark = pytest.mark.django_db
REGISTRY = [*router.registry, *users.registry, *imports.registry, *subscriptions.registry]
# What in a body is one of the asker's own, so that the one foreign value in it is what is refused.
BODIES: dict[str, Any] = {
    "location": lambda s: {"cpo": s.pk("cpo"), "location_id": "new"},
    "evse": lambda s: {"location": s.pk("location"), "station": s.pk("chargestation"), "uid": "new"},
    "chargestation": lambda s: {"location": s.pk("location"), "identity": "new"},
    "customer": lambda s: {"emsp": s.pk("emsp"), "name": "new"},
    "driver": lambda s: {"customer": s.pk("customer"), "name": "new"},
    "token": lambda s: {"emsp": s.pk("emsp"), "customer": s.pk("customer"), "driver": s.pk("driver"), "uid": "0A"},
    "directorygrant": lambda s: {"emsp": s.pk("emsp"), "cpo": s.pk("cpo")},
    "exceptiongroup": lambda s: {"name": "new", "category": "token"},
    "chargeexception": lambda s: {"name": "new", "action": "blacklist", "direction": "emsp_for_cpo",
                                  "cpo_groups": [s.pk("places")], "emsp_groups": [s.pk("cards")]},
    "apikey": lambda s: {"name": "new"},
    "cpo": lambda s: {"country_code": "NL", "party_id": "NEW", "name": "new"},
    "emsp": lambda s: {"country_code": "NL", "party_id": "NEW", "name": "new"},
    "user": lambda s: {"username": "new", "email": "new@example.org", "invite": True},
    "group": lambda s: {"name": "new"},
    "grant": lambda s: {"user": s.pk("user")},
    "decision": lambda s: {},
    "erasure": lambda s: {},
    "import": lambda s: {"kind": "tokens"},
    "subscription": lambda s: {"name": "new", "country_code": "NL", "party_id": "NEW", "role": "CPO"},
}  # fmt: skip
# The object that a foreign key, or an id in a list of them, would be about.
ABOUT = {
    "parent": "cpo", "station": "chargestation", "owner_cpo": "cpo", "owner_emsp": "emsp", "cpo_groups": "places",
    "emsp_groups": "cards", "cpo_group": "places", "emsp_group": "cards", "rule": "of_cpo", "api_key": "apikey",
    "role": "group", "roles": "group", "cpos": "cpo", "emsps": "emsp",
}  # fmt: skip


def test_every_resource_has_a_body() -> None:
    assert {kind for kind, _ in urls.api_lists()} == set(BODIES)


def test_filters_and_searches_find_foreign_values_as_little_as_unknown_ones(asker: Asker, world: World) -> None:
    for prefix, viewset, kind in REGISTRY:
        address = f"/api/v1/{prefix}/"
        filters = {} if not getattr(viewset, "filterset_class", None) else viewset.filterset_class.base_filters
        for name, filter_ in filters.items():
            foreign, unknown = _values(name, filter_, world.foreign)
            if (kind in BY_NAME and asker.sees_names) and name in viewset.names:
                continue
            for value, other in zip(foreign, unknown, strict=True):
                answers = [asker.ask("get", address, {name: v}) for v in (value, other)]
                assert answers[0].status_code == answers[1].status_code, (address, name)
                if answers[0].status_code == 200:
                    assert answers[0].json() == answers[1].json(), (address, name, value)
        nothing = asker.ask("get", address, {"search": "no such thing"}).content
        for term in (f"{SECRET} city", f"{SECRET}-uid", f"{SECRET}-r", f"{SECRET} at", f"{SECRET} caller", SECRET):
            assert asker.ask("get", address, {"search": term}).content == nothing, (address, term)


def _values(name: str, filter_: Any, of: Side) -> tuple[list[Any], list[Any]]:
    """Foreign values for a filter, and unknown ones of the same form."""
    if isinstance(filter_, IdFilter):
        about = ABOUT.get(name, name)
        return ([of.pk(about)], [MISSING]) if about in of.objects else ([], [])
    texts = {
        "country_code": ("QZ", "QY"), "party_id": ("QQX", "QQY"), "location_id": (f"{NAME}-loc", "none"),
        "evse_id": (of["evse"].evse_id, "XX*XXX*E1"), "uid": (f"{SECRET}-uid", "none"),
        "auth_id": (f"{SECRET}-auth", "none"), "city": (f"{SECRET} city", "none"),
        "external_id": (f"{SECRET}-c", "none"), "identity": (f"{SECRET}-station", "none"),
        "time_zone": ("Asia/Kathmandu", "Asia/Tokyo"), "prefix": (of["apikey"].prefix, "none"),
        "request_id": (f"{SECRET}-r", "none"), "visual_number": (f"{SECRET}-v", "none"), "issuer": (SECRET, "none"),
        "visible_to_token": (f"{SECRET}-auth", "none"), "username": (f"{SECRET}-user", "none"),
        "email": (f"{SECRET}@example.org", "none"),
    }  # fmt: skip
    if name == "time_zone":
        return [], []  # one's own place is in that zone as well
    return ([texts[name][0]], [texts[name][1]]) if name in texts else ([], [])


def test_foreign_keys_in_bodies_are_missing_ones(asker: Asker, world: World) -> None:
    for prefix, viewset, kind in REGISTRY:
        for name in _related(viewset.serializer_class()):
            about = ABOUT.get(name, name)
            if kind == "directorygrant" and name == "cpo" and asker.sees_names:
                continue  # whom to let search is picked from names
            for method, address in _writes(prefix, kind, world.own):
                answers = []
                for pk in (world.foreign.pk(about), MISSING):
                    value: Any = [pk] if name.endswith(("groups", "cpos", "emsps")) else pk
                    body = BODIES[kind](world.own) if method == "post" else {}
                    answer = asker.ask(method, address, json.dumps(body | {name: value}))
                    answers.append((answer.status_code, re.sub(rf"\b{pk}\b", "ID", answer.content.decode())))
                assert answers[0] == answers[1], (method, address, name)
                assert answers[0][0] >= 400, (method, address, name, answers[0])


def _related(serializer: Any) -> list[str]:
    """The fields of a body that name other objects."""
    return [
        name
        for name, field in serializer.fields.items()
        if isinstance(getattr(field, "child_relation", field), PkField)
    ]


def _writes(prefix: str, kind: str, of: Side) -> Iterator[tuple[str, str]]:
    yield "post", f"/api/v1/{prefix}/"
    for address in urls.objects(f"/api/v1/{prefix}/", of):
        if address.count("/") == 4:
            yield "patch", address


@pytest.mark.parametrize("field", ["add", "remove", "add_customers", "add_tokens", "remove_customers", "remove_tokens"])
def test_foreign_ids_in_lists_are_missing_ones(asker: Asker, world: World, field: str) -> None:
    own = world.own
    if field in ("add", "remove"):
        about = {"places": "location", "cards": "token"}
        targets = [(f"/api/v1/exception-groups/{own.pk(group)}/members/", kind) for group, kind in about.items()]
    else:
        kind = field.partition("_")[2].removesuffix("s")
        targets = [(f"/api/v1/locations/{own.pk('location')}/authorization-list/", kind)]
    for address, kind in targets:
        if kind in BY_NAME and asker.sees_names and field == "remove":
            continue  # a place that is known by name, and is no member
        answers = []
        for pk in (world.foreign.pk(kind), MISSING):
            answer = asker.ask("post", address, json.dumps({field: [pk]}))
            answers.append((answer.status_code, re.sub(rf"\b{pk}\b", "ID", answer.content.decode())))
        assert answers[0] == answers[1], address
        assert answers[0][0] >= 400, (address, answers[0])
