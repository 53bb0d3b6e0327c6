"""Where "any of these windows is open" changes, against counting."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorization.engine.windows import edges

DAY = datetime(2026, 11, 21)


def at(hour: int | None) -> datetime | None:
    return None if hour is None else DAY + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], set()),
        ([(None, None)], set()),
        ([(None, None), (1, 2)], set()),
        ([(1, 2)], {1, 2}),
        ([(1, None)], {1}),
        ([(None, 2)], {2}),
        ([(None, 2), (1, None)], set()),
        ([(None, 1), (2, None)], {1, 2}),
        ([(1, 9), (2, 3)], {1, 9}),  # one inside another
        ([(1, 3), (2, 5)], {1, 5}),  # overlapping
        ([(1, 3), (3, 5)], {1, 5}),  # touching
        ([(1, 3), (4, 5)], {1, 3, 4, 5}),
    ],
)
def test_edges(windows: list[tuple[int | None, int | None]], expected: set[int]) -> None:
    assert edges((at(start), at(end)) for start, end in windows) == {at(hour) for hour in expected}


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=6))
def test_edges_are_all_changes_and_nothing_else(spans: list[tuple[int, int]]) -> None:
    windows = [(start, start + length) for start, length in spans]
    is_open = [any(start <= hour < end for start, end in windows) for hour in range(-1, 20)]
    changes = {at(hour) for hour in range(20) if is_open[hour + 1] != is_open[hour]}
    assert edges((at(start), at(end)) for start, end in windows) == changes
