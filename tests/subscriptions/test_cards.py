"""Charge tokens: what a CPO's platform pulls, and what an eMSP's sends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from subscriptions.models import HolderStamp, TokenStamp
from tests import factories
from tests.subscriptions.conftest import Make
from tests.subscriptions.shapes import block, needs_ocpi, valid
from tokens.models import Customer, Token

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def card(uid: str = "012345678A", **fields: Any) -> dict[str, Any]:
    return {
        "uid": uid, "type": "RFID", "auth_id": "DE8ACC12E46L89", "visual_number": "DF000-2001-8999",
        "issuer": "TheNewMotion", "valid": True, "whitelist": "ALLOWED", "last_updated": "2015-06-29T22:39:09Z",
    } | fields  # fmt: skip


def test_the_list_is_of_the_emsps_in_scope(partner: Make) -> None:
    emsp = factories.emsp(name="TNM")
    rows = [factories.token(emsp) for _ in range(3)]
    factories.token(emsp, uid="app:" + "x" * 40, type="APP_USER")
    factories.token(emsp, auth_id="NL-TNM-C00122045-K", uid=None)
    factories.token()
    platform = partner(emsp, role="CPO")
    answer = platform.get("tokens/", limit=2)
    assert answer.headers["X-Total-Count"] == "3"
    assert [row["uid"] for row in platform.walk("tokens/", limit=2)] == [row.uid for row in rows]
    assert platform.get("tokens/", offset=2).data[0]["issuer"] == "TNM"
    assert partner(role="CPO").walk("tokens/") == []


@needs_ocpi
def test_tokens_are_valid_ocpi(partner: Make) -> None:
    emsp = factories.emsp()
    factories.token(emsp)
    factories.token(emsp, type="MAC_ADDRESS", uid="aa:bb:cc:dd:ee:ff", language="nl", visual_number="1")
    factories.token(emsp, type="EMAID", auth_id="NL-TNM-C00122045-K", uid="NL-TNM-C00122045-K")
    shown = partner(emsp).walk("tokens/")
    assert [row["type"] for row in shown] == ["RFID", "OTHER", "OTHER"]
    for row in shown:
        valid(row, "tokens")


def test_a_refused_holder_is_a_change_of_the_token(partner: Make) -> None:
    customer = factories.customer()
    token = factories.token(customer=customer)
    platform = partner(customer.emsp)

    def changed() -> list[bool]:
        answer = platform.get("tokens/", date_from="2026-01-01T00:00:00Z")
        assert answer.headers["X-Total-Count"] == str(len(answer.data))
        return [row["valid"] for row in answer.data]

    TokenStamp.objects.update(at=LONG_AGO)
    assert changed() == []
    Customer.objects.filter(pk=customer.pk).update(blocked=True)
    assert changed() == [False]
    HolderStamp.objects.update(at=LONG_AGO)
    assert changed() == []
    Customer.objects.filter(pk=customer.pk).update(blocked=False)
    HolderStamp.objects.update(at=LONG_AGO)
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    TokenStamp.objects.update(at=LONG_AGO)
    assert changed() == [False]
    Token.objects.filter(pk=token.pk).update(expires_at=None)
    assert changed() == [True]
    token.delete()
    assert not TokenStamp.objects.exists()


def test_an_emsp_puts_and_patches_its_tokens(partner: Make) -> None:
    emsp = factories.emsp(country_code="NL", party_id="TNM")
    platform = partner(emsp)
    answer = platform.put("tokens/NL/TNM/012345678A", card())
    assert (answer.http, answer.code) == (201, 1000)
    assert platform.put("tokens/NL/TNM/012345678A", card(issuer="Other")).http == 200
    token = Token.objects.get()
    assert (token.emsp, token.type, token.issuer, token.visual_number) == (emsp, "RFID", "Other", "DF000-2001-8999")
    assert platform.patch("tokens/nl/tnm/012345678a", {"valid": False, "visual_number": None}).code == 1000
    shown = platform.get("tokens/NL/TNM/012345678A").data
    assert not shown["valid"]
    assert "visual_number" not in shown
    assert shown["auth_id"] == "DE8ACC12E46L89"
    # Echoed as it was given last, and still one token.
    assert platform.put("tokens/NL/TNM/01:23:45:67:8a", [card("01:23:45:67:8a")]).code == 1000
    assert platform.get("tokens/NL/TNM/012345678A").data["uid"] == "01:23:45:67:8a"
    assert Token.objects.count() == 1


@needs_ocpi
def test_the_texts_own_examples_are_accepted(partner: Make) -> None:
    platform = partner(factories.emsp(country_code="NL", party_id="TNM"))
    # The uid of both is nine hexadecimal digits.
    assert platform.put("tokens/NL/TNM/012345678", block("mod_tokens_L129")).http == 201
    assert platform.put("tokens/NL/TNM/012345678", block("mod_tokens_L361")).http == 200
    assert platform.patch("tokens/NL/TNM/012345678", block("mod_tokens_L169")).code == 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"uid": "FFFF"}, {"uid": None}, {"type": "CARD"}, {"valid": "yes"}, {"whitelist": "MAYBE"}, {"issuer": ""},
        {"auth_id": "x" * 37}, {"last_updated": "today"}, {"auth_id": 7}, {"auth_id": "А1"}, {"uid": "a\0b"},
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(partner: Make, wrong: dict[str, Any]) -> None:
    platform = partner(factories.emsp(country_code="NL", party_id="TNM"))
    answer = platform.put("tokens/NL/TNM/012345678A", card(**wrong))
    assert (answer.http, answer.code) == (200, 2001)
    assert not Token.objects.exists()


def test_bodies_that_are_no_json_are_said_so(partner: Make) -> None:
    platform = partner(factories.emsp(country_code="NL", party_id="TNM"))
    for body in (b"{", b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000):
        answer = platform.put("tokens/NL/TNM/012345678A", body)
        assert (answer.http, answer.code) == (400, 2001)
    assert platform.put("tokens/NL/TNM/012345678A", b" " * (2**20 + 1)).http == 413
    assert platform.put("tokens/NL/TNM/012345678A", b"[]").code == 2001


def test_a_partner_writes_nothing_of_others(partner: Make) -> None:
    emsp = factories.emsp(country_code="NL", party_id="TNM")
    reader = partner(emsp, role="CPO")
    assert reader.put("tokens/NL/TNM/012345678A", card()).http == 403
    stranger = partner(factories.emsp(country_code="NL", party_id="XYZ"))
    assert stranger.put("tokens/NL/TNM/012345678A", card()).http == 404
    factories.token(emsp, uid="012345678A")
    # A uid of another party's is taken, and it is not said whose.
    answer = stranger.put("tokens/NL/XYZ/012345678A", card())
    assert (answer.http, answer.code) == (200, 2001)
    assert "TNM" not in answer.text
    assert stranger.get("tokens/NL/XYZ/012345678A").http == 404
    # Nor is an Auth ID that somebody else has named, unless it begins with the eMSP's own party.
    factories.external("NL-ABC-C00122045-K")
    taken = stranger.put("tokens/NL/XYZ/AA", card("AA", auth_id="NL-ABC-C00122045-K"))
    assert taken.code == 2001
    assert Token.objects.count() == 2
    assert reader.patch("tokens/NL/TNM/AA", {"valid": False}).http == 403
    assert partner(emsp).patch("tokens/NL/TNM/AA", {"valid": False}).http == 404
