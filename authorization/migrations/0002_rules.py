"""Rules that reach across tables: categories, names of tokens, private locations, and the count of changes."""

from django.db import migrations

# A private location (its list is not empty) is not published. The row is locked before this runs, and an insert into
# the list locks it too, so one of the two always sees the other.
PRIVATE = """
CREATE FUNCTION chargeward_private_is_not_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM authorization_authorizationlistentry WHERE location_id = NEW.id) THEN
        RAISE EXCEPTION 'A private location cannot be published: empty its authorization list first.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'private_location_is_not_published';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER private_location_is_not_published BEFORE UPDATE OF published ON locations_location
    FOR EACH ROW WHEN (NEW.published AND NOT OLD.published) EXECUTE FUNCTION chargeward_private_is_not_published();
"""

# A list or a group names an Auth ID, and shows it by one token that carries it. Before that token goes, or carries
# another Auth ID, the name passes to another carrier; where there is none, to an external token made for it.
NAMES = """
CREATE FUNCTION chargeward_token_leaves_its_names() RETURNS trigger LANGUAGE plpgsql AS $$
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
    SELECT id INTO heir FROM tokens_token
        WHERE auth_id_normal = OLD.auth_id_normal AND id <> OLD.id ORDER BY external, id LIMIT 1;
    IF heir IS NULL THEN
        INSERT INTO tokens_token (type, auth_id, visual_number, issuer, valid, whitelist, language, external)
            VALUES ('OTHER', OLD.auth_id, '', '', true, 'ALLOWED', '', true) RETURNING id INTO heir;
    END IF;
    UPDATE authorization_groupmember SET token_id = heir WHERE token_id = OLD.id;
    UPDATE authorization_authorizationlistentry SET token_id = heir WHERE token_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER token_leaves_its_names AFTER DELETE ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NOT NULL) EXECUTE FUNCTION chargeward_token_leaves_its_names();
CREATE TRIGGER token_carries_another_auth_id AFTER UPDATE OF auth_id ON tokens_token
    FOR EACH ROW WHEN (OLD.auth_id_normal IS NOT NULL AND OLD.auth_id_normal IS DISTINCT FROM NEW.auth_id_normal)
    EXECUTE FUNCTION chargeward_token_leaves_its_names();

CREATE FUNCTION chargeward_token_without_auth_id() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE FUNCTION chargeward_token_gets_auth_id() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- An eMSP's token takes the place of an external one with its Auth ID.
CREATE FUNCTION chargeward_external_token_is_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pair record;
BEGIN
    FOR pair IN
        SELECT e.id AS gone, min(n.id) AS heir
        FROM changed n JOIN tokens_token e ON e.external AND e.auth_id_normal = n.auth_id_normal
        WHERE NOT n.external GROUP BY e.id
    LOOP
        UPDATE authorization_groupmember SET token_id = pair.heir WHERE token_id = pair.gone;
        UPDATE authorization_authorizationlistentry SET token_id = pair.heir WHERE token_id = pair.gone;
        DELETE FROM tokens_token WHERE id = pair.gone;
    END LOOP;
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
CREATE FUNCTION chargeward_number_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    INSERT INTO authorization_revision AS r (id, value) VALUES (1, 1)
        ON CONFLICT (id) DO UPDATE SET value = r.value + 1 RETURNING value INTO number;
    UPDATE authorization_change SET revision = number WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER change_is_numbered AFTER INSERT ON authorization_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chargeward_number_change();
INSERT INTO authorization_revision (id, value) VALUES (1, 0);
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

CATEGORY = """
ALTER TABLE authorization_groupmember ADD CONSTRAINT group_member_is_of_its_category
    FOREIGN KEY (group_id, category) REFERENCES authorization_exceptiongroup (id, category);
"""


class Migration(migrations.Migration):
    dependencies = [("authorization", "0001_initial"), ("locations", "0002_rules"), ("tokens", "0002_rules")]
    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (CATEGORY, PRIVATE, NAMES, CHANGES, WATCH)]
