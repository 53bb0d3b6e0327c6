"""Every address below /ocpi/ × every method: what is another party's is not there, in every answer."""

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from subscriptions import services
from subscriptions.models import Module, Relayed
from tests import factories
from tests.isolation.urls import OCPI, leaves
from tests.isolation.world import NAME, SECRET, Side, side
from tests.subscriptions.test_sessions import charge

pytestmark = pytest.mark.django_db
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")


@pytest.fixture
def foreign() -> Side:
    """A stranger's side, with a partner of the stranger's own and what that one sent."""
    foreign = side(SECRET, NAME, "QQX", "QZ")
    sender = factories.subscription(foreign["cpo"], role="CPO", country_code="QZ", party_id="QQX")
    for kind in ("sessions", "cdrs"):
        body = {"id": f"{SECRET}-{kind}", "auth_id": f"{SECRET}-auth"}
        Relayed.objects.create(
            kind=kind, subscription=sender, cpo=foreign["cpo"], country_code="QZ", party_id="QQX",
            object_id=f"{SECRET}-{kind}", auth_id=f"{SECRET.upper()}AUTH", body=body, updated_at=sender.created_at,
        )  # fmt: skip
    # And a session of the portal's own there, at the address that is asked for.
    charge(foreign["token"], foreign["cpo"])
    return foreign


def addresses(foreign: Side | None) -> list[str]:
    """Each address with what it names filled in: of the stranger's, or of nothing's."""
    evse, location, token = (foreign[k] for k in ("evse", "location", "token")) if foreign else (None, None, None)
    found = []
    for _, name, arguments in leaves(get_resolver().url_patterns):
        if not name.startswith(OCPI):
            continue
        values: dict[str, Any] = {
            "country": "QZ" if foreign else "ZZ", "party": "QQX" if foreign else "ZZZ",
            "location_id": location.location_id if location else "missing",
            "evse_uid": evse.uid if evse else "missing",
            "connector_id": "1",
            "uid": token.uid if token else "missing",
            "object_id": f"{SECRET}-{'cdrs' if 'cdr' in name else 'sessions'}" if foreign else "missing",
        }  # fmt: skip
        found.append(reverse(name, kwargs={argument: values[argument] for argument in arguments}))
    return found


@pytest.mark.parametrize("role", ["CPO", "EMSP"])
def test_a_partner_learns_nothing_of_others(foreign: Side, role: str) -> None:
    own = side("ours", "oursname", "OWN", "NL")
    subscription = factories.subscription(own["cpo"], own["emsp"], role=role, modules=list(Module))
    text = services.issue(subscription)
    plain = Client(HTTP_AUTHORIZATION=f"Token {text}")
    encoded = Client(HTTP_AUTHORIZATION=services.authorization(text, "2.2.1")["Authorization"])
    pairs = list(zip(addresses(foreign), addresses(None), strict=True))
    assert len(pairs) > 20
    for theirs, missing in pairs:
        client = encoded if theirs.startswith("/ocpi/2.2.1/") else plain
        for method in METHODS:
            bodies: list[Any] = (
                [None] if method in ("get", "head", "options") else [None, {"location_id": f"{NAME}-loc"}]
            )
            for body in bodies:
                extra: Any = {} if body is None else {"data": body, "content_type": "application/json"}
                answer, other = (getattr(client, method)(address, **extra) for address in (theirs, missing))
                assert answer.status_code < 500
                assert answer.status_code == other.status_code, (method, theirs)
                text = (answer.content.decode() + str(dict(answer.headers))).lower()
                assert SECRET not in text, (method, theirs)
                assert NAME not in text, (method, theirs)
                if method != "head":
                    said, elsewhere = answer.json(), other.json()
                    said.pop("timestamp"), elsewhere.pop("timestamp")
                    assert said == elsewhere, (method, theirs)
