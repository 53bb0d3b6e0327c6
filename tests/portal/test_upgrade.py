"""A previous release's database, with rows in it, becomes this one's by `migrate` alone, and answers for them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from portal.stack.options import PROJECT
from tests.portal.upgrade import TOKENS


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database of its own."""
    parts = urlsplit(settings.DATABASE_URL)
    name = f"chargeward_upgrade_{os.getpid()}"
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_upgrade_with_data_in_place(database: str, tmp_path: object) -> None:
    environment = {**os.environ, "DATABASE_URL": database, "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.portal.upgrade"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"]["tokens_token"] == TOKENS
    fewer = {table: count for table, count in found["before"].items() if found["after"][table] < count}
    assert not fewer
    assert found["answers"] == {
        "a card": "ALLOWED",
        "a banned card": "BLACKLISTED",
        "a member at the depot": "ALLOWED",
        "a stranger at the depot": "NOT_ON_AUTHORIZATION_LIST",
        "an unknown card": "UNKNOWN_TOKEN",
    }
    assert found["parties"] == ["Upgraded (NL-UPG)", "Provider (DE-UPG)"]
