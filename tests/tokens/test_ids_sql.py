"""The database's normal forms are Python's, for any printable ASCII and for generated columns whoever writes them."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from locations import ids as place_ids
from locations.ids import BadId
from locations.models import EVSE, ChargeStation
from tests import factories
from tokens import ids
from tokens.models import Token, TokenType

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALNUM = _UPPER + "0123456789"
_SEPARATOR = st.sampled_from(["", "-", "*", "", "-", " ", "*-"])


def _text(alphabet: str, low: int, high: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=low, max_size=high)


@st.composite
def near_emaids(draw: st.DrawFn) -> str:
    """Contract ids of either form, with the right check digit, another one or none; as people type them."""
    length = draw(st.sampled_from([9, 9, 9, 6, 6, 8, 10]))
    parts = [draw(_text(_UPPER, 2, 2)), draw(_text(_ALNUM, 3, 3)), draw(_text(_ALNUM, length, length))]
    bare = "".join(parts)
    right = {14: ids.iso_check_digit, 11: ids.din_check_digit}.get(len(bare))
    digits = [st.just(""), _text(_ALNUM, 1, 1)] + ([st.just(right(bare))] * 2 if right else [])
    separators = draw(st.tuples(_SEPARATOR, _SEPARATOR, _SEPARATOR))
    joined = "".join(part + mark for part, mark in zip(parts, separators, strict=True)) + draw(st.one_of(digits))
    return _as_typed(draw, joined)


@st.composite
def near_evse_ids(draw: st.DrawFn) -> str:
    """EVSE ids of the ISO and DIN forms, and ids that miss one by a character or by their length."""
    star = st.sampled_from(["*", "*", "", "-"])
    if draw(st.booleans()):
        parts = [draw(_text(_UPPER, 2, 2)), draw(_text(_ALNUM, 3, 3)), "E" + draw(_text(_ALNUM + "*", 0, 33))]
    else:
        plus = draw(st.sampled_from(["+", "+", ""]))
        numbers = (_text("0123456789", 0, 4), _text("0123456789", 2, 7), _text("0123456789*", 0, 33))
        parts = list(draw(st.tuples(*numbers)))
        parts[0] = plus + parts[0]
    return _as_typed(draw, parts[0] + draw(star) + parts[1] + draw(star) + parts[2])


def _as_typed(draw: st.DrawFn, text: str) -> str:
    text = draw(st.sampled_from([text, text.lower(), text.title()]))
    pad = st.sampled_from(["", "", " ", "  ", "-"])
    return draw(pad) + text + draw(pad)


_PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
_CARDS = _text("0123456789abcdefABCDEF :-", 0, 24)
VALUES = st.lists(st.one_of(near_emaids(), near_evse_ids(), _PRINTABLE, _CARDS), min_size=20, max_size=60)


def _python(normal: Callable[[str], str], value: str) -> str | None:
    try:
        return normal(value)
    except BadId:
        return None


def _sql(function: str, values: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        call = f"SELECT {function} FROM unnest(%s::text[]) WITH ORDINALITY AS t(value, n) ORDER BY n"
        cursor.execute(call, [values])
        return [row[0] for row in cursor.fetchall()]


def _refused_by_a_check(token_type: str, normal: str) -> bool:
    """What `token_uid_is_hexadecimal` and `…_is_not_empty` and `…_is_printable` refuse of a printable value."""
    if token_type in ids.HEX_TYPES:
        return not normal or bool(set(normal) - set("0123456789ABCDEF"))
    return not normal


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(VALUES)
@example(["NL*-TNM*122045", "- FA54320", "N-L*TNM*122045*0", "DE8AA0012345670", "-", " ", "", "NL*GFX*E*"])
def test_sql_functions_equal_python_and_are_idempotent(values: list[str]) -> None:
    for token_type in TokenType.values:
        normals = _sql(f"chargeward_uid('{token_type}', value)", values)
        for value, normal in zip(values, normals, strict=True):
            python = _python(partial(ids.uid, token_type), value)
            assert _refused_by_a_check(token_type, normal) if python is None else normal == python, value
            assert python is None or ids.uid(token_type, python) == python, value
    for value, normal in zip(values, _sql("chargeward_auth_id(value)", values), strict=True):
        assert normal == (_python(ids.auth_id, value) or ""), value
    for value, normal in zip(values, _sql("chargeward_evse_id(value)", values), strict=True):
        python = _python(place_ids.evse_id, value)
        assert normal == (python or ""), value
        assert python is None or place_ids.evse_id(python) == python, value


@pytest.mark.django_db
def test_a_restore_without_a_search_path_computes_them() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = ''")
        cursor.execute(
            "SELECT public.chargeward_uid('EMAID', 'nl-tnm-c00122045-k'), public.chargeward_auth_id('nl*tnm*122045*0'),"
            " public.chargeward_evse_id('nl*gfx*e1')"
        )
        assert cursor.fetchone() == ("NLTNMC00122045", "NLTNM122045", "NLGFXE1")


@pytest.mark.django_db
def test_null_stays_null() -> None:
    assert _sql("chargeward_auth_id(NULL)", ["x"]) == _sql("chargeward_uid('RFID', NULL)", ["x"]) == [None]


@pytest.mark.django_db
def test_generated_columns_follow_create_update_and_bulk_create() -> None:
    emsp = factories.emsp()
    made = factories.token(emsp, type="RFID", uid="04:a2 b3-c4", auth_id="nl-tnm-c00122045-k")
    assert _normals(made) == ("04A2B3C4", "NLTNMC00122045")
    assert (made.uid, made.auth_id) == ("04:a2 b3-c4", "nl-tnm-c00122045-k")
    Token.objects.filter(pk=made.pk).update(uid="04-ff", auth_id="nl*tnm*122045*0")
    assert _normals(made) == ("04FF", "NLTNM122045")
    Token.objects.filter(pk=made.pk).update(type="OTHER")
    assert _normals(made) == ("04-FF", "NLTNM122045")
    certificate = Token(emsp=emsp, type="EMAID", uid="NLTNMC00122045K", auth_id="nl-tnm-c00122045")
    (bulk,) = Token.objects.bulk_create([certificate])
    assert _normals(bulk) == ("NLTNMC00122045", "NLTNMC00122045")


@pytest.mark.django_db
def test_generated_columns_of_places() -> None:
    place = factories.location()
    (evse,) = EVSE.objects.bulk_create([EVSE(location=place, uid="1", evse_id="nl*gfx*e1*2")])
    EVSE.objects.filter(pk=factories.evse(place).pk).update(evse_id="+49*810*000*438")
    assert set(EVSE.objects.values_list("evse_id_normal", flat=True)) == {"NLGFXE12", "49*810*000*438"}
    (station,) = ChargeStation.objects.bulk_create([ChargeStation(location=place, identity=" cs-i ")])
    assert ChargeStation.objects.get(pk=station.pk).identity_normal == place_ids.identity(" cs-i ") == "CS-I"
    assert EVSE.objects.get(pk=evse.pk).evse_id == "nl*gfx*e1*2"


def _normals(token: Token) -> tuple[str | None, str | None]:
    row = Token.objects.get(pk=token.pk)
    python = (
        ids.uid(row.type, row.uid) if row.uid is not None else None,
        ids.auth_id(row.auth_id) if row.auth_id is not None else None,
    )
    assert (row.uid_normal, row.auth_id_normal) == python
    return row.uid_normal, row.auth_id_normal
