"""Every change that a partner is pushed is a delivery of the same transaction, whoever makes it.

Each function works for a whole statement, and returns at once while nobody is pushed the module. It is coarse where the
exact answer is dear: whether the partner sees an object is asked again when it is sent.
"""

from importlib import import_module

from django.db import migrations

QUICK = import_module("authorization.migrations.0002_rules").QUICK

# Who is pushed what, and of whom: sub-CPOs with their parent. Statements read it once (MATERIALIZED).
PUSHING = """
CREATE FUNCTION chargeward_pushing() RETURNS TABLE (
    endpoint bigint, module varchar, subscription bigint, role varchar, all_cpos boolean, cpos bigint[], emsps bigint[]
) LANGUAGE sql STABLE AS $$
    SELECT p.id, p.module, s.id, s.role, s.all_cpos,
        ARRAY(
            WITH RECURSIVE below (id) AS (
                SELECT c.cpo_id FROM subscriptions_subscription_cpos c WHERE c.subscription_id = s.id
                UNION SELECT o.id FROM locations_cpo o JOIN below b ON o.parent_id = b.id
            )
            SELECT id FROM below
        ),
        ARRAY(SELECT e.emsp_id FROM subscriptions_subscription_emsps e WHERE e.subscription_id = s.id)
    FROM subscriptions_pushendpoint p JOIN subscriptions_subscription s ON s.id = p.subscription_id
    WHERE p.off_at IS NULL AND p.module = ANY (s.modules)
$$;
"""
NOTHING = "'[]'::jsonb"


def _deliver(rows, *, single=False):
    """rows: SELECT endpoint, object, known, gone; single: each object once, so that a million need no grouping.

    Written in order, so that two statements never wait for each other. By EXECUTE, which plans it for the rows at hand:
    PL/pgSQL would keep the plan of one row, and join a hundred thousand in a nested loop by it.
    """
    known, gone, group = "x.known", "x.gone", ""
    if not single:
        known, group = "bool_or(x.known)", "GROUP BY 1, 2"
        gone = f"coalesce(jsonb_path_query_array(jsonb_agg(x.gone), '$[*][*]'), {NOTHING})"
    return f"""
    EXECUTE $push$ INSERT INTO subscriptions_delivery AS d (
        endpoint_id, object_id, known, gone, state, version, since, next_at, attempts, named, answer
    )
    SELECT x.endpoint, x.object, {known}, {gone}, 'waiting', 1, clock_timestamp(), clock_timestamp(), 0, '', ''
    FROM ({rows}) AS x (endpoint, object, known, gone) {group} ORDER BY 1, 2
    ON CONFLICT (endpoint_id, object_id) DO UPDATE SET
        known = d.known OR EXCLUDED.known, gone = d.gone || EXCLUDED.gone, state = 'waiting', version = d.version + 1,
        since = CASE d.state WHEN 'waiting' THEN d.since ELSE EXCLUDED.since END,
        next_at = CASE d.state WHEN 'waiting' THEN least(d.next_at, EXCLUDED.next_at) ELSE EXCLUDED.next_at END,
        attempts = CASE d.state WHEN 'waiting' THEN d.attempts ELSE 0 END $push$;
    GET DIAGNOSTICS told = ROW_COUNT;
    IF told > 0 THEN
        PERFORM pg_notify('chargeward_push', '');
    END IF;
"""


def _pushed(*modules):
    listed = ", ".join(f"'{module}'" for module in modules)
    return f"EXISTS (SELECT FROM subscriptions_pushendpoint WHERE module IN ({listed}) AND off_at IS NULL)"


def _pushing(module):
    return f"p AS MATERIALIZED (SELECT * FROM chargeward_pushing() WHERE module = '{module}')"


def _function(name, modules, body):
    """body: {operation: statements} of a trigger's function."""
    branches = "".join(f"IF TG_OP = '{operation}' THEN {does} END IF;\n" for operation, does in body.items())
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told bigint;
BEGIN
    IF NOT {_pushed(*modules)} THEN
        RETURN NULL;
    END IF;
    {branches}
    RETURN NULL;
END $$;
"""


ROWS = {
    "INSERT": "REFERENCING NEW TABLE AS new_",
    "UPDATE": "REFERENCING OLD TABLE AS old_ NEW TABLE AS new_",
    "DELETE": "REFERENCING OLD TABLE AS old_",
}


def _triggers(table, function, *events):
    return "".join(
        f"CREATE TRIGGER is_pushed_{event.lower()} AFTER {event} ON {table} {ROWS[event]}\n"
        f"    FOR EACH STATEMENT EXECUTE FUNCTION {function}();\n"
        for event in events
    )


# A location, of the CPO `cpo`; whether the partner could see it before as far as that is cheap to say.
def _places(rows):
    """rows: SELECT location, cpo, known, gone."""
    return _deliver(
        f"""
        WITH {_pushing("locations")}, t (location, cpo, known, gone) AS ({rows})
        SELECT p.endpoint, t.location, t.known, t.gone FROM t JOIN p ON p.all_cpos OR t.cpo = ANY (p.cpos)
        """
    )


def _at(location, *more):
    """The address of a location that was, of the row `location` and its CPO c."""
    parts = ", ".join(["c.country_code", "c.party_id", f"{location}.location_id", *more])
    return f"jsonb_build_array(jsonb_build_array({parts}))"


LOCATIONS = {
    "INSERT": _places(f"SELECT n.id, n.cpo_id, false, {NOTHING} FROM new_ n"),
    "UPDATE": _places(
        f"""
        SELECT n.id, n.cpo_id, o.published, CASE
            WHEN o.published AND (o.cpo_id, o.location_id) IS DISTINCT FROM (n.cpo_id, n.location_id) THEN {_at("o")}
            ELSE {NOTHING} END
        FROM new_ n JOIN old_ o ON o.id = n.id JOIN locations_cpo c ON c.id = o.cpo_id WHERE n IS DISTINCT FROM o
        UNION ALL
        SELECT n.id, o.cpo_id, o.published, {NOTHING}
        FROM new_ n JOIN old_ o ON o.id = n.id WHERE o.cpo_id <> n.cpo_id
        """
    ),
    "DELETE": _places(
        f"""
        SELECT o.id, o.cpo_id, o.published, CASE WHEN o.published THEN {_at("o")} ELSE {NOTHING} END
        FROM old_ o JOIN locations_cpo c ON c.id = o.cpo_id
        """
    ),
}
_EVSE_LEFT = f"""
    SELECT o.location_id, l.cpo_id, false, {_at("l", "o.uid")}
    FROM old_ o JOIN locations_location l ON l.id = o.location_id JOIN locations_cpo c ON c.id = l.cpo_id
"""
EVSES = {
    "INSERT": _places(
        f"""
        SELECT n.location_id, l.cpo_id, false, {NOTHING}
        FROM new_ n JOIN locations_location l ON l.id = n.location_id
        """
    ),
    "UPDATE": _places(
        f"""
        SELECT n.location_id, l.cpo_id, false, {NOTHING}
        FROM new_ n JOIN old_ o ON o.id = n.id JOIN locations_location l ON l.id = n.location_id
        WHERE (o.uid, o.evse_id, o.location_id) IS DISTINCT FROM (n.uid, n.evse_id, n.location_id)
        UNION ALL
        {_EVSE_LEFT} JOIN new_ n ON n.id = o.id WHERE (o.uid, o.location_id) IS DISTINCT FROM (n.uid, n.location_id)
        """
    ),
    "DELETE": _places(_EVSE_LEFT),
}


# Who is on a location's list lets the eMSPs' partners see it.
def _listed(rows, *, before):
    known = "false"
    if before:
        known = f"""p.role = 'EMSP' AND (
            EXISTS (SELECT FROM tokens_customer c WHERE c.id = r.customer_id AND c.emsp_id = ANY (p.emsps))
            OR EXISTS (SELECT FROM tokens_token t WHERE t.id = r.token_id AND t.emsp_id = ANY (p.emsps))
            OR EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = r.auth_id AND t.emsp_id = ANY (p.emsps))
        )"""
    return f"""
        SELECT p.endpoint, r.location_id, {known}, {NOTHING}
        FROM {rows} r JOIN locations_location l ON l.id = r.location_id
        JOIN p ON p.all_cpos OR l.cpo_id = ANY (p.cpos)
    """


def _lists(*parts):
    return _deliver(f"WITH {_pushing('locations')} {' UNION ALL '.join(parts)}")


LISTS = {
    "INSERT": _lists(_listed("new_", before=False)),
    "UPDATE": _lists(_listed("new_", before=False), _listed("old_", before=True)),
    "DELETE": _lists(_listed("old_", before=True)),
}
# A CPO's name is shown with its locations, its party is in their addresses, its parent says in whose scope they are.
CPOS = {
    "UPDATE": _deliver(
        f"""
        WITH RECURSIVE {_pushing("locations")}, below (id) AS (
            SELECT n.id FROM new_ n JOIN old_ o ON o.id = n.id
            WHERE (o.name, o.country_code, o.party_id, o.parent_id)
                IS DISTINCT FROM (n.name, n.country_code, n.party_id, n.parent_id)
            UNION SELECT c.id FROM locations_cpo c JOIN below b ON c.parent_id = b.id
        ), t AS (SELECT l.id, l.cpo_id FROM locations_location l WHERE l.cpo_id IN (SELECT id FROM below))
        SELECT p.endpoint, t.id, false, {NOTHING} FROM t JOIN p ON p.all_cpos OR t.cpo_id = ANY (p.cpos)
        UNION ALL
        SELECT p.endpoint, t.id, false, {NOTHING}
        FROM t JOIN subscriptions_delivery d ON d.object_id = t.id JOIN p ON p.endpoint = d.endpoint_id
        """
    )
}

# Tokens, and the private locations that a carrier of a listed Auth ID may use.
_SHOWN = (
    "uid", "type", "auth_id", "visual_number", "issuer", "valid", "whitelist", "language", "emsp_id", "customer_id",
    "driver_id", "expires_at",
)


def _columns(row):
    return ", ".join(f"{row}.{column}" for column in _SHOWN)


def _token_at(row):
    return f"jsonb_build_array(jsonb_build_array(e.country_code, e.party_id, {row}.uid))"


def _carried(rows, known):
    return f"""
        SELECT p.endpoint, l.id, {known}, {NOTHING}
        FROM {rows} JOIN authorization_authorizationlistentry i ON i.auth_id = r.auth_id_normal
        JOIN locations_location l ON l.id = i.location_id
        JOIN p ON p.role = 'EMSP' AND r.emsp_id = ANY (p.emsps) AND (p.all_cpos OR l.cpo_id = ANY (p.cpos))
    """


_MOVED = "WHERE (o.auth_id_normal, o.emsp_id) IS DISTINCT FROM (n.auth_id_normal, n.emsp_id)"


def _guests(*parts):
    return f"""
    IF {_pushed("locations")} THEN
        {_deliver(f"WITH {_pushing('locations')} {' UNION ALL '.join(parts)}")}
    END IF;
    """


TOKENS = {
    "INSERT": _deliver(
        f"""
        WITH {_pushing("tokens")}
        SELECT p.endpoint, n.id, false, {NOTHING} FROM new_ n JOIN p ON n.emsp_id = ANY (p.emsps)
        WHERE n.uid IS NOT NULL
        """,
        single=True,
    )
    + _guests(_carried("new_ r", "false")),
    "UPDATE": _deliver(
        f"""
        WITH {_pushing("tokens")}
        SELECT p.endpoint, n.id, o.uid IS NOT NULL AND coalesce(o.emsp_id = ANY (p.emsps), false), CASE
            WHEN o.emsp_id = ANY (p.emsps) AND o.uid IS NOT NULL
                AND (o.uid, o.emsp_id) IS DISTINCT FROM (n.uid, n.emsp_id) THEN {_token_at("o")} ELSE {NOTHING} END
        FROM new_ n JOIN old_ o ON o.id = n.id LEFT JOIN tokens_emsp e ON e.id = o.emsp_id
        JOIN p ON n.emsp_id = ANY (p.emsps) OR o.emsp_id = ANY (p.emsps)
        WHERE ({_columns("o")}) IS DISTINCT FROM ({_columns("n")}) AND (n.uid IS NOT NULL OR o.uid IS NOT NULL)
        """,
        single=True,
    )
    + _guests(
        _carried(f"(SELECT n.* FROM new_ n JOIN old_ o ON o.id = n.id {_MOVED}) r", "false"),
        _carried(f"(SELECT o.* FROM new_ n JOIN old_ o ON o.id = n.id {_MOVED}) r", "true"),
    ),
    "DELETE": _deliver(
        f"""
        WITH {_pushing("tokens")}
        SELECT p.endpoint, o.id, true, {_token_at("o")}
        FROM old_ o JOIN tokens_emsp e ON e.id = o.emsp_id JOIN p ON o.emsp_id = ANY (p.emsps) WHERE o.uid IS NOT NULL
        """,
        single=True,
    )
    + _guests(_carried("old_ r", "true")),
}


# Who is blocked is blocked with all tokens; a token without an issuer shows its eMSP's name.
def _holder(kind, *columns):
    distinct = " OR ".join(f"o.{column} IS DISTINCT FROM n.{column}" for column in columns)
    return {
        "UPDATE": _deliver(
            f"""
            WITH {_pushing("tokens")}
            SELECT p.endpoint, t.id, false, {NOTHING}
            FROM new_ n JOIN old_ o ON o.id = n.id JOIN tokens_token t ON t.{kind}_id = n.id
            JOIN p ON t.emsp_id = ANY (p.emsps) WHERE ({distinct}) AND t.uid IS NOT NULL
            """
        )
    }


# Sessions and CDRs are pushed to the eMSP whose card it was, and never back to who sent them.
_RELAYED = _deliver(
    f"""
    WITH p AS MATERIALIZED (SELECT * FROM chargeward_pushing() WHERE module IN ('sessions', 'cdrs'))
    SELECT p.endpoint, n.id, false, {NOTHING}
    FROM new_ n JOIN p ON p.module = n.kind AND p.subscription <> n.subscription_id
        AND n.cpo_id IS NOT NULL AND (p.all_cpos OR n.cpo_id = ANY (p.cpos))
        AND EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = n.auth_id AND t.emsp_id = ANY (p.emsps))
    """
)
# What a station is told that partners are to hear of: by its CPO alone.
_MESSAGES = _deliver(
    f"""
    WITH {_pushing("chargestationnotifications")}
    SELECT p.endpoint, n.id, false, {NOTHING}
    FROM new_ n JOIN locations_location l ON l.id = n.location_id JOIN p ON p.all_cpos OR l.cpo_id = ANY (p.cpos)
    WHERE n.notifies
    """
)

# What a partner was told is looked at again when its scope changes: some of it may not be its business any more.
_SCOPE = """
CREATE FUNCTION chargeward_push_scope() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of bigint := CASE WHEN TG_TABLE_NAME = 'subscriptions_subscription' THEN to_jsonb(NEW) ->> 'id'
        ELSE coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> 'subscription_id' END;
BEGIN
    UPDATE subscriptions_delivery d SET
        version = version + 1, since = CASE state WHEN 'waiting' THEN since ELSE clock_timestamp() END,
        next_at = clock_timestamp(), attempts = 0, state = 'waiting'
    FROM subscriptions_pushendpoint p
    WHERE p.subscription_id = of AND d.endpoint_id = p.id AND p.module IN ('locations', 'tokens')
        AND d.sent IS NOT NULL;
    IF FOUND THEN
        PERFORM pg_notify('chargeward_push', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER scope_is_pushed AFTER UPDATE OF all_cpos ON subscriptions_subscription
    FOR EACH ROW WHEN (OLD.all_cpos IS DISTINCT FROM NEW.all_cpos) EXECUTE FUNCTION chargeward_push_scope();
CREATE TRIGGER scope_is_pushed AFTER INSERT OR DELETE ON subscriptions_subscription_cpos
    FOR EACH ROW EXECUTE FUNCTION chargeward_push_scope();
CREATE TRIGGER scope_is_pushed AFTER INSERT OR DELETE ON subscriptions_subscription_emsps
    FOR EACH ROW EXECUTE FUNCTION chargeward_push_scope();

CREATE FUNCTION chargeward_push_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM subscriptions_delivery WHERE endpoint_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER push_ends AFTER DELETE ON subscriptions_pushendpoint
    FOR EACH ROW EXECUTE FUNCTION chargeward_push_ends();
"""

# table: modules, and what each operation on it pushes.
WATCHED = {
    "locations_location": (["locations"], LOCATIONS),
    "locations_evse": (["locations"], EVSES),
    "authorization_authorizationlistentry": (["locations"], LISTS),
    "locations_cpo": (["locations"], CPOS),
    "tokens_token": (["tokens", "locations"], TOKENS),
    "tokens_emsp": (["tokens"], _holder("emsp", "blocked", "name", "country_code", "party_id")),
    "tokens_customer": (["tokens"], _holder("customer", "blocked")),
    "tokens_driver": (["tokens"], _holder("driver", "blocked")),
    "subscriptions_relayed": (["sessions", "cdrs"], {"INSERT": _RELAYED, "UPDATE": _RELAYED}),
    "chargers_stationmessage": (["chargestationnotifications"], {"INSERT": _MESSAGES}),
}


def _all():
    sql = ""
    for table, (modules, body) in WATCHED.items():
        function = f"chargeward_push_{table}"
        sql += _function(function, modules, body) + _triggers(table, function, *body)
    return sql


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0003_push'),
        ('authorization', '0006_named_as'),
        ('chargers', '0001_initial'),
        ('locations', '0003_grants'),
        ('tokens', '0004_searches'),
    ]

    operations = [
        migrations.RunSQL(sql, migrations.RunSQL.noop)
        for sql in (PUSHING, _all(), _SCOPE, QUICK)
    ]
