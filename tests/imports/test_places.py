"""OCPI locations by upload."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from imports import work
from imports.models import Import
from locations.models import EVSE, Location
from tests import factories
from tests.imports.conftest import Desk, counts, revision

pytestmark = pytest.mark.django_db
ONE = {"id": "L1", "name": "One", "evses": [{"uid": "1", "evse_id": "NL*GFX*E1"}]}
TWO = {"id": "L2", "name": "Two", "coordinates": {"latitude": "952", "longitude": "4"}}


@pytest.fixture
def cpo(db: None) -> Any:
    return factories.cpo()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([ONE]),
        json.dumps({"data": [ONE], "status_code": 1000}),
        json.dumps(ONE),
        f"{json.dumps(ONE)}\n{json.dumps(ONE | {'id': 'L3', 'evses': []})}",
    ],
    ids=["list", "answer", "object", "lines"],
)
def test_locations_come_into_a_cpo(desk_of: Callable[..., Desk], cpo: Any, content: str) -> None:
    desk = desk_of(cpo)
    body = desk.upload(content, "locations", cpo=cpo)
    assert body["status"] == "preview", body
    assert body["totals"]["new"] == content.count('"id"')
    assert not Location.objects.exists()
    desk.finalise(body)
    assert Location.objects.get(location_id="L1").evses.count() == 1
    before = revision()
    again = desk.bring(content, "locations", cpo=cpo)
    assert counts(again) == {"unchanged": content.count('"id"')}
    assert revision() == before


def test_the_first_are_shown_as_they_were_and_will_be(desk_of: Callable[..., Desk], cpo: Any) -> None:
    desk = desk_of(cpo)
    desk.bring(json.dumps([ONE]), "locations", cpo=cpo)
    other = ONE | {"name": "Renamed", "coordinates": {"latitude": "52.1", "longitude": "100"}, "evses": [{"uid": "2"}]}
    new = {"id": "L4", "name": "Four"}
    body = desk.upload(json.dumps([other, new, TWO]), "locations", cpo=cpo)
    renamed, four = body["first_rows"]
    assert (renamed["row"], renamed["outcome"], four["row"], four["outcome"]) == (1, "changed", 2, "new")
    changed = {name: (old, renamed["after"][name]) for name, old in renamed["before"].items()}
    assert {name: both for name, both in changed.items() if both[0] != both[1]} == {
        "name": ("One", "Renamed"),
        "latitude": (None, "52.1"),
        "longitude": (None, "100"),
        "evses": ("NL*GFX*E1", "NL*GFX*E1, 2"),
    }
    assert four["before"] is None
    assert four["after"]["name"] == "Four"
    assert Location.objects.get().name == "One"
    again = desk.upload(json.dumps([ONE]), "locations", cpo=cpo)
    assert [row["outcome"] for row in again["first_rows"]] == ["unchanged"]


def test_what_is_wrong_is_said_by_object(desk_of: Callable[..., Desk], cpo: Any) -> None:
    desk = desk_of(cpo)
    body = desk.upload(json.dumps([ONE, TWO]), "locations", cpo=cpo)
    assert [(each["row"], each["column"], each["value"]) for each in body["errors"]] == [(2, "coordinates", "L2")]
    desk.finalise(body, 409)
    desk.finalise(body, skip_errors=True)
    assert Location.objects.get().location_id == "L1"


PLUG = {"id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "voltage": 400, "amperage": 125}


def plugged(*connectors: Any) -> str:
    return json.dumps([ONE | {"evses": [{"uid": "1", "evse_id": "NL*GFX*E1", "connectors": connectors}]}])


def test_connectors_come_along_and_decide_nothing(desk_of: Callable[..., Desk], cpo: Any) -> None:
    desk = desk_of(cpo)
    desk.bring(plugged(PLUG), "locations", cpo=cpo)
    before = revision()
    body = desk.upload(plugged(PLUG | {"amperage": 200}), "locations", cpo=cpo)
    (row,) = body["first_rows"]
    assert (row["outcome"], row["before"]["connectors"], row["after"]["connectors"]) == (
        "changed",
        "NL*GFX*E1: 1 CHADEMO CABLE DC 400 V 125 A",
        "NL*GFX*E1: 1 CHADEMO CABLE DC 400 V 200 A",
    )
    done = desk.finalise(body)
    assert done["totals"]["evses_changed"] == 1
    assert EVSE.objects.get().connectors[0]["max_amperage"] == 200
    assert revision() == before


def test_a_connector_that_is_left_out_is_said_and_stops_nothing(desk_of: Callable[..., Desk], cpo: Any) -> None:
    desk = desk_of(cpo)
    body = desk.upload(plugged(PLUG, {"id": "2"}), "locations", cpo=cpo)
    assert (body["totals"]["errors"], body["totals"]["connectors_left_out"]) == (0, 1)
    (error,) = body["errors"]
    assert (error["row"], error["column"], error["value"]) == (1, "evses[0].connectors[1].standard", "L1")
    assert error["message"].endswith("is missing: left out")
    desk.finalise(body)
    assert [each["id"] for each in EVSE.objects.get().connectors] == ["1"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "content",
    [b"", b"no json", gzip.compress(b"{}", mtime=0), b"PK\x03\x04", b'{"status_code": 2000}', b"[" + b" " * 40_000_000],
)
def test_what_is_no_list_of_locations_is_refused(desk_of: Callable[..., Desk], cpo: Any, content: bytes) -> None:
    body = desk_of(cpo).upload(content, "locations", cpo=cpo)
    if body["status"] == "staging":
        work.work_on(body["id"])
    assert Import.objects.get(pk=body["id"]).status == "refused"
    assert Import.objects.get(pk=body["id"]).message
