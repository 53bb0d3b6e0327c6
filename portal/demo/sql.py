"""How the rows of portal.demo.rows become rows of the database. `staged` holds them, `nth` in their order."""

# ruff: noqa: S608 - put together from the constants of this module
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """columns: of the staging table, in the order of the row's fields. inserts: run one after the other."""

    columns: str
    inserts: tuple[str, ...]


def _cpo(code: str, name: str = "c") -> str:
    return f"JOIN locations_cpo {name} ON {name}.country_code || '-' || {name}.party_id = {code}"


def _emsp(code: str, name: str = "m") -> str:
    return f"JOIN tokens_emsp {name} ON {name}.country_code || '-' || {name}.party_id = {code}"


_LOCATION = f"{_cpo('s.cpo')} JOIN locations_location l ON l.cpo_id = c.id AND l.location_id = s.location_id"
_OWNERS = (
    f"LEFT {_cpo('substr(s.owner, 5)')} AND starts_with(s.owner, 'cpo:') "
    f"LEFT {_emsp('substr(s.owner, 6)')} AND starts_with(s.owner, 'emsp:')"
)

_CPOS = f"""
    INSERT INTO locations_cpo (country_code, party_id, name, parent_id, time_zone)
    SELECT split_part(s.code, '-', 1), split_part(s.code, '-', 2), s.name, p.id, s.time_zone
    FROM staged s LEFT {_cpo("s.parent", "p")}
    WHERE s.parent IS NULL OR p.id IS NOT NULL ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_LOCATIONS = f"""
    INSERT INTO locations_location (cpo_id, location_id, name, address, city, postal_code, country, latitude,
                                    longitude, time_zone, published)
    SELECT c.id, s.location_id, s.name, s.address, s.city, s.postal_code, s.country, s.latitude, s.longitude,
           s.time_zone, s.published
    FROM staged s {_cpo("s.cpo")} ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_STATIONS = f"""
    INSERT INTO locations_chargestation (location_id, identity, authorization_required, local_pre_authorize,
                                         local_authorize_offline, allow_offline_unknown, smart_button)
    SELECT l.id, s.identity, s.required, s.pre, s.offline, s.unknown, s.button
    FROM staged s {_LOCATION} ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_EVSES = f"""
    INSERT INTO locations_evse (location_id, station_id, uid, evse_id)
    SELECT l.id, st.id, s.uid, s.evse_id
    FROM staged s {_LOCATION}
    LEFT JOIN locations_chargestation st ON st.identity_normal = upper(s.station) AND st.location_id = l.id
    ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_EMSPS = """
    INSERT INTO tokens_emsp (country_code, party_id, name, blocked)
    SELECT split_part(s.code, '-', 1), split_part(s.code, '-', 2), s.name, s.blocked
    FROM staged s ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_CUSTOMERS = f"""
    INSERT INTO tokens_customer (emsp_id, external_id, name, blocked)
    SELECT m.id, s.external_id, s.name, s.blocked FROM staged s {_emsp("s.emsp")} ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_DRIVERS = f"""
    INSERT INTO tokens_driver (customer_id, external_id, name, blocked)
    SELECT k.id, s.external_id, s.name, s.blocked
    FROM staged s {_emsp("s.emsp")} JOIN tokens_customer k ON k.emsp_id = m.id AND k.external_id = s.customer
    ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_TOKENS = f"""
    INSERT INTO tokens_token (emsp_id, customer_id, driver_id, type, uid, auth_id, visual_number, issuer, valid,
                              whitelist, expires_at, language, external)
    SELECT m.id, k.id, d.id, s.type, s.uid, s.auth_id, s.visual_number, s.issuer, s.valid, s.whitelist, s.expires_at,
           s.language, s.external
    FROM staged s
    LEFT {_emsp("s.emsp")}
    LEFT JOIN tokens_customer k ON k.emsp_id = m.id AND k.external_id = s.customer
    LEFT JOIN tokens_driver d ON d.customer_id = k.id AND d.external_id = s.driver
    WHERE s.uid IS NOT NULL
       OR NOT EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = chargeward_auth_id(s.auth_id))
    ORDER BY s.nth ON CONFLICT DO NOTHING
"""
_GROUPS = f"""
    INSERT INTO authorization_exceptiongroup (name, notes, category, owner_cpo_id, owner_emsp_id)
    SELECT s.name, s.notes, s.category, c.id, m.id FROM staged s {_OWNERS}
    WHERE NOT EXISTS (SELECT FROM authorization_exceptiongroup g WHERE g.name = s.name) ORDER BY s.nth
"""
# The least of the tokens that carry an Auth ID stands for all of them.
_NAMED = """
    (SELECT t.id FROM tokens_token t WHERE t.type = s.key AND t.uid_normal = s.below
     UNION ALL
     SELECT min(t.id) FROM tokens_token t WHERE s.key = '' AND t.auth_id_normal = s.below
     LIMIT 1)
"""
_MEMBER = {
    "cpo": f"{_cpo('s.key', 'x')}",
    "location": f"{_cpo('s.key')} JOIN locations_location x ON x.cpo_id = c.id AND x.location_id = s.below",
    "emsp": f"{_emsp('s.key', 'x')}",
    "customer": f"{_emsp('s.key')} JOIN tokens_customer x ON x.emsp_id = m.id AND x.external_id = s.below",
    "driver": f"{_emsp('s.key')} JOIN tokens_customer k ON k.emsp_id = m.id "
    "AND k.external_id = split_part(s.below, ' ', 1) "
    "JOIN tokens_driver x ON x.customer_id = k.id AND x.external_id = split_part(s.below, ' ', 2)",
    "token": f"JOIN LATERAL {_NAMED} x ON x.id IS NOT NULL",
}


def _members(category: str) -> str:
    return f"""
        INSERT INTO authorization_groupmember (group_id, category, {category}_id)
        SELECT g.id, g.category, x.id
        FROM staged s JOIN authorization_exceptiongroup g ON g.name = s.name AND g.category = s.category
        {_MEMBER[category]}
        WHERE s.category = '{category}' ORDER BY s.nth ON CONFLICT DO NOTHING
    """


_EXCEPTIONS = f"""
    INSERT INTO authorization_chargeexception (name, notes, enabled, action, direction, valid_from, valid_until,
                                               owner_cpo_id, owner_emsp_id)
    SELECT s.name, s.notes, s.enabled, s.action, s.direction, s.first, s.last, c.id, m.id FROM staged s {_OWNERS}
    WHERE NOT EXISTS (SELECT FROM authorization_chargeexception e WHERE e.name = s.name) ORDER BY s.nth
"""


def _links(side: str, categories: str) -> str:
    return f"""
        INSERT INTO authorization_exception{side}group (exception_id, group_id)
        SELECT e.id, g.id
        FROM staged s
        JOIN authorization_chargeexception e ON e.name = s.exception
        JOIN authorization_exceptiongroup g ON g.name = s.name AND g.category IN ({categories})
        ORDER BY s.nth ON CONFLICT DO NOTHING
    """


def _lists(kind: str, column: str, join: str) -> str:
    return f"""
        INSERT INTO authorization_authorizationlistentry (location_id, {column}, added_at)
        SELECT l.id, x.id, now() FROM staged s {_LOCATION} {join}
        WHERE s.kind = '{kind}' ORDER BY s.nth ON CONFLICT DO NOTHING
    """


# CPOs twice: sub-CPOs after those above them.
TABLES = {
    "cpos": Table("code text, name text, parent text, time_zone text", (_CPOS, _CPOS)),
    "locations": Table(
        "cpo text, location_id text, name text, address text, city text, postal_code text, country text, "
        "latitude numeric, longitude numeric, time_zone text, published boolean",
        (_LOCATIONS,),
    ),
    "stations": Table(
        "cpo text, location_id text, identity text, required boolean, pre boolean, offline boolean, unknown boolean, "
        "button boolean",
        (_STATIONS,),
    ),
    "evses": Table("cpo text, location_id text, station text, uid text, evse_id text", (_EVSES,)),
    "emsps": Table("code text, name text, blocked boolean", (_EMSPS,)),
    "customers": Table("emsp text, external_id text, name text, blocked boolean", (_CUSTOMERS,)),
    "drivers": Table("emsp text, customer text, external_id text, name text, blocked boolean", (_DRIVERS,)),
    "tokens": Table(
        "emsp text, customer text, driver text, type text, uid text, auth_id text, visual_number text, issuer text, "
        "valid boolean, whitelist text, expires_at timestamptz, language text, external boolean",
        (_TOKENS,),
    ),
    "groups": Table("name text, category text, owner text, notes text", (_GROUPS,)),
    "members": Table(
        "name text, category text, key text, below text",
        tuple(_members(category) for category in _MEMBER),
    ),
    "exceptions": Table(
        "name text, action text, direction text, owner text, first timestamp, last timestamp, "
        "enabled boolean, notes text",
        (_EXCEPTIONS,),
    ),
    "links": Table(
        "exception text, name text",
        (_links("cpo", "'cpo', 'location'"), _links("emsp", "'emsp', 'customer', 'driver', 'token'")),
    ),
    "lists": Table(
        "cpo text, location_id text, kind text, key text, below text",
        (
            _lists("customer", "customer_id", _MEMBER["customer"]),
            _lists("token", "token_id", _MEMBER["token"]),
        ),
    ),
}
