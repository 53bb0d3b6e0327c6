"""Rules that reach across tables: categories, names of tokens, private locations, and the count of changes."""

from django.db import migrations

# On the functions below: `SET enable_seqscan = off` because PL/pgSQL keeps the plan of its first calls. Kept from a day
# when the tables were small, it read a whole table for each row: 10,000 tokens took five minutes.

# A private location (its list is not empty) is not published. The row is locked before this runs, and an insert into
# the list locks it too, so one of the two always sees the other.
PRIVATE = """
CREATE FUNCTION chargeward_private_is_not_published() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM authorization_authorizationlistentry WHERE location_id = NEW.id) THEN
        RAISE EXCEPTION 'A private location cannot be published: empty its authorization list first.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_location_is_not_published';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER private_location_is_not_published BEFORE UPDATE OF published ON locations_location
    FOR EACH ROW WHEN (NEW.published AND NOT OLD.published) EXECUTE FUNCTION chargeward_private_is_not_published();
-- SQL may write the list before the location: the foreign key waits for the commit.
CREATE TRIGGER private_location_begins_unpublished BEFORE INSERT ON locations_location
    FOR EACH ROW WHEN (NEW.published) EXECUTE FUNCTION chargeward_private_is_not_published();

-- The first entry on a list unpublishes the location. It is locked, or a publication could slip between.
CREATE FUNCTION chargeward_listed_location_is_unpublished() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    places bigint[] := ARRAY(SELECT DISTINCT location_id FROM entries);
BEGIN
    PERFORM 1 FROM locations_location WHERE id = ANY (places) ORDER BY id FOR NO KEY UPDATE;
    UPDATE locations_location SET published = false WHERE published AND id = ANY (places);
    RETURN NULL;
END $$;
CREATE TRIGGER listed_location_is_unpublished AFTER INSERT ON authorization_authorizationlistentry
    REFERENCING NEW TABLE AS entries FOR EACH STATEMENT EXECUTE FUNCTION chargeward_listed_location_is_unpublished();
CREATE TRIGGER relisted_location_is_unpublished AFTER UPDATE ON authorization_authorizationlistentry
    REFERENCING NEW TABLE AS entries FOR EACH STATEMENT EXECUTE FUNCTION chargeward_listed_location_is_unpublished();
"""

# A list or a group names an Auth ID, and shows it by one token that carries it. Before that token goes, or carries
# another Auth ID, the name passes to another carrier; where there is none, to an external token made for it.
NAMES = """
-- A row that names a token names its Auth ID where it has one: the column follows from the token, whoever writes it. The
-- token is locked, or it could get another Auth ID, or go, while it is being named.
CREATE FUNCTION chargeward_names_the_auth_id() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    SELECT auth_id_normal INTO NEW.auth_id FROM tokens_token WHERE id = NEW.token_id FOR SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER group_member_names_the_auth_id BEFORE INSERT OR UPDATE OF token_id, auth_id ON authorization_groupmember
    FOR EACH ROW WHEN (NEW.token_id IS NOT NULL) EXECUTE FUNCTION chargeward_names_the_auth_id();
CREATE TRIGGER list_entry_names_the_auth_id
    BEFORE INSERT OR UPDATE OF token_id, auth_id ON authorization_authorizationlistentry
    FOR EACH ROW WHEN (NEW.token_id IS NOT NULL) EXECUTE FUNCTION chargeward_names_the_auth_id();

CREATE FUNCTION chargeward_token_leaves_its_names() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    heir bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM authorization_groupmember WHERE token_id = OLD.id)
       AND NOT EXISTS (SELECT FROM authorization_authorizationlistentry WHERE token_id = OLD.id) THEN
        RETURN NULL;
    END IF;
    IF OLD.external THEN
        RAISE EXCEPTION 'This external token stands on a list or in a group: remove it there first.'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'external_token_is_named';
    END IF;
    -- Another transaction may make the same external token at this moment: then that one is taken. And it may delete a
    -- carrier: the lock waits for it, and passes over.
    LOOP
        SELECT id INTO heir FROM tokens_token
            WHERE auth_id_normal = OLD.auth_id_normal AND id <> OLD.id ORDER BY external, id LIMIT 1 FOR SHARE;
        EXIT WHEN FOUND;
        INSERT INTO tokens_token (type, auth_id, visual_number, issuer, valid, whitelist, language, external)
            VALUES ('OTHER', OLD.auth_id, '', '', true, 'ALLOWED', '', true)
            ON CONFLICT (auth_id_normal) WHERE external DO NOTHING;
    END LOOP;
    UPDATE authorization_groupmember SET token_id = heir WHERE token_id = OLD.id;
    UPDATE authorization_authorizationlistentry SET token_id = heir WHERE token_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER token_leaves_its_names AFTER DELETE ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NOT NULL) EXECUTE FUNCTION chargeward_token_leaves_its_names();
CREATE TRIGGER token_carries_another_auth_id AFTER UPDATE OF auth_id ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NOT NULL AND OLD.auth_id_normal IS DISTINCT FROM NEW.auth_id_normal)
    EXECUTE FUNCTION chargeward_token_leaves_its_names();

CREATE FUNCTION chargeward_token_without_auth_id() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM authorization_groupmember m
        JOIN authorization_exceptionemspgroup g ON g.group_id = m.group_id
        JOIN authorization_chargeexception e ON e.id = g.exception_id AND e.action = 'blacklist'
        WHERE m.token_id = OLD.id
    ) THEN
        RAISE EXCEPTION 'A blacklist names this token, which has no Auth ID: block it instead.'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'blacklisted_token_stays';
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM authorization_groupmember WHERE token_id = OLD.id;
        DELETE FROM authorization_authorizationlistentry WHERE token_id = OLD.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER token_without_auth_id_goes AFTER DELETE ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NULL) EXECUTE FUNCTION chargeward_token_without_auth_id();
CREATE TRIGGER token_without_auth_id_changes AFTER UPDATE OF uid, type ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NULL AND (OLD.uid_normal, OLD.type) IS DISTINCT FROM (NEW.uid_normal, NEW.type))
    EXECUTE FUNCTION chargeward_token_without_auth_id();

CREATE FUNCTION chargeward_token_gets_auth_id() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM authorization_groupmember m WHERE m.token_id = NEW.id AND m.auth_id IS NULL
        AND EXISTS (SELECT FROM authorization_groupmember o
                    WHERE o.group_id = m.group_id AND o.auth_id = NEW.auth_id_normal);
    UPDATE authorization_groupmember SET auth_id = NEW.auth_id_normal WHERE token_id = NEW.id AND auth_id IS NULL;
    DELETE FROM authorization_authorizationlistentry m WHERE m.token_id = NEW.id AND m.auth_id IS NULL
        AND EXISTS (SELECT FROM authorization_authorizationlistentry o
                    WHERE o.location_id = m.location_id AND o.auth_id = NEW.auth_id_normal);
    UPDATE authorization_authorizationlistentry SET auth_id = NEW.auth_id_normal
        WHERE token_id = NEW.id AND auth_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER token_gets_auth_id AFTER UPDATE OF auth_id ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NULL AND NEW.auth_id_normal IS NOT NULL)
    EXECUTE FUNCTION chargeward_token_gets_auth_id();
"""

# An eMSP's token takes the place of an external one with its Auth ID, whichever of the two is written later. Two
# transactions at the same time see nothing of each other until the later one commits, under the lock of the revision:
# `external_from` (the first external token of this transaction) and `owned_since` (the revision before its first other
# token) tell chargeward_number_change whether to look again.
EXTERNALS = """
CREATE FUNCTION chargeward_replace_external(gone bigint, name text) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    -- Plus 0, or the planner may look for the lowest id first and for the Auth ID after.
    heir bigint := (SELECT min(id + 0) FROM tokens_token WHERE auth_id_normal = name AND NOT external);
BEGIN
    IF heir IS NOT NULL THEN
        UPDATE authorization_groupmember SET token_id = heir WHERE token_id = gone;
        UPDATE authorization_authorizationlistentry SET token_id = heir WHERE token_id = gone;
        DELETE FROM tokens_token WHERE id = gone;
    END IF;
END $$;

CREATE FUNCTION chargeward_external_token_is_replaced() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    made bigint;
    owned boolean;
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
    PERFORM chargeward_replace_external(e.id, e.auth_id_normal)
        FROM (SELECT DISTINCT auth_id_normal FROM changed) AS n, LATERAL (
            SELECT id, auth_id_normal FROM tokens_token
            WHERE external AND auth_id_normal = n.auth_id_normal OFFSET 0
        ) AS e;
    RETURN NULL;
END $$;
CREATE TRIGGER external_token_is_replaced_by_insert AFTER INSERT ON tokens_token
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION chargeward_external_token_is_replaced();
CREATE TRIGGER external_token_is_replaced_by_update AFTER UPDATE ON tokens_token
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION chargeward_external_token_is_replaced();
"""

# A transaction that touches what decisions are made of leaves one row; its number is given as it commits, under the
# lock of the one revision row, so that numbers follow commits and a reader's snapshot holds all up to the one it sees.
CHANGES = """
CREATE FUNCTION chargeward_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('chargeward.changed_in', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        -- Local to the transaction, and to the savepoint: a row rolled back takes this mark with it.
        PERFORM set_config('chargeward.changed_in', pg_current_xact_id()::text, true);
        INSERT INTO authorization_change DEFAULT VALUES;
    END IF;
    RETURN NULL;
END $$;
-- At commit, behind every other check of this transaction that waits for the commit: those may be many, and lock rows.
CREATE FUNCTION chargeward_close_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE authorization_change SET changed_at = clock_timestamp() WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER change_is_closed AFTER INSERT ON authorization_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chargeward_close_change();
CREATE FUNCTION chargeward_number_change() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    number bigint;
    last_external bigint;
    external_from bigint := nullif(current_setting('chargeward.external_from', true), '')::bigint;
    owned_since bigint := nullif(current_setting('chargeward.owned_since', true), '')::bigint;
BEGIN
    INSERT INTO authorization_revision AS r (id, value, externals_at) VALUES (1, 1, 0)
        ON CONFLICT (id) DO UPDATE SET value = r.value + 1 RETURNING value, externals_at INTO number, last_external;
    UPDATE authorization_change SET revision = number WHERE id = NEW.id;
    IF last_external > owned_since OR external_from IS NOT NULL THEN
        PERFORM chargeward_replace_external(id, auth_id_normal) FROM tokens_token
            WHERE external AND id >= CASE WHEN last_external > owned_since THEN 0 ELSE external_from END;
    END IF;
    IF external_from IS NOT NULL THEN
        UPDATE authorization_revision SET externals_at = number;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER change_is_numbered AFTER UPDATE OF changed_at ON authorization_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.revision IS NULL) EXECUTE FUNCTION chargeward_number_change();
INSERT INTO authorization_revision (id, value, externals_at) VALUES (1, 0, 0);
"""

DECIDING_TABLES = [
    "locations_cpo",
    "locations_location",
    "locations_chargestation",
    "locations_evse",
    "tokens_emsp",
    "tokens_customer",
    "tokens_driver",
    "tokens_token",
    "authorization_exceptiongroup",
    "authorization_groupmember",
    "authorization_chargeexception",
    "authorization_exceptioncpogroup",
    "authorization_exceptionemspgroup",
    "authorization_authorizationlistentry",
]

WATCH = "".join(
    f"""CREATE TRIGGER change_is_noticed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION chargeward_changed();\n"""
    for table in DECIDING_TABLES
)

# pgtrigger's and pghistory's own functions catch an error in every row. Each is a rolled back subtransaction, which goes
# through all the checks that wait for the commit: 100,000 rows took six minutes, and take seconds so. Each of their
# triggers that is installed brings the slow one back: a later migration with a trigger must end with QUICK again.
QUICK = """
CREATE OR REPLACE FUNCTION _pgtrigger_should_ignore(trigger_name name) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(trigger_name = ANY (nullif(current_setting('pgtrigger.ignore', true), '')::text[]), false);
END $$;
CREATE OR REPLACE FUNCTION _pgh_attach_context() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    context uuid := nullif(current_setting('pghistory.context_id', true), '');
    about jsonb := nullif(current_setting('pghistory.context_metadata', true), '');
BEGIN
    IF context IS NULL OR about IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO pghistory_context AS c (id, metadata, created_at, updated_at) VALUES (context, about, now(), now())
        ON CONFLICT (id) DO UPDATE SET metadata = EXCLUDED.metadata, updated_at = EXCLUDED.updated_at
        WHERE c.metadata <> EXCLUDED.metadata;
    RETURN context;
END $$;
"""

CATEGORY = """
ALTER TABLE authorization_groupmember ADD CONSTRAINT group_member_is_of_its_category
    FOREIGN KEY (group_id, category) REFERENCES authorization_exceptiongroup (id, category);
"""


class Migration(migrations.Migration):
    dependencies = [("authorization", "0001_initial"), ("locations", "0002_rules"), ("tokens", "0002_rules")]
    operations = [
        migrations.RunSQL(sql, migrations.RunSQL.noop)
        for sql in (CATEGORY, PRIVATE, NAMES, EXTERNALS, CHANGES, WATCH, QUICK)
    ]
