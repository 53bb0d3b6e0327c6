"""What the database does for a request: whether it reads a table from end to end."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

NAMED = ("tokens_token", "authorization_authorizationlistentry", "authorization_groupmember")


def rows_passed_over() -> int:
    """Rows that this transaction read by going through a table that names tokens from end to end.

    A plan that does so for each of n rows reads n times the table.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)", [list(NAMED)])
        return int(cursor.fetchone()[0])


def rows_read() -> int:
    """Rows that this transaction has read so far, from a table or by an index of it, of what partners' lists are of.

    A list by offset alone reads all rows before its page again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables"
            " WHERE relname IN ('tokens_token', 'locations_location')"
        )
        return int(cursor.fetchone()[0])


def read_whole(ask: Callable[[], Any], tables: Iterable[str]) -> list[str]:
    """Plans of the queries of a request that read one of the tables from end to end."""
    with CaptureQueriesContext(connection) as queries:
        answer = ask()
    assert answer.status_code == 200, answer.content[:300]
    plans = []
    for query in queries.captured_queries:
        if query["sql"].startswith("SELECT") and any(f'"{table}"' in query["sql"] for table in tables):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"), [])
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert plans
    return [plan for plan in plans if any(f"Seq Scan on {table}" in plan for table in tables)]
