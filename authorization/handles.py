"""Ids for rows that stand for something their reader may not see.

A list or a group may name a token of another party. The token's own id would tell whether it existed before it was
named, so the row shows a number made of its own id instead, beyond all ids of objects and still exact in JavaScript.
"""

from collections.abc import Iterable

FIRST = 2**52


def handle(row: int) -> int:
    """The number to show for the row with this primary key."""
    return FIRST + row


def split(ids: Iterable[int]) -> tuple[list[int], list[int]]:
    """Ids of objects, and primary keys of rows that were given by their handle; each once, in order."""
    given = list(dict.fromkeys(ids))
    return [pk for pk in given if pk < FIRST], [pk - FIRST for pk in given if pk >= FIRST]
