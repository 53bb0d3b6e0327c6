"""Tokens into an eMSP: what a row means, and what is wrong with it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from authorization.models import GroupMember
from tests import factories
from tests.imports.conftest import Desk, counts, problems
from tokens.models import Token

pytestmark = pytest.mark.django_db
CARD, OTHER = "04A2B3C4D5E680", "04A2B3C4D5E681"


def test_new_tokens_come_with_all_that_a_row_says(desk: Desk, emsp: Any) -> None:
    driver = factories.driver(factories.customer(emsp, external_id="C1"), external_id="D1")
    content = (
        "uid,auth_id,type,visual_number,issuer,customer_external_id,driver_external_id,valid,whitelist,expires_at,language\n"
        f"04:A2:B3:C4:D5:E6:80,NL-TNM-C00122045-K,rfid,001,Us,C1,D1,no,never,2027-12-31T12:00:00+01:00,NL\n{OTHER},,,,,,,,,,\n"
    )
    body = desk.upload(content, emsp=emsp)
    assert body["status"] == "preview", body
    assert counts(body) == {"new": 2}
    assert not Token.objects.exists()
    assert desk.finalise(body)["status"] == "finalised"
    card, plain = Token.objects.order_by("pk")
    assert (card.uid, card.uid_normal, card.auth_id_normal) == ("04:A2:B3:C4:D5:E6:80", CARD, "NLTNMC00122045")
    assert (card.driver, card.customer, card.emsp) == (driver, driver.customer, emsp)
    assert (card.visual_number, card.issuer, card.valid, card.whitelist, card.language) == (
        "001",
        "Us",
        False,
        "NEVER",
        "nl",
    )
    assert card.expires_at == datetime(2027, 12, 31, 11, tzinfo=UTC)
    assert (plain.type, plain.valid, plain.whitelist, plain.auth_id) == ("RFID", True, "ALLOWED", None)


def test_an_absent_column_and_an_empty_cell_change_nothing(desk: Desk, emsp: Any) -> None:
    card = factories.token(emsp, uid=CARD, auth_id="A1", visual_number="7", issuer="Us", valid=False, whitelist="NEVER")
    body = desk.upload(f"uid,auth_id,visual_number,issuer,valid\n{CARD.lower()},,8,,\n", emsp=emsp)
    assert counts(body) == {"changed": 1}
    assert body["first_rows"][0]["before"]["visual_number"] == "7"
    assert body["first_rows"][0]["after"]["visual_number"] == "8"
    desk.finalise(body)
    card.refresh_from_db()
    assert (card.auth_id, card.visual_number, card.issuer, card.valid, card.whitelist) == (
        "A1",
        "8",
        "Us",
        False,
        "NEVER",
    )


def test_a_row_without_a_uid_is_the_only_token_of_its_auth_id(desk: Desk, emsp: Any) -> None:
    one = factories.token(emsp, uid=CARD, auth_id="NL-TNM-1")
    factories.token(emsp, uid="0401", auth_id="NL-TNM-2")
    factories.token(emsp, uid="0402", auth_id="nltnm2")
    factories.token(uid="0403", auth_id="NL-TNM-3")
    body = desk.upload("auth_id,issuer\nnltnm1,x\nNL-TNM-2,x\nNL-TNM-3,x\n", emsp=emsp)
    assert counts(body) == {"changed": 1, "new": 1, "errors": 1}
    assert problems(body) == [(3, "auth_id", "Several tokens carry this Auth")]
    desk.finalise(body, expect=409)
    desk.finalise(body, skip_errors=True)
    one.refresh_from_db()
    assert (one.issuer, one.auth_id) == ("x", "NL-TNM-1")
    assert Token.objects.filter(emsp=emsp, auth_id_normal="NLTNM3", uid=None).count() == 1


def test_2999_means_never(desk: Desk, emsp: Any) -> None:
    card = factories.token(emsp, uid=CARD, expires_at=datetime(2027, 1, 1, tzinfo=UTC))
    desk.bring(f"uid;expires_at\n{CARD};2999-01-01\n", emsp=emsp)
    card.refresh_from_db()
    assert card.expires_at is None


def test_duplicates_by_case_and_separator_are_errors(desk: Desk, emsp: Any) -> None:
    content = f"uid,auth_id\n{CARD},\n04-a2-b3-c4-d5-e6-80,\n,NL-TNM-C00122045-K\n,nltnmc00122045\n{OTHER},X\n,x\n"
    body = desk.upload(content, emsp=emsp)
    assert counts(body) == {"new": 3, "errors": 3}
    assert [(row, column) for row, column, _ in problems(body)] == [(3, "uid"), (5, "auth_id"), (7, "auth_id")]
    assert "row 2" in body["errors"][0]["message"]


def test_damage_by_a_spreadsheet_is_an_error(desk: Desk, emsp: Any) -> None:
    rows = ["4.0E+12,", '"4,0E+12",', "4123456789012,", "04E12345,", f"{CARD},8.9E+10"]
    body = desk.upload("uid,visual_number\n" + "\n".join(rows), emsp=emsp)
    assert [(row, column) for row, column, _ in problems(body)] == [
        (2, "uid"), (3, "uid"), (4, "uid"), (6, "visual_number"),
    ]  # fmt: skip
    assert counts(body) == {"new": 1, "errors": 4}


def test_another_partys_uid_is_taken_and_nothing_more_is_said(desk: Desk, emsp: Any) -> None:
    foreign = factories.token(uid=CARD, auth_id="F1")
    customer = factories.customer(external_id="C9")
    factories.driver(customer, external_id="D9")
    body = desk.upload(
        f"uid,customer_external_id,driver_external_id\n{CARD},,\n{OTHER},C9,\n0401,none,\n0402,,D9\n0403,,none",
        emsp=emsp,
    )
    messages = [(each["column"], each["message"]) for each in body["errors"]]
    assert messages == [
        ("uid", "This uid is taken."),
        ("customer_external_id", "There is no such customer."),
        ("customer_external_id", "There is no such customer."),
        ("driver_external_id", "There is no such driver."),
        ("driver_external_id", "There is no such driver."),
    ]
    desk.finalise(body, skip_errors=True)
    assert Token.objects.get() == foreign


def test_customers_and_drivers_belong_together(desk: Desk, emsp: Any) -> None:
    one, two = (factories.customer(emsp, external_id=name) for name in ("C1", "C2"))
    first, second = factories.driver(one, external_id="D"), factories.driver(two, external_id="D")
    held = factories.token(uid=CARD, driver=first)
    head = "uid,customer_external_id,driver_external_id\n"
    body = desk.upload(f"{head}{CARD},C2,\n{OTHER},,D\n0401,C2,D\n", emsp=emsp)
    assert problems(body) == [
        (2, "customer_external_id", "The driver of this token"),
        (3, "driver_external_id", "Several drivers have this external"),
    ]
    desk.finalise(body, skip_errors=True)
    assert Token.objects.get(uid="0401").driver == second
    desk.bring(f"{head}{CARD},C2,D\n", emsp=emsp)
    held.refresh_from_db()
    assert (held.driver, held.customer) == (second, two)
    desk.bring(f"driver,uid\nD,{CARD}\n", emsp=emsp)


def test_a_token_turns_the_external_one_of_its_auth_id(desk: Desk, emsp: Any) -> None:
    named = factories.external("NL-TNM-5")
    group = factories.group("token", named)
    body = desk.bring(f"uid,auth_id\n{CARD},nltnm5\n{OTHER},NL-TNM-6\n", emsp=emsp)
    assert counts(body) == {"new": 2}
    named.refresh_from_db()
    assert (named.external, named.emsp, named.uid) == (False, emsp, CARD)
    assert GroupMember.objects.get(group=group).token == named


def test_an_auth_id_that_others_named_or_carry_is_taken(desk: Desk, desk_of: Callable[..., Desk], emsp: Any) -> None:
    factories.external("FREE1")
    factories.token(auth_id="FREE2")
    factories.external("NL-TNM-OWN")
    content = "uid,auth_id\n0401,FREE1\n0402,free2\n0403,NL-TNM-OWN\n0404,FREE3\n"
    body = desk.upload(content, emsp=emsp)
    assert [(each["row"], each["message"]) for each in body["errors"]] == [
        (2, "This Auth ID is taken."), (3, "This Auth ID is taken."),
    ]  # fmt: skip
    assert desk_of().upload(content, emsp=emsp)["errors"] == []


def test_an_emaid_is_its_own_uid(desk: Desk, emsp: Any) -> None:
    body = desk.upload("type,auth_id,uid\nEMAID,NL-TNM-C00122045-K,\neMAID,A,B\n", emsp=emsp)
    assert problems(body) == [(3, "uid", "The uid of an EMAID")]
    desk.finalise(body, skip_errors=True)
    token = Token.objects.get()
    assert (token.uid, token.auth_id) == ("NL-TNM-C00122045-K", "NL-TNM-C00122045-K")


def test_bad_values_are_said_by_row_and_column(desk: Desk, emsp: Any) -> None:
    content = (
        "uid,type,valid,whitelist,expires_at,language\n"
        "XYZ,,,,,\n0401,card,,,,\n0402,,perhaps,,,\n0403,,,sometimes,,\n0404,,,,2027-02-30,\n0405,,,,soon,\n0406,,,,,dutch\n"
        "04\u0410B,,,,,\n,RFID,,,,\n0\x000,,,,,\n" + "A" * 256 + ",,,,,\n"
    )
    body = desk.upload(content, emsp=emsp)
    assert [(row, column) for row, column, _ in problems(body)] == [
        (2, "uid"), (3, "type"), (4, "valid"), (5, "whitelist"), (6, "expires_at"), (7, "expires_at"), (8, "language"),
        (9, "uid"), (10, "uid"), (11, "uid"), (12, "uid"),
    ]  # fmt: skip
    assert counts(body) == {"errors": 11}


def test_a_preview_that_is_stale_is_looked_at_again(desk: Desk, emsp: Any) -> None:
    body = desk.upload(f"uid\n{CARD}\n{OTHER}\n", emsp=emsp)
    factories.token(uid=CARD)
    assert desk.finalise(body, expect=409)["code"] == "wrong_status"
    again = desk.get(body)
    assert again["status"] == "preview"
    assert counts(again) == {"new": 1, "errors": 1}
    desk.finalise(again, skip_errors=True)
    assert Token.objects.filter(emsp=emsp).count() == 1


def test_signs_that_mean_something_on_the_way_into_the_database(desk: Desk, emsp: Any) -> None:
    numbers = ['a\\.\n\\.\nb\t\\N\r"x', "\\N", "\\.", "back\\slash", "tab\there", "\\t"]
    lines = [f'04A2B3C{n},"{number.replace(chr(34), chr(34) * 2)}"' for n, number in enumerate(numbers)]
    body = desk.bring("\n".join(["uid,visual_number", *lines]), emsp=emsp)
    assert body["status"] == "finalised", body
    assert list(Token.objects.order_by("uid").values_list("visual_number", flat=True)) == numbers
