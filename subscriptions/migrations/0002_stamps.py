"""When a location or a token was last changed, whoever changes it; and pgtrigger's slow functions replaced again."""

from importlib import import_module

from django.db import migrations

QUICK = import_module("authorization.migrations.0002_rules").QUICK

# table: what of its rows names the locations that a change of them touches.
PLACES = {
    "locations_location": "SELECT r.id FROM rows_ r",
    "locations_evse": "SELECT r.location_id FROM rows_ r",
    "authorization_authorizationlistentry": "SELECT r.location_id FROM rows_ r",
    # Its name is the operator's.
    "locations_cpo": "SELECT l.id FROM locations_location l WHERE l.cpo_id IN (SELECT r.id FROM rows_ r)",
}

FUNCTIONS = """
CREATE FUNCTION chargeward_stamp_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO subscriptions_tokenstamp (token, at) SELECT r.id, clock_timestamp() FROM rows_ r
        ON CONFLICT (token) DO UPDATE SET at = EXCLUDED.at;
    RETURN NULL;
END $$;
CREATE FUNCTION chargeward_forget_token_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM subscriptions_tokenstamp WHERE token IN (SELECT r.id FROM rows_ r);
    RETURN NULL;
END $$;
CREATE FUNCTION chargeward_forget_location_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM subscriptions_locationstamp WHERE location IN (SELECT r.id FROM rows_ r);
    RETURN NULL;
END $$;
CREATE FUNCTION chargeward_stamp_holder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO subscriptions_holderstamp (kind, holder, at) VALUES (TG_ARGV[0], NEW.id, clock_timestamp())
        ON CONFLICT (kind, holder) DO UPDATE SET at = EXCLUDED.at;
    RETURN NULL;
END $$;
"""


def _after(table, event, function, name):
    rows = "OLD" if event == "DELETE" else "NEW"
    return (
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS rows_\n"
        f"    FOR EACH STATEMENT EXECUTE FUNCTION {function}();\n"
    )


def _places():
    sql = ""
    for table, touched in PLACES.items():
        function = f"chargeward_stamp_{table}"
        # In order, so that two statements never wait for each other.
        sql += f"""
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO subscriptions_locationstamp (location, at)
        SELECT t.id, clock_timestamp() FROM ({touched}) AS t (id) WHERE t.id IS NOT NULL GROUP BY t.id ORDER BY t.id
        ON CONFLICT (location) DO UPDATE SET at = EXCLUDED.at;
    RETURN NULL;
END $$;
"""
        if table != "locations_cpo":
            sql += _after(table, "INSERT", function, "place_is_stamped_new")
        sql += _after(table, "UPDATE", function, "place_is_stamped")
        if table not in ("locations_location", "locations_cpo"):
            sql += _after(table, "DELETE", function, "place_is_stamped_gone")
    # An EVSE that moves leaves a location behind.
    sql += """
CREATE TRIGGER place_is_stamped_left AFTER UPDATE ON locations_evse REFERENCING OLD TABLE AS rows_
    FOR EACH STATEMENT EXECUTE FUNCTION chargeward_stamp_locations_evse();
"""
    return sql + _after("locations_location", "DELETE", "chargeward_forget_location_stamp", "place_stamp_goes")


def _tokens():
    sql = _after("tokens_token", "INSERT", "chargeward_stamp_token", "token_is_stamped_new")
    sql += _after("tokens_token", "UPDATE", "chargeward_stamp_token", "token_is_stamped")
    sql += _after("tokens_token", "DELETE", "chargeward_forget_token_stamp", "token_stamp_goes")
    for kind in ("emsp", "customer", "driver"):
        sql += f"""
CREATE TRIGGER holder_is_stamped AFTER UPDATE OF blocked ON tokens_{kind} FOR EACH ROW
    WHEN (OLD.blocked IS DISTINCT FROM NEW.blocked) EXECUTE FUNCTION chargeward_stamp_holder('{kind}');
"""
    return sql


# What is there already counts as changed now.
FILL = """
INSERT INTO subscriptions_locationstamp (location, at) SELECT id, now() FROM locations_location;
INSERT INTO subscriptions_tokenstamp (token, at) SELECT id, now() FROM tokens_token;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0001_initial'),
        ('authorization', '0006_named_as'),
        ('locations', '0003_grants'),
        ('tokens', '0004_searches'),
    ]

    operations = [
        migrations.RunSQL(sql, migrations.RunSQL.noop)
        for sql in (FUNCTIONS, _places(), _tokens(), FILL, QUICK)
    ]
