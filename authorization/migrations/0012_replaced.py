"""External tokens whose Auth IDs an eMSP's tokens carry are replaced by the statement, not one by one.

Each replacement was three statements with all that listens to them; 3,000 took 16 seconds.
"""

from django.db import migrations

# Pairs of an external token and the token that takes its place, of the rows of `source` (id, auth_id_normal). Plus 0,
# or the planner may look for the lowest id first and for the Auth ID after; an aggregate keeps the order of the join.
PAIRS = """
    SELECT array_agg(e.id), array_agg(h.heir) {into} FROM {source} AS e, LATERAL (
        SELECT min(id + 0) AS heir FROM tokens_token WHERE auth_id_normal = e.auth_id_normal AND NOT external
    ) AS h WHERE h.heir IS NOT NULL
"""

REPLACED = f"""
CREATE FUNCTION chargeward_replace_externals(gone bigint[], heirs bigint[]) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF gone IS NULL THEN
        RETURN;
    END IF;
    UPDATE authorization_groupmember m SET token_id = p.heir
        FROM unnest(gone, heirs) AS p (external, heir) WHERE m.token_id = p.external;
    UPDATE authorization_authorizationlistentry m SET token_id = p.heir
        FROM unnest(gone, heirs) AS p (external, heir) WHERE m.token_id = p.external;
    DELETE FROM tokens_token WHERE id = ANY (gone);
END $$;

CREATE OR REPLACE FUNCTION chargeward_external_token_is_replaced() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    made bigint;
    owned boolean;
    gone bigint[];
    heirs bigint[];
BEGIN
    SELECT min(id) FILTER (WHERE external), bool_or(NOT external AND auth_id_normal IS NOT NULL)
        INTO made, owned FROM changed;
    IF made IS NOT NULL THEN
        PERFORM set_config('chargeward.external_from',
            least(made, nullif(current_setting('chargeward.external_from', true), '')::bigint)::text, true);
    END IF;
    IF owned AND coalesce(current_setting('chargeward.owned_since', true), '') = '' THEN
        PERFORM set_config('chargeward.owned_since', coalesce(max(value), 0)::text, true) FROM authorization_revision;
    END IF;
    -- OFFSET 0 keeps the order of the join: one look at the index for each changed row, however old the plan is.
    {PAIRS.format(into="INTO gone, heirs", source='''(
        SELECT found.id, found.auth_id_normal FROM (SELECT DISTINCT auth_id_normal FROM changed) AS n, LATERAL (
            SELECT id, auth_id_normal FROM tokens_token
            WHERE external AND auth_id_normal = n.auth_id_normal OFFSET 0
        ) AS found
    )''')};
    PERFORM chargeward_replace_externals(gone, heirs);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION chargeward_number_change() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    number bigint;
    its_stamp uuid;
    last_external bigint;
    external_from bigint := nullif(current_setting('chargeward.external_from', true), '')::bigint;
    owned_since bigint := nullif(current_setting('chargeward.owned_since', true), '')::bigint;
    gone bigint[];
    heirs bigint[];
BEGIN
    INSERT INTO authorization_revision AS r (id, value, externals_at) VALUES (1, 1, 0)
        ON CONFLICT (id) DO UPDATE SET value = r.value + 1, stamp = gen_random_uuid()
        RETURNING value, stamp, externals_at INTO number, its_stamp, last_external;
    UPDATE authorization_change SET revision = number, stamp = its_stamp WHERE id = NEW.id;
    IF last_external > owned_since OR external_from IS NOT NULL THEN
        {PAIRS.format(into="INTO gone, heirs", source='''(
            SELECT id, auth_id_normal FROM tokens_token
            WHERE external AND id >= CASE WHEN last_external > owned_since THEN 0 ELSE external_from END
        )''')};
        PERFORM chargeward_replace_externals(gone, heirs);
    END IF;
    IF external_from IS NOT NULL THEN
        UPDATE authorization_revision SET externals_at = number;
    END IF;
    PERFORM pg_notify('chargeward', number::text);
    RETURN NULL;
END $$;

DROP FUNCTION chargeward_replace_external(bigint, text);
"""


class Migration(migrations.Migration):
    dependencies = [("authorization", "0011_words"), ("tokens", "0006_set_wise")]
    operations = [migrations.RunSQL(REPLACED, migrations.RunSQL.noop)]
