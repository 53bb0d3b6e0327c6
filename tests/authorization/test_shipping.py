"""Every row of a spool file is in the log once, whoever ships it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from authorization import spool
from authorization.models import Decision, Spool
from authorization.spool import DatabaseLog, SpoolLog

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """A connection as the follower has one."""
    of = connection.settings_dict
    with psycopg.connect(
        host=of["HOST"], port=of["PORT"], user=of["USER"], password=of["PASSWORD"], dbname=of["NAME"], autocommit=True
    ) as found:
        yield found


def _row(number: int) -> spool.Row:
    at = "2026-11-21T10:00:00+00:00"
    return (f"r{number}", at, "k", None, "local", None, "", None, "p", True, "ALLOWED", None, 1, "cache")


def _written(folder: Path, rows: int) -> Path:
    """A file whose writer is gone."""
    log = SpoolLog(folder, DatabaseLog())
    log.write([_row(number) for number in range(rows)])
    path = next(folder.glob("*.spool"))
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return path


def test_a_file_is_shipped_and_removed(tmp_path: Path, other: psycopg.Connection[Any]) -> None:
    path = _written(tmp_path, 3)
    assert spool.ship(tmp_path, other) == 3
    assert not path.exists()
    assert Decision.objects.count() == 3
    assert not Spool.objects.exists()


def test_a_file_that_another_process_has_shipped_meanwhile(tmp_path: Path, other: psycopg.Connection[Any]) -> None:
    """Two followers, for a moment: this one had opened the file when the other one was done with it."""
    path = _written(tmp_path, 3)
    with path.open("rb") as file:
        assert spool.ship(tmp_path, other) == 3
        assert spool._ship_some(path, file, other) is None
    assert Decision.objects.count() == 3
    assert not Spool.objects.exists()
