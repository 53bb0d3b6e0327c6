"""What a file may look like: the format's corners, eleven other systems, and what is no list at all."""

import codecs
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext

from imports import work
from imports.dates import BadDate, parse
from imports.models import Import
from imports.reading import rows
from imports.recognise import Dialect
from imports.texts import SENTENCES, in_the_readers_words
from tests import factories
from tests.imports.conftest import Desk, counts
from tokens.models import Token

DATA = Path("/work/shared/data")
CARD = "04A2B3C4D5E680"


def _spectrum() -> list[Path]:
    # The JSON of one of them is about other coordinates than its CSV.
    return [p for p in sorted((DATA / "csv-spectrum" / "csvs").glob("*.csv")) if p.stem != "location_coordinates"]


@pytest.mark.skipif(not _spectrum(), reason="csv-spectrum is not here")
def test_the_corners_of_the_format() -> None:
    for path in _spectrum():
        dialect = Dialect("utf-8", ",", True, [], [])
        header, *found = [row.cells for row in rows(io.BufferedReader(io.BytesIO(path.read_bytes())), dialect)]
        expected = json.loads((DATA / "csv-spectrum" / "json" / f"{path.stem}.json").read_text())
        assert [dict(zip(header, cells, strict=True)) for cells in found] == expected, path.name


# Header rows of vendor-formats.tsv, each with a row: what is read as what.
VENDORS = {
    "Everon": (";", ["RFID", "Contract ID"], [CARD, "NL-TNM-1"], {"uid": CARD, "auth_id": "NL-TNM-1"}),
    "be.ENERGISED": (
        ";",
        ["Tag ID", "Card number", "Card label", "Comment", "Expires at", "Active?"],
        [CARD, "77", "Bakery", "x", "31.12.2027", "Yes"],
        {"uid": CARD, "visual_number": "77", "valid": True},
    ),
    "Spirii": (",", ["uid", "label"], [CARD, "Van 3"], {"uid": CARD, "visual_number": "Van 3"}),
    "SAP": (",", ["auth_id", "visual_number", "companyID"], ["NL-TNM-1", "77", "9"], {"auth_id": "NL-TNM-1"}),
    "ev-server": (
        ",",
        ["id", "visualID", "description", "name", "firstName", "email", "siteIDs"],
        [CARD, "77", "", "Doe", "Jo", "jo@example.org", ""],
        {"uid": CARD, "visual_number": "77"},
    ),
    "Lite-On": (
        ",",
        ["CARD_IDTAG", "EXPIRY_DATE", "PARENT_CARD_IDTAG", "CARD_STATUS"],
        ["0123456789ABCD", "2027-12-31T16:00:00.000", "PARENTID", "Blocked"],
        {"uid": "0123456789ABCD", "valid": False},
    ),
    "Monta": (",", ["Charge key identifier"], [CARD], {"uid": CARD}),
    "ChargePilot": (",", ["IDs", "Name"], [CARD, "x"], {"uid": CARD}),
    "VEV-IQ": (",", ["RFID", "description", "email", "firstName", "name"], [CARD, "", "", "", ""], {"uid": CARD}),
    "Longship": (",", ["UID"], [CARD], {"uid": CARD}),
    "GreenFlux": (
        ";",
        ["Driver", "Token Type", "Auth ID", "Visual ID", "Chip ID"],
        ["", "Other", "NL-GFX-C0B34A240-H", "77", CARD],
        {"type": "OTHER", "auth_id": "NL-GFX-C0B34A240-H", "visual_number": "77", "uid": CARD},
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", [str, str.upper, str.lower])
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendors_headers_are_known(desk_of: Callable[..., Desk], vendor: str, change: Any) -> None:
    separator, header, cells, expected = VENDORS[vendor]
    emsp = factories.emsp(country_code="NL", party_id="TNM")
    content = f"{separator.join(change(name) for name in header)}\r\n{separator.join(cells)}\r\n"
    body = desk_of().bring(content, emsp=emsp)
    assert counts(body) == {"new": 1}
    token = Token.objects.get()
    assert {name: getattr(token, name) for name in expected} == expected
    if vendor in ("be.ENERGISED", "Lite-On"):
        assert str(token.expires_at)[:10] == "2027-12-31"


LINES = 'Auth ID;Visual ID\r\nNL-TNM-1;Café\r\nNL-TNM-2;"a\r\nb"\r\n'


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (LINES.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + LINES.encode(), "UTF-8 with BOM"),
        (LINES.encode("utf-16"), "UTF-16"),
        (codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"), "UTF-16"),
        (LINES.encode("utf-16-le"), "UTF-16 LE"),
        (LINES.encode("cp1252"), "Windows-1252"),
        (b"sep=;\r\n" + LINES.encode(), "UTF-8"),
    ],
)
def test_encodings_are_recognised(desk: Desk, emsp: Any, encoded: bytes, name: str) -> None:
    body = desk.bring(encoded, emsp=emsp)
    assert body["recognised"]["encoding"] == name
    assert body["recognised"]["separator"] == "semicolon"
    assert [token.visual_number for token in Token.objects.order_by("auth_id")] == ["Café", "a\r\nb"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n  \n",
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        b"uid,auth_id\n",
        b"name,email\nA,b\n",
        b"uid,uid\n0401,0402\n",
        b"PK\x03\x04" + b"\0" * 100,
        b"\x1f\x8b\x08",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"%PDF-1.7",
        b"\0" * 5000,
        b"uid\n" + b"4" * 10_000_000 + b"\n",
        b'uid\n"' + b"4\n" * 5_000_000 + b'"\n',
        b'uid\n0401\n"0402\n0403\n',
        b"uid," * 2000 + b"\n",
        "uid\n0401\n".encode("utf-16")[:-1],
        b"uid\n\x81\x8d\n",
    ],
)
def test_what_is_no_list_is_refused_clearly(desk: Desk, emsp: Any, content: bytes) -> None:
    body = desk.upload(content, emsp=emsp)
    if body["status"] == "staging":
        work.work_on(body["id"])
        body = desk.get(body)
    assert body["status"] == "refused", body
    assert len(body["message"]) > 15
    desk.finalise(body, 409, skip_errors=True)
    assert not Token.objects.exists()


@pytest.mark.django_db
def test_ragged_rows_and_lone_quotes_are_errors_of_their_rows(desk: Desk, emsp: Any) -> None:
    body = desk.upload('uid,issuer\n0401\n0402,a,b\n0403,"a"b\n0404,,\n\n0405,x\n', emsp=emsp)
    assert [each["row"] for each in body["errors"]] == [3, 4]
    assert counts(body) == {"new": 3, "errors": 2}


@pytest.mark.django_db
def test_what_was_recognised_can_be_changed(desk: Desk, emsp: Any) -> None:
    body = desk.upload("Badge|No,Kind\n0401,x\n", emsp=emsp)
    assert body["status"] == "refused"
    body = desk.patch(body, columns={"badge no": "uid", "Kind": "issuer"})
    assert body["status"] == "preview", body
    assert body["recognised"]["columns"] == [
        {"name": "Badge|No", "read_as": "uid"},
        {"name": "Kind", "read_as": "issuer"},
    ]
    desk.patch(body, 400, columns={"Badge|No": "colour"})
    desk.patch(body, 400, columns={"Badge|No": "uid", "Kind": "uid"})
    body = desk.patch(body, columns={"column 1": "uid"}, header=False, separator="comma", encoding="Windows-1252")
    assert body["totals"]["rows"] == 2
    assert body["recognised"]["encoding"] == "Windows-1252"
    desk.finalise(body, skip_errors=True)
    assert Token.objects.get().uid == "0401"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("dates", "style", "wrong"),
    [
        (["01/02/2027", "13/02/2027"], "day_first", []),
        (["01/02/2027", "02/13/2027"], "month_first", []),
        (["01/02/2027", "03/03/2027"], "unknown", [2]),
        (["13/02/2027", "02/14/2027"], "day_first", [3]),
        (["01.02.2027", "2027-12-31"], "day_first", []),
    ],
)
def test_the_order_of_day_and_month_is_never_guessed(
    desk: Desk, emsp: Any, dates: list[str], style: str, wrong: list[int]
) -> None:
    lines = "".join(f"040{n},{date}\n" for n, date in enumerate(dates))
    body = desk.upload(f"uid,expires_at\n{lines}", emsp=emsp)
    assert body["recognised"]["date_style"] == style
    assert [each["row"] for each in body["errors"]] == wrong
    if style == "unknown":
        body = desk.patch(body, date_style="month_first")
        assert body["first_rows"][0]["after"]["expires_at"] == "2027-01-02T00:00:00Z"


def test_dates() -> None:
    assert str(parse("2027-12-31T23:59:59.5+02:00", "iso")) == "2027-12-31 23:59:59.500000+02:00"
    assert str(parse("31-12-2027 13:45", "day_first")) == "2027-12-31 13:45:00+00:00"
    assert str(parse("2027/1/2", "unknown")) == "2027-01-02 00:00:00+00:00"
    assert parse("9999-12-31", "iso") is None
    for text in ("", "tomorrow", "31-12-27", "2027-13-01", "30-02-2027", "1e5", "2027-12-31T25:00"):
        with pytest.raises(BadDate):
            parse(text, "day_first")


@pytest.mark.django_db(transaction=True)
def test_large_files_are_read_by_a_task(desk: Desk, emsp: Any) -> None:
    content = "uid,issuer\n" + "".join(f"04{n:012X},{'x' * 40}\n" for n in range(10_000))
    body = desk.upload(content, emsp=emsp)
    assert body["status"] == "staging"
    desk.finalise(body, 409)
    work.work_on(body["id"])
    body = desk.get(body)
    assert counts(body) == {"new": 10_000}
    assert desk.finalise(body)["status"] == "finalising"
    work.work_on(body["id"])
    assert desk.get(body)["status"] == "finalised"
    assert Token.objects.count() == 10_000
    assert Import.objects.get(pk=body["id"]).phase == "done"


def test_what_is_said_is_said_in_german_too() -> None:
    """Each sentence that stands anywhere in the code has its twin in `texts`, and a German one."""
    texts = [
        "A number of 12 digits is no RFID's uid: has a spreadsheet dropped its zeros?",
        "A quotation mark that opens in row 5 is never closed.",
        "This Auth ID stands twice in this file, first in row 17.",
        "There is no such customer.",
    ]
    with translation.override("de"):
        said = [in_the_readers_words(text) for text in texts]
        assert in_the_readers_words("of somebody else") == "of somebody else"
        wanting = [each for each in SENTENCES if each == gettext(each)]
    assert all(new != old for new, old in zip(said, texts, strict=True))
    assert "17" in said[2]  # what changes in a sentence stays
    assert wanting == []
    assert [in_the_readers_words(text) for text in texts] == texts
