"""Exceptions as the copy holds them. One that cannot be read raises ValueError or TypeError, and is never left out."""

from collections.abc import Iterator
from datetime import datetime

import lmdb
import orjson

from authorization.engine.types import Rule

PREFIX = b"r"
_WHITELIST, _BLACKLIST = "whitelist", "blacklist"
_DIRECTIONS = {"emsp_for_cpo": True, "cpo_for_emsp": False}


def read_rule(rule: int, raw: bytes | None) -> Rule | None:
    """None for an exception that is no more."""
    if raw is None:
        return None
    name, enabled, action, direction, valid_from, valid_until, cpo_groups, emsp_groups = orjson.loads(raw)
    if action not in (_WHITELIST, _BLACKLIST) or direction not in _DIRECTIONS:
        raise ValueError(f"exception {rule}: unknown action or direction")
    return Rule(
        id=rule,
        name=name,
        enabled=enabled,
        blacklist=action == _BLACKLIST,
        emsp_for_cpo=_DIRECTIONS[direction],
        valid_from=_local(valid_from),
        valid_until=_local(valid_until),
        cpo_groups=tuple(cpo_groups or ()),
        emsp_groups=tuple(emsp_groups or ()),
    )


def read_rules(txn: lmdb.Transaction) -> Iterator[Rule]:
    """All of them."""
    cursor = txn.cursor()
    if cursor.set_range(PREFIX):
        for key, value in cursor:
            if bytes(key[:1]) != PREFIX:
                break
            rule = read_rule(int(key[1:]), bytes(value))
            if rule is not None:
                yield rule


def _local(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
