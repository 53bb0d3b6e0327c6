"""For tests of the database's rules: which rule refused, and plain SQL."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """The statements inside fail by the rule of this name (a pattern), at once or at commit, and are undone."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():  # noqa: PT012
        yield
        at_commit()
    assert re.fullmatch(rule, rule_of(caught.value) or ""), caught.value


def rule_of(error: BaseException) -> str | None:
    """The name of the constraint, or of the trigger that speaks as one."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return diagnosis.constraint_name if diagnosis else None


def at_commit() -> None:
    """Runs what waits for the commit now."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Runs one statement past the ORM; the rows that it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
