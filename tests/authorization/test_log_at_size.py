"""What a manager's page of the log reads does not grow with the rows of others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from authorization import partitions
from tests import factories
from tests.refusals import sql
from tokens.models import Token

ROWS, PARTIES, EACH = 20_000, 20, 50  # EACH: places of a CPO, and cards of an eMSP
OWN = ROWS // PARTIES
DAYS = 60


@pytest.fixture(scope="module")
def managers(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """ROWS decisions in DAYS, each CPO's and each eMSP's as many; the managers of one of each."""
    with django_db_blocker.unblock(), transaction.atomic():
        now = datetime.now(UTC)
        partitions.provide(connection, now - timedelta(days=DAYS), now)
        cpos, emsps = [[make() for _ in range(PARTIES)] for make in (factories.cpo, factories.emsp)]
        places = [factories.location(cpos[n % PARTIES]).pk for n in range(EACH * PARTIES)]
        cards = [factories.token(emsps[n % PARTIES], uid=f"04{n:012X}").pk for n in range(EACH * PARTIES)]
        sql(
            """
            INSERT INTO authorization_decision (request_id, decided_at, caller, token_type, token_id, token_pseudonym,
                presented_sealed, location_id, place, accepted, reason, revision, source)
            SELECT 'many-' || n, %s::timestamptz - interval '1 day' * %s * n / %s, 'test', 'ISO14443',
                (%s::bigint[])[1 + n * 7919 %% %s], '', '', (%s::bigint[])[1 + n * 104729 %% %s], '', n %% 10 > 0,
                CASE WHEN n %% 10 > 0 THEN 'ALLOWED' WHEN n %% 500 = 0 THEN 'BLACKLISTED'
                     ELSE 'NOT_ON_AUTHORIZATION_LIST' END, 1, 'cache'
            FROM generate_series(1, %s) AS n
            """,
            now, DAYS, ROWS, cards, len(cards), places, len(places), ROWS,
        )  # fmt: skip
        sql("ANALYZE authorization_decision")
        first: Any = Token.objects.get(pk=cards[0])
        yield {
            "cpo": factories.manager(cpos[0]),
            "emsp": factories.manager(emsps[0]),
            "uid": first.uid,
        }
        transaction.set_rollback(True)


def read() -> int:
    """Rows of the log that this transaction has read so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
            " WHERE relname LIKE 'authorization_decision%'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("who", ["cpo", "emsp"])
@pytest.mark.parametrize(
    "asked",
    [
        "/admin/authorization/decision/",
        "/admin/authorization/decision/?accepted__exact=0",
        "/admin/authorization/decision/?reason=BLACKLISTED",
        "/admin/authorization/decision/?q=CARD",
        "/admin/authorization/decision/?q=nothing+of+the+kind",
        "/api/v1/authorizations/",
        "/api/v1/authorizations/?status=rejected",
        "/api/v1/authorizations/?reason=BLACKLISTED",
        "/api/v1/authorizations/?search=CARD",
        "/api/v1/authorizations/?search=many-1",
        "/admin/",
    ],
)
@pytest.mark.django_db
def test_a_manager_reads_ones_own(managers: dict[str, Any], who: str, asked: str) -> None:
    client = Client()
    client.force_login(managers[who])
    before = read()
    answer = client.get(asked.replace("CARD", managers["uid"]))
    assert answer.status_code == 200
    # Counted and listed, and on the first page once more by the hour and by what was refused.
    assert read() - before <= 4 * OWN
