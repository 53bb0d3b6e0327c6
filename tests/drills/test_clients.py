"""Clients that others wrote, over loopback against a running node and its worker.

Each has a Python of its own, for it needs other versions of what the portal needs; where pip cannot make it, its test
says so and is skipped.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portal.stack import ports
from tests.drills.conftest import LONG
from tests.drills.world import HOST, World
from tests.stack.driver import wait_for
from tests.subscriptions.partner_server import partner_server
from tests.subscriptions.test_credentials import theirs

pytestmark = pytest.mark.skipif(not LONG, reason="installs clients of others: make drills")
CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def python_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    def make(*packages: str) -> str:
        folder = tmp_path_factory.mktemp("client")
        python = str(folder / "bin/python")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        done = subprocess.run([python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"pip does not find {packages[0]}: {done.stderr.strip()[-200:]}")
        return python

    return make


class Portal:
    """The management API of a node, as an Admin."""

    def __init__(self, world: World) -> None:
        self.base = f"http://{HOST}:{world.nodes[0].port}"
        self.key = world.cast["admin"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return ask(method, f"{self.base}/api/v1/{path}", f"Token {self.key}", body)

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, body)


def ask(method: str, url: str, authorization: str, body: Any = None) -> Any:
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(
        url, json.dumps(body).encode() if body is not None else None, headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.code} {error.read()[:500]!r}") from error


def plug(*tariffs: str) -> dict[str, Any]:
    return {
        "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "max_voltage": 230,
        "max_amperage": 32, "tariff_ids": tariffs,
    }  # fmt: skip


@pytest.fixture(scope="module")
def cast(world: World) -> dict[str, Any]:
    """A CPO with three places, the first with a connector, and an eMSP."""
    portal = Portal(world)
    cpo = portal.post("cpos/", country_code="NL", party_id="OPR", name="Operator", time_zone="Europe/Amsterdam")
    emsp = portal.post("emsps/", country_code="NL", party_id="TST", name="Tester")
    places = [
        portal.post(
            "locations/", cpo=cpo["id"], location_id=f"P{n}", name=f"Place {n}",
            evses=[{"uid": f"P{n}-1", "evse_id": f"NL*OPR*E{n}", "connectors": [] if n else [plug("T1")]}],
        )
        for n in range(3)
    ]  # fmt: skip
    return {"portal": portal, "cpo": cpo, "emsp": emsp, "places": places}


def test_a_typed_client(cast: dict[str, Any], python_with: Callable[..., str]) -> None:
    """ocpplab-ocpi-211-sdk does versions, credentials, pull, PUT, PATCH and authorize."""
    python = python_with("ocpplab-ocpi-211-sdk")
    portal: Portal = cast["portal"]
    modules = ["locations", "tokens", "sessions", "cdrs"]
    scope = {"cpos": [cast["cpo"]["id"]], "emsps": [cast["emsp"]["id"]], "modules": modules}
    partners = [
        portal.post("subscriptions/", name="Typed", country_code="NL", party_id=party, role=role, **scope)
        for party, role in (("TST", "EMSP"), ("OPR", "CPO"))
    ]
    with partner_server() as server:
        theirs(server)
        given = {
            "base": f"{portal.base}/ocpi", "own": f"{server.url}/versions", "emsp": partners[0]["token"],
            "cpo": partners[1]["token"], "country": "NL", "party": "TST", "operator": "OPR", "place": "P0",
            "evse": "P0-1",
        }  # fmt: skip
        done = subprocess.run(
            [python, CLIENTS / "typed.py", json.dumps(given)], capture_output=True, text=True, timeout=120
        )
    for partner in partners:
        portal.ask("PATCH", f"subscriptions/{partner['id']}/", {"enabled": False})
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found == {
        "versions": ["2.1.1", "2.2.1"], "modules": ["credentials", *modules], "registered as": ["NL", "OPR"],
        "locations": ["P0", "P1", "P2"], "evses": ["P0-1"], "connector": ["1", 230, "T1"], "token": "7",
        "pulled": ["04C11E"],
        "authorize": "ALLOWED", "unknown": "NotFoundError", "session": [["S1", 2.5]], "after": "UnauthorizedError",
    }  # fmt: skip


@contextmanager
def extrawest(python: str, token: str) -> Iterator[str]:
    port = ports.free()
    child = subprocess.Popen([python, CLIENTS / "partner.py", str(port), token])
    url = f"http://{HOST}:{port}"
    try:
        wait_for(lambda: _answers(f"{url}/seen"), 30)
        yield url
    finally:
        child.terminate()
        child.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def test_a_partners_server(cast: dict[str, Any], python_with: Callable[..., str], world: World) -> None:
    """extrawest-ocpi is registered with, pushed to by PUT and PATCH, and pushes its tokens to us."""
    python = python_with("extrawest-ocpi", "uvicorn")
    portal: Portal = cast["portal"]
    made = portal.post(
        "subscriptions/", name="Extrawest", country_code="NL", party_id="EXW", role="EMSP", cpos=[cast["cpo"]["id"]],
        emsps=[cast["emsp"]["id"]], modules=["locations", "tokens", "sessions", "cdrs"],
    )  # fmt: skip
    with extrawest(python, "token-a") as url:
        versions = f"{url}/ocpi/versions"
        registered = portal.post(f"subscriptions/{made['id']}/register/", url=versions, token="token-a")
        assert registered["registered_at"]
        seen = ask("GET", f"{url}/seen", "")
        ours = seen[0]["data"]["credentials"]["token"]
        place = portal.post("locations/", cpo=cast["cpo"]["id"], location_id="P9", name="Bare")["id"]
        portal.ask("PATCH", f"locations/{place}/", {"name": "Renamed"})
        wait_for(lambda: "Renamed" in json.dumps(ask("GET", f"{url}/seen", "")), 30)
        portal.ask("PATCH", f"locations/{place}/", {"city": "Gent"})
        wait_for(lambda: "Gent" in json.dumps(ask("GET", f"{url}/seen", "")), 30)
        # It wants every connector's tariff. Where the connectors were given with one, it takes the place.
        evse = {"uid": "P8-1", "evse_id": "NL*OPR*E8", "connectors": [plug("TARIFF-1")]}
        priced = portal.post("locations/", cpo=cast["cpo"]["id"], location_id="P8", name="Priced", evses=[evse])
        wait_for(lambda: "TARIFF-1" in json.dumps(ask("GET", f"{url}/seen", "")), 30)
        portal.ask("PATCH", f"evses/{priced['evses'][0]['id']}/", {"connectors": [plug("TARIFF-2")]})
        wait_for(lambda: "TARIFF-2" in json.dumps(ask("GET", f"{url}/seen", "")), 30)
        # OCPI leaves the tariff open, and the portal knows of none at another place: that refusal is shown.
        portal.ask("PATCH", f"locations/{cast['places'][1]['id']}/", {"name": "With an EVSE"})
        log = f"subscriptions/{made['id']}/deliveries/?module=locations&state=waiting"
        wait_for(lambda: any("HTTP 422" in row["answer"] for row in portal.ask("GET", log)["results"]), 30)
        assert [row["object"][-3:] for row in portal.ask("GET", log)["results"]] == ["/P1"]
        token = {
            "uid": "04E1E2", "type": "RFID", "auth_id": "NL-TST-C00122046", "issuer": "Extrawest", "valid": True,
            "whitelist": "ALLOWED", "last_updated": "2026-01-01T10:00:00Z",
        }  # fmt: skip
        ask("PUT", f"{url}/keep/tokens/04E1E2", "", token)
        receiver = {"endpoints_url": f"{portal.base}/ocpi/2.1.1/", "auth_token": ours}
        push = {"module_id": "tokens", "object_id": "04E1E2", "receivers": [receiver]}
        told = ask("POST", f"{url}/push/2.1.1", "Token token-c-of-extrawest", push)
        assert [each["status_code"] for each in told["receiver_responses"]] == [201], told
        assert told["receiver_responses"][0]["response"]["status_code"] == 1000
        state = portal.ask("GET", f"subscriptions/{made['id']}/")["push"]
    portal.ask("PATCH", f"subscriptions/{made['id']}/", {"enabled": False})
    assert {each["module"]: each["state"] for each in state}["locations"] == "on", state
