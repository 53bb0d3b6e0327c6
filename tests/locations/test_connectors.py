"""Connectors in one form: what OCPI's two versions say of them, as untidily as feeds say it."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from locations.connectors import MOST, described, read, validate
from tests import factories
from tests.refusals import refused, sql

GIVEN = {"id": "1", "standard": "IEC_62196_T2", "format": "CABLE", "power_type": "AC_3_PHASE"}
V211 = GIVEN | {"voltage": 220, "amperage": 16, "tariff_id": "11", "last_updated": "2015-03-16T10:10:02Z"}
V221 = GIVEN | {"max_voltage": 220, "max_amperage": 16, "tariff_ids": ["11"], "last_updated": "2015-03-16T10:10:02Z"}
KEPT = GIVEN | {"max_voltage": 220, "max_amperage": 16, "tariff_ids": ["11"]}


@pytest.mark.parametrize("given", [V211, V221, V211 | V221])
def test_both_versions_come_to_the_same(given: dict[str, Any]) -> None:
    assert read([given]) == ([KEPT], [])
    validate([KEPT])


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"id": 7}, {"id": "7"}),
        ({"id": " 7 "}, {"id": "7"}),
        ({"standard": "iec_62196_t2_combo"}, {"standard": "IEC_62196_T2_COMBO"}),
        ({"standard": "iec_60309_2_THREE_32"}, {"standard": "IEC_60309_2_three_32"}),
        ({"format": "Socket"}, {"format": "SOCKET"}),
        ({"power_type": "AC_2_PHASE_SPLIT"}, {"power_type": "AC_2_PHASE_SPLIT"}),
        ({"voltage": "400"}, {"max_voltage": 400}),
        ({"voltage": 400.0, "amperage": "32.00"}, {"max_voltage": 400, "max_amperage": 32}),
        ({"max_electric_power": 22000}, {"max_electric_power": 22000}),
        ({"max_electric_power": None, "terms_and_conditions": ""}, {}),
        ({"tariff_id": 3}, {"tariff_ids": ["3"]}),
        ({"tariff_ids": ["a", "b", "a"]}, {"tariff_ids": ["a", "b"]}),
        ({"tariff_ids": []}, {}),
        ({"terms_and_conditions": "HTTPS://example.org/t?c=1"}, {"terms_and_conditions": "HTTPS://example.org/t?c=1"}),
    ],
)
def test_untidy_values_are_taken_where_they_mean_one_thing(fields: dict[str, Any], kept: dict[str, Any]) -> None:
    assert read([V211 | fields]) == ([KEPT | kept], [])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": None}, "id"), ({"id": "x" * 37}, "id"), ({"id": "Ж"}, "id"), ({"id": True}, "id"),
        ({"standard": "Type 2"}, "standard"), ({"standard": None}, "standard"), ({"standard": 2}, "standard"),
        ({"format": ""}, "format"), ({"power_type": "AC"}, "power_type"),
        ({"voltage": None}, "voltage"), ({"voltage": "230V"}, "voltage"), ({"voltage": -230}, "voltage"),
        ({"voltage": True}, "voltage"), ({"max_voltage": 10**30}, "max_voltage"), ({"voltage": 1e300}, "voltage"),
        ({"amperage": 16.5}, "amperage"), ({"amperage": [16]}, "amperage"), ({"amperage": "\u0661\u0666"}, "amperage"),
        ({"max_electric_power": "much"}, "max_electric_power"), ({"tariff_id": "x" * 37}, "tariff_id"),
        ({"tariff_ids": [{}]}, "tariff_ids"), ({"tariff_ids": [str(n) for n in range(MOST + 1)]}, "tariff_ids"),
        ({"terms_and_conditions": "www.example.org"}, "terms_and_conditions"),
        ({"terms_and_conditions": f"https://{'x' * 255}"}, "terms_and_conditions"),
        ({"terms_and_conditions": "https://ex\0ample.org"}, "terms_and_conditions"),
    ],
)  # fmt: skip
def test_what_is_wrong_leaves_out_one_connector(fields: dict[str, Any], field: str) -> None:
    other = V211 | {"id": "2"}
    found, problems = read([V211 | fields, other])
    assert found == [KEPT | {"id": "2"}]
    assert [problem.field for problem in problems] == [f"connectors[0].{field}"]


def test_what_is_no_list_of_connectors() -> None:
    for given in ("none", {"id": "1"}, [V211 | {"id": str(n)} for n in range(MOST + 1)]):
        found, (problem,) = read(given)
        assert (found, problem.field) == ([], "connectors")
    found, problems = read([V211, 5, V221])
    assert found == [KEPT]
    assert [problem.field for problem in problems] == ["connectors[1]", "connectors[2].id"]
    assert "twice" in problems[1].text


@pytest.mark.parametrize("value", [[V211], [KEPT | {"colour": "red"}], [KEPT, KEPT], ["x"], {}, [KEPT | {"id": ""}]])
def test_a_field_takes_the_form_that_is_kept_alone(value: Any) -> None:
    with pytest.raises(ValidationError):
        validate(value)


def test_they_are_read_by_people() -> None:
    more = {"id": "2", "max_electric_power": 11000, "terms_and_conditions": "https://example.org"}
    assert described(read([V211, V221 | more])[0]) == (
        "1: IEC_62196_T2, CABLE, AC_3_PHASE, 220 V, 16 A, 11; "
        "2: IEC_62196_T2, CABLE, AC_3_PHASE, 220 V, 16 A, 11000 W, 11, https://example.org"
    )
    assert described([]) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value", ['{"id": "1"}', '"x"', "[1]", f"[[{json.dumps(KEPT)}]]", '[{"id": "1"}]', '[{"id": 1}]', "null"]
)
def test_the_database_keeps_what_is_shown_of_them(value: str) -> None:
    evse = factories.evse()
    with refused("connectors_have_their_form"):
        sql("UPDATE locations_evse SET connectors = %s WHERE id = %s", value, evse.pk)
