"""Chip IDs and Auth IDs: the published vectors, and every sentence of the contract about their normal form."""

import json
from pathlib import Path
from typing import Any

import pytest

from locations.ids import BadId
from tokens import ids

_FILE = Path(__file__).parents[3] / "shared/data/ids-vectors/vectors.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
published = pytest.mark.skipif(not VECTORS, reason="the published vectors are not on this machine")


def test_a_card_is_hexadecimal_in_capitals_without_separators() -> None:
    for written in ("04a2b3c4d5e680", "04:A2:B3:C4:D5:E6:80", "04-a2-b3-c4-d5-e6-80", " 04 A2 B3 C4 D5 E6 80 "):
        assert ids.uid("RFID", written) == "04A2B3C4D5E680"
    assert ids.uid("MAC_ADDRESS", "00:1b:44:11:3a:b7") == "001B44113AB7"


def test_bytes_are_never_reversed() -> None:
    assert ids.uid("RFID", "80E6D5C4B3A204") != ids.uid("RFID", "04A2B3C4D5E680")


@pytest.mark.parametrize("token_type", ["KEY_CODE", "APP_USER", "AD_HOC_USER", "OTHER"])
def test_other_types_are_trimmed_and_in_capitals_and_keep_their_separators(token_type: str) -> None:
    assert ids.uid(token_type, "  ab-12:c d ") == "AB-12:C D"


def test_the_uid_of_a_contract_certificate_is_its_auth_id() -> None:
    assert ids.uid("EMAID", "nl-tnm-c00122045-k") == ids.auth_id("NLTNMC00122045") == "NLTNMC00122045"


@pytest.mark.parametrize("token_type", ["RFID", "EMAID", "MAC_ADDRESS", "APP_USER", "OTHER"])
@pytest.mark.parametrize(
    "value",
    ["", "   ", "04А2B3", "０4A2", "04\tA2", "04A2\n", "04A2\x00", "\u00a004A2", "04A2\u200b", "٠٤", "04é2", "\x7f"],
)
def test_only_printable_ascii(token_type: str, value: str) -> None:
    with pytest.raises(BadId):
        ids.uid(token_type, value)
    with pytest.raises(BadId):
        ids.auth_id(value)


@pytest.mark.parametrize("value", ["04G2", "0x04A2", "04.A2", "04_A2", ":", "- -", "4.0E+12"])
def test_a_card_that_is_not_hexadecimal_is_refused(value: str) -> None:
    with pytest.raises(BadId):
        ids.uid("RFID", value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NL-TNM-C00122045-K", "nltnmc00122045"),
        ("NL-TNM-C00122045-K", " nlTNM-C0-01-22045k "),
        ("NL-TNM-000122045", "NLTNM000122045U"),
        ("NL*TNM*122045*0", "NL-TNM-122045"),
        ("NL*TNM*122045", "NLTNM1220450"),
        ("NL*-TNM*122045", "NL*TNM*122045"),
        ("fa-543-20", "FA54320"),
        ("- FA54320 -", "FA54320"),
    ],
)
def test_equal_auth_ids(one: str, other: str) -> None:
    assert ids.auth_id(one) == ids.auth_id(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NL-TNM-C00122045-X", "NL-TNM-C00122045"),  # a wrong check digit
        ("NL-TNM-C00122045-X", "NL-TNM-C00122045-K"),
        ("NL-TNM-122045-1", "NL-TNM-122045"),
        ("NL-TNM-012204-5", "NL-TNM-C00122045-K"),  # DIN and ISO forms of one contract are two ids
        ("NL-TNM-000122045-U", "NL-TNM-C00122045-K"),
        ("NL*TNM*C00122045*K", "NL-TNM-C00122045-K"),  # `*` separates in the DIN form alone
        ("FA 54320", "FA54320"),
        ("FA54320", "FA54321"),
    ],
)
def test_different_auth_ids(one: str, other: str) -> None:
    assert ids.auth_id(one) != ids.auth_id(other)


def test_a_wrong_check_digit_is_a_warning_and_never_an_error() -> None:
    assert ids.auth_id("NL-GFX-C0B34A240-H") == "NLGFXC0B34A240H"
    warning = ids.auth_id_warning("NL-GFX-C0B34A240-H")
    assert warning is not None
    assert "is H, computed is 2" in warning
    for fine in ("NL-GFX-C0B34A240-2", "NL-GFX-C0B34A240", "FA54320", "NL*TNM*122045*0", "NL*TNM*122045*1"):
        assert ids.auth_id_warning(fine) is None


@pytest.mark.parametrize("value", ["-", " - - ", "--"])
def test_an_auth_id_of_separators_alone_is_empty(value: str) -> None:
    with pytest.raises(BadId):
        ids.auth_id(value)


@published
def test_published_check_digits() -> None:
    for contract, digit in VECTORS["check_digit_iso"].items():
        assert ids.iso_check_digit(contract) == ids.iso_check_digit(contract.lower()) == digit
        assert ids.auth_id(contract + digit) == contract
        wrong = "1" if digit != "1" else "2"
        assert ids.auth_id(contract + wrong) == contract + wrong
    for contract, digit in VECTORS["check_digit_din"].items():
        assert ids.din_check_digit(contract) == digit
        assert ids.auth_id(contract + digit) == contract


@published
def test_published_malformed_contracts_have_no_check_digit() -> None:
    for contract in VECTORS["check_digit_malformed"]:
        with pytest.raises(BadId):
            ids.iso_check_digit(contract)


@published
def test_published_equal_contracts() -> None:
    for same in [*VECTORS["contract_equal_iso"], *VECTORS["contract_equal_din"]]:
        assert len({ids.auth_id(value) for value in same}) == 1


@published
def test_published_values_that_are_no_emaid_keep_every_character() -> None:
    for value in VECTORS["auth_ids_in_ocpi_spec_not_emaid"]:
        assert ids.auth_id(value) == value
        assert ids.auth_id_warning(value) is None
    for value in VECTORS["published_examples_with_wrong_check_digit"]:
        assert ids.auth_id(value) == value.replace("-", "")
        assert ids.auth_id_warning(value)


@published
def test_published_forms_of_one_contract_are_never_guessed_to_be_one() -> None:
    for table in ("din_to_emi3", "din_to_iso_deprecated"):
        for din, iso in VECTORS[table].items():
            assert ids.auth_id(din) != ids.auth_id(iso)


@published
def test_published_invalid_contracts_are_kept_or_refused_and_equal_no_valid_one() -> None:
    valid = {ids.auth_id(value) for same in VECTORS["contract_equal_iso"] for value in same}
    for value in VECTORS["contract_invalid_iso"]:
        if value.isascii() and value.isprintable():
            assert ids.auth_id(value) not in valid
        else:
            with pytest.raises(BadId):
                ids.auth_id(value)


@published
def test_published_card_numbers() -> None:
    for value in VECTORS["real_rfid_uids_cc0"]:
        assert ids.uid("RFID", value) == ids.uid("RFID", value.lower()) == value
