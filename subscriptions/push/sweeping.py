"""What time alone brings: tokens expire, deliveries were tried for too long, messages have been told to everybody."""

from datetime import datetime, timedelta

from django.db import connection

from subscriptions.models import Delivery, PushEndpoint
from subscriptions.push.turns import PATIENCE, park

LOOKS_BACK = timedelta(days=3)  # for tokens that expired while no sweep ran
MESSAGES = 1000  # of stations, noted at once


def sweep(now: datetime) -> None:
    give_up(now)
    note_notified(now)


def expire(now: datetime) -> int:
    """A token that has expired is not valid from then on, without anybody's change; how many deliveries."""
    if not PushEndpoint.objects.filter(module="tokens", off_at=None).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH p AS MATERIALIZED (SELECT * FROM chargeward_pushing() WHERE module = 'tokens')
            INSERT INTO subscriptions_delivery AS d (
                endpoint_id, object_id, known, gone, state, version, since, next_at, attempts, named, answer
            )
            SELECT p.endpoint, t.id, false, '[]', 'waiting', 1, %(now)s, %(now)s, 0, '', ''
            FROM tokens_token t JOIN p ON t.emsp_id = ANY (p.emsps)
            LEFT JOIN subscriptions_delivery k ON k.endpoint_id = p.endpoint AND k.object_id = t.id
            WHERE t.expires_at > %(from)s AND t.expires_at <= %(now)s AND t.uid IS NOT NULL
                AND k.state IS DISTINCT FROM 'waiting'
                AND (k.id IS NULL OR k.sent ->> 'valid' = 'true' AND k.since < t.expires_at)
            ORDER BY 1, 2
            ON CONFLICT (endpoint_id, object_id) DO UPDATE SET state = 'waiting', version = d.version + 1,
                since = EXCLUDED.since, next_at = EXCLUDED.next_at, attempts = 0
            """,
            {"now": now, "from": now - LOOKS_BACK},
        )
        return int(cursor.rowcount)


def give_up(now: datetime) -> int:
    """Parks what waits for longer than PATIENCE at an endpoint that has not answered all the while; how many."""
    silent = PushEndpoint.objects.filter(failing_since__lte=now - PATIENCE, subscription__enabled=True)
    return park(Delivery.objects.filter(endpoint__in=silent, since__lte=now - PATIENCE))


def note_notified(now: datetime) -> int:
    """A station's message of which no partner has yet to hear has been told; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE chargers_stationmessage SET notified_at = %s WHERE id IN (
                SELECT m.id FROM chargers_stationmessage m
                WHERE m.notifies AND m.notified_at IS NULL AND NOT EXISTS (
                    SELECT FROM subscriptions_delivery d JOIN subscriptions_pushendpoint e ON e.id = d.endpoint_id
                    WHERE e.module = 'chargestationnotifications' AND d.object_id = m.id AND d.state = 'waiting'
                )
                ORDER BY m.id LIMIT %s
            )
            """,
            [now, MESSAGES],
        )
        return int(cursor.rowcount)
