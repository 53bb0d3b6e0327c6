"""An authorization in use with a token of an eMSP is a session: kept beside those that partners send, and pushed."""

from importlib import import_module

from django.db import migrations

QUICK = import_module("authorization.migrations.0002_rules").QUICK
push = import_module("subscriptions.migrations.0004_push_triggers")

# What is shown of it changes when it ends, or is found to be somewhere else; how long its decision holds is no change.
# Nothing here may keep a station from charging: a token that is none in 2.1.1 makes no session, and a clash none either.
_MADE = """
    INSERT INTO subscriptions_relayed (
        kind, subscription_id, use_id, emsp_id, cpo_id, country_code, party_id, object_id, auth_id, body, updated_at
    )
    SELECT 'sessions', NULL, u.id, t.emsp_id, c.id, c.country_code, c.party_id, gen_random_uuid()::text,
        t.auth_id_normal, jsonb_build_object('auth_id', coalesce(t.auth_id, t.uid)), {at}
    FROM {uses} u JOIN tokens_token t ON t.id = u.token_id
    JOIN locations_location l ON l.id = u.location_id JOIN locations_cpo c ON c.id = l.cpo_id
    WHERE t.emsp_id IS NOT NULL AND length(coalesce(t.auth_id, t.uid)) BETWEEN 1 AND 36
    ON CONFLICT DO NOTHING;
"""
_NEW = "(SELECT NEW.id AS id, NEW.token_id AS token_id, NEW.location_id AS location_id)"
SESSIONS = f"""
CREATE FUNCTION chargeward_session_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_MADE.format(uses=_NEW, at="clock_timestamp()")}
    RETURN NULL;
END $$;
CREATE TRIGGER session_begins AFTER INSERT ON chargers_authorizationinuse
    FOR EACH ROW WHEN (NEW.token_id IS NOT NULL) EXECUTE FUNCTION chargeward_session_begins();
CREATE FUNCTION chargeward_session_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE subscriptions_relayed SET updated_at = clock_timestamp() WHERE use_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER session_changes AFTER UPDATE ON chargers_authorizationinuse FOR EACH ROW WHEN (
    OLD.ended_at IS DISTINCT FROM NEW.ended_at OR OLD.began_at IS DISTINCT FROM NEW.began_at
    OR (OLD.location_id, OLD.station_id, OLD.evse_id)
        IS DISTINCT FROM (NEW.location_id, NEW.station_id, NEW.evse_id)
) EXECUTE FUNCTION chargeward_session_changes();
{_MADE.format(uses="chargers_authorizationinuse", at="coalesce(u.ended_at, u.began_at)")}
"""

# As in 0004, and to the eMSP of the token for those that are ours.
_RELAYED = push._deliver(
    f"""
    WITH p AS MATERIALIZED (SELECT * FROM chargeward_pushing() WHERE module IN ('sessions', 'cdrs'))
    SELECT p.endpoint, n.id, false, {push.NOTHING}
    FROM new_ n JOIN p ON p.module = n.kind AND p.subscription IS DISTINCT FROM n.subscription_id
        AND n.cpo_id IS NOT NULL AND (p.all_cpos OR n.cpo_id = ANY (p.cpos))
        AND CASE WHEN n.use_id IS NOT NULL THEN n.emsp_id = ANY (p.emsps) ELSE
            EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = n.auth_id AND t.emsp_id = ANY (p.emsps)) END
    """
)
PUSHED = push._function(
    "chargeward_push_subscriptions_relayed", ["sessions", "cdrs"], {"INSERT": _RELAYED, "UPDATE": _RELAYED}
).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):

    dependencies = [('subscriptions', '0005_own_sessions')]

    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (PUSHED, SESSIONS, QUICK)]
