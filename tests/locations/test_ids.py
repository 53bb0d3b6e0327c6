"""EVSE ids, station identities and parties: the published vectors, and the contract's sentences about them."""

import json
from pathlib import Path
from typing import Any

import pytest

from locations import ids
from locations.ids import BadId

_FILE = Path(__file__).parents[3] / "shared/data/ids-vectors/vectors.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
published = pytest.mark.skipif(not VECTORS, reason="the published vectors are not on this machine")


@pytest.mark.parametrize("value", ["NL*GFX*E123*1", "nl*gfx*e1231", "NLGFXE1231", " NLGFX*E123*1 ", "NL*GFXE1*2*3*1"])
def test_separators_and_case_are_optional_in_the_iso_form(value: str) -> None:
    assert ids.evse_id(value) == "NLGFXE1231"


@pytest.mark.parametrize("value", ["+49*810*000*438", "49*810*000*438", " +49*810*000*438"])
def test_the_plus_is_optional_in_the_din_form(value: str) -> None:
    assert ids.evse_id(value) == "49*810*000*438"


@pytest.mark.parametrize("other", ["+49810000438", "+49*810*000438", "+49*81*0000*438", "+49*810*000**438"])
def test_separators_count_in_the_din_form(other: str) -> None:
    assert ids.evse_id(other) != ids.evse_id("+49*810*000*438")


def test_an_evse_id_of_neither_form_equals_itself_in_any_case_alone() -> None:
    assert ids.evse_id("my*charger*1") == ids.evse_id("MY*CHARGER*1") != ids.evse_id("MYCHARGER1")


BAD = ["", "  ", "NL*GFX*Е1", "NL＊GFX*E1", "NL*GFX*E1\n", "NL*GFX\t*E1", "NL*GFX*E1\x00", "ΝL*GFX*E1", "\u2066NL*E1"]


@pytest.mark.parametrize("value", BAD)
def test_a_look_alike_is_an_error(value: str) -> None:
    with pytest.raises(BadId):
        ids.evse_id(value)
    with pytest.raises(BadId):
        ids.identity(value)


def test_an_identity_is_trimmed_and_in_capitals_and_keeps_the_rest() -> None:
    assert ids.identity(" cs-nl 01:a ") == "CS-NL 01:A"


@pytest.mark.parametrize("value", ["NL-GFX", "nl*gfx", "NLGFX", " nl-Gfx "])
def test_party(value: str) -> None:
    assert ids.party(value) == ("NL", "GFX")


@pytest.mark.parametrize("value", ["", "N", "NLGF", "NLGFXX", "NL--GFX", "N1-GFX", "NL GFX", "NL-GFÜ", "NL-GFX\n"])
def test_no_party(value: str) -> None:
    with pytest.raises(BadId):
        ids.party(value)


@published
def test_published_evse_ids() -> None:
    for value in VECTORS["evse_valid_iso"]:
        bare = value.replace("*", "")
        assert ids.evse_id(value) == ids.evse_id(value.lower()) == ids.evse_id(bare) == bare
    for value in VECTORS["evse_valid_din"]:
        assert ids.evse_id(value) == value.lstrip("+")


@published
def test_published_invalid_evse_ids_keep_their_separators() -> None:
    # ZZ is no country; the portal does not ask.
    for value in VECTORS["evse_invalid"]:
        assert ids.evse_id(value) == value


@published
def test_published_parties() -> None:
    for value in VECTORS["party_valid"]:
        assert ids.party(value) == ("NL", "TNM")
    # Of the invalid ones, these differ only in that XY is no country or that a space stands before it.
    taken_all_the_same = {"XYTNM", " NLTNM"}
    for value in set(VECTORS["party_invalid"]) - taken_all_the_same:
        with pytest.raises(BadId):
            ids.party(value)
