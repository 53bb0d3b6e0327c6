"""What a transaction changed, written down in the same transaction: the documents of the compiled copy that are stale.

0002 left one row a transaction; each statement now adds the keys it touched, and the commit tells who listens.
"""

from django.db import migrations

MOST_KEYS = 20_000  # that one statement names; beyond, reading all of the kind is cheaper

# table: the keys that a row `r` of it touches, as (kind, SQL). NULL keys are left out.
TOUCHED = {
    "locations_cpo": [("cpo", "r.id")],
    "locations_location": [("location", "r.id"), ("location_id", "r.location_id")],
    "locations_chargestation": [("station", "r.id"), ("identity", "r.identity_normal")],
    "locations_evse": [("evse", "r.evse_id_normal")],
    "tokens_emsp": [("emsp", "r.id")],
    "tokens_customer": [("customer", "r.id")],
    "tokens_driver": [("driver", "r.id")],
    "tokens_token": [("uid", "r.type || ':' || r.uid_normal"), ("auth_id", "r.auth_id_normal")],
    "authorization_exceptiongroup": [],
    "authorization_groupmember": [
        ("cpo", "r.cpo_id"),
        ("location", "r.location_id"),
        ("emsp", "r.emsp_id"),
        ("customer", "r.customer_id"),
        ("driver", "r.driver_id"),
        ("name", "r.auth_id"),
        ("token", "CASE WHEN r.auth_id IS NULL THEN r.token_id END"),
    ],
    "authorization_chargeexception": [("rule", "r.id")],
    "authorization_exceptioncpogroup": [("rule", "r.exception_id")],
    "authorization_exceptionemspgroup": [("rule", "r.exception_id")],
    "authorization_authorizationlistentry": [
        ("location", "r.location_id"),
        ("list_customer", "r.location_id || ':c' || r.customer_id"),
        ("list_auth_id", "r.location_id || ':a' || r.auth_id"),
        ("list_token", "CASE WHEN r.auth_id IS NULL THEN r.location_id || ':t' || r.token_id END"),
    ],
    "authorization_apikey": [("key", "r.prefix")],
    "auth_user": [("user", "r.id")],
    "auth_user_groups": [("user", "r.user_id")],
    "guardian_userobjectpermission": [("user", "r.user_id")],
    # A role may make Admins of those who have it.
    "auth_group_permissions": [
        ("user", "unnest(ARRAY(SELECT g.user_id FROM auth_user_groups g WHERE g.group_id = r.group_id))")
    ],
}

# Where an update of any other column is none of our business: a key's last use, a user's last log-in.
COLUMNS = {
    "authorization_apikey": "prefix, hash, station_id, cpo_id, user_id, expires_at, revoked_at",
    "auth_user": "id, username, is_active, is_superuser",
}

CHANGE = """
DROP FUNCTION chargeward_changed() CASCADE;

-- The id of this transaction's row of authorization_change, which is made where there is none yet.
CREATE FUNCTION chargeward_this_change() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    change bigint;
BEGIN
    IF current_setting('chargeward.changed_in', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        INSERT INTO authorization_change DEFAULT VALUES RETURNING id INTO change;
        -- Local to the transaction, and to the savepoint: a row rolled back takes this mark with it.
        PERFORM set_config('chargeward.changed_in', pg_current_xact_id()::text, true),
                set_config('chargeward.change', change::text, true);
        RETURN change;
    END IF;
    RETURN current_setting('chargeward.change')::bigint;
END $$;

CREATE FUNCTION chargeward_everything_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO authorization_changedkeys (change_id, kind) VALUES (chargeward_this_change(), '*');
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION chargeward_number_change() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    number bigint;
    its_stamp uuid;
    last_external bigint;
    external_from bigint := nullif(current_setting('chargeward.external_from', true), '')::bigint;
    owned_since bigint := nullif(current_setting('chargeward.owned_since', true), '')::bigint;
BEGIN
    INSERT INTO authorization_revision AS r (id, value, externals_at) VALUES (1, 1, 0)
        ON CONFLICT (id) DO UPDATE SET value = r.value + 1, stamp = gen_random_uuid()
        RETURNING value, stamp, externals_at INTO number, its_stamp, last_external;
    UPDATE authorization_change SET revision = number, stamp = its_stamp WHERE id = NEW.id;
    IF last_external > owned_since OR external_from IS NOT NULL THEN
        PERFORM chargeward_replace_external(id, auth_id_normal) FROM tokens_token
            WHERE external AND id >= CASE WHEN last_external > owned_since THEN 0 ELSE external_from END;
    END IF;
    IF external_from IS NOT NULL THEN
        UPDATE authorization_revision SET externals_at = number;
    END IF;
    PERFORM pg_notify('chargeward', number::text);
    RETURN NULL;
END $$;
"""


def notices(table: str) -> str:
    """The triggers of a table: one for each kind of statement, for a statement's rows come under several names."""
    parts = []
    for event, names, rows in (
        ("insert", "NEW TABLE AS after", "SELECT * FROM after"),
        ("update", "OLD TABLE AS before NEW TABLE AS after", _updated(table)),
        ("delete", "OLD TABLE AS before", "SELECT * FROM before"),
    ):
        function = f"chargeward_{table}_{event}"
        parts.append(
            f"""
            CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                {_body(table, rows, sparing=event == "update" and table in COLUMNS)}
                RETURN NULL;
            END $$;
            CREATE TRIGGER change_is_noticed_{event} AFTER {event.upper()} ON {table}
                REFERENCING {names} FOR EACH STATEMENT EXECUTE FUNCTION {function}();
            """
        )
    return "".join(parts) + (
        f"CREATE TRIGGER change_is_noticed_truncate AFTER TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION chargeward_everything_changed();\n"
    )


def _updated(table: str) -> str:
    if table not in COLUMNS:
        return "SELECT * FROM before UNION ALL SELECT * FROM after"
    columns = COLUMNS[table]
    differ = f"(SELECT {columns} FROM before EXCEPT SELECT {columns} FROM after)"
    return f"{differ} UNION ALL (SELECT {columns} FROM after EXCEPT SELECT {columns} FROM before)"


def _body(table: str, rows: str, *, sparing: bool) -> str:
    if not TOUCHED[table]:
        return "PERFORM chargeward_this_change();"
    keys = " UNION ALL ".join(f"SELECT '{kind}', ({sql})::text FROM rows r" for kind, sql in TOUCHED[table])
    insert = f"""
        INSERT INTO authorization_changedkeys (change_id, kind, keys)
        WITH rows AS MATERIALIZED ({rows}), touched (kind, key) AS ({keys})
        SELECT chargeward_this_change(), kind, CASE WHEN count(*) <= {MOST_KEYS} THEN array_agg(key) END
        FROM (SELECT DISTINCT kind, key FROM touched WHERE key IS NOT NULL) AS named GROUP BY kind;
    """
    # A statement that matched no row counts as well, but for the tables where most updates mean nothing.
    return insert if sparing else f"PERFORM chargeward_this_change(); {insert}"


class Migration(migrations.Migration):
    dependencies = [
        ("authorization", "0003_outbox"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.RunSQL(CHANGE, migrations.RunSQL.noop),
        *(migrations.RunSQL(notices(table), migrations.RunSQL.noop) for table in TOUCHED),
    ]
