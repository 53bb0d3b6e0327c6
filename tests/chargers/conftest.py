"""A station with an EVSE, a card that may charge there, and what asks in its name."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from locations.models import EVSE, ChargeStation, Location
from tests import factories
from tests.conftest import ApiClient
from tokens.models import Token


@dataclass
class Site:
    location: Location
    station: ChargeStation
    evse: EVSE
    token: Token
    api: ApiClient

    def josev(self, expect: int = 200, /, **message: Any) -> Any:
        """POSTs a message; what is not given is as in a plain request for the card at the EVSE."""
        answer = self.api.post("/api/v1/josev", josev_message(self, **message))
        assert answer.status_code == expect, answer.content
        return answer.json() if answer.content else None

    def ask(self, **message: Any) -> str:
        """The status of an answer."""
        return str(self.josev(**message)["data"]["status"])


def josev_message(site: Site, **given: Any) -> dict[str, Any]:
    """What is given goes where it belongs; None leaves it out."""
    message = {"id": str(uuid.uuid4()), "name": "authorization", "type": "request"}
    data = {"evse_id": site.evse.evse_id, "id_token": site.token.uid, "token_type": "ISO14443"}
    for name, value in given.items():
        (message if name in message or name == "data" else data)[name] = value
    message.setdefault("data", {key: value for key, value in data.items() if value is not None})  # type: ignore[arg-type]
    return {key: value for key, value in message.items() if value is not None}


@pytest.fixture
def site(client_of: Callable[..., ApiClient]) -> Site:
    return make_site(client_of)


def make_site(client_of: Callable[..., ApiClient]) -> Site:
    location = factories.location()
    station = factories.station(location)
    evse = factories.evse(location, station=station)
    return Site(location, station, evse, factories.token(), client_of(station=station))
