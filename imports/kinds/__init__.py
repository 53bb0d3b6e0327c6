"""The kinds of files: how each is held against the database, and applied to it. All in SQL, for all rows at once."""

from typing import Protocol

from imports.kinds import lists, members, tokens
from imports.models import Import, Kind
from imports.staging import Tables, Tick
from locations.access import Scope


class Applied(Protocol):
    """What a kind has to say, beside its columns (`resources`)."""

    def lock(self, of: Import) -> None: ...
    def check(self, of: Import, tables: Tables, scope: Scope) -> dict[str, int]: ...
    def first_rows(self, of: Import, tables: Tables, most: int) -> list[dict[str, object]]: ...
    def apply(self, of: Import, tables: Tables, tick: Tick) -> None: ...


def kind_of(of: Import) -> Applied:
    return {Kind.TOKENS: tokens, Kind.AUTHORIZATION_LIST: lists, Kind.GROUP_MEMBERS: members}[Kind(of.kind)]
