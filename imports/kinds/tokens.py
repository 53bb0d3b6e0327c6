"""Tokens into an eMSP: a row with a uid is that token, one without is the eMSP's only token of its Auth ID."""

from typing import Any

from imports import staging
from imports.models import Import
from imports.staging import Tables, Tick, ask, outcomes, plain_text, run
from locations.access import Scope
from tokens.access import emsps

# Who carries, or has named, an Auth ID that is another party's: services.names.others_auth_ids, set-wise.
_OTHERS = """
    (EXISTS (SELECT FROM tokens_token o
             WHERE o.auth_id_normal = s.auth_normal AND NOT coalesce(o.emsp_id = ANY (%(emsps)s), false))
     OR EXISTS (SELECT FROM authorization_groupmember m JOIN authorization_exceptiongroup g ON g.id = m.group_id
                WHERE m.auth_id = s.auth_normal AND NOT coalesce(g.owner_cpo_id = ANY (%(cpos)s), false)
                  AND NOT coalesce(g.owner_emsp_id = ANY (%(emsps)s), false))
     OR EXISTS (SELECT FROM authorization_authorizationlistentry e JOIN locations_location l ON l.id = e.location_id
                WHERE e.auth_id = s.auth_normal AND NOT l.cpo_id = ANY (%(cpos)s)))
"""

# One row for each row of the file. `token`: the one it is, or NULL; then what it would hold, and what is wrong.
# Of a row that has no uid: how many tokens of the eMSP carry its Auth ID, and the least of them.
_CHECK = """
CREATE UNLOGGED TABLE {checked} AS
WITH named AS (
    SELECT t.auth_id_normal, min(t.id) AS id, count(*) AS times FROM tokens_token t
    WHERE t.emsp_id = %(emsp)s
      AND t.auth_id_normal IN (SELECT auth_normal FROM {rows} WHERE NOT bad AND uid_normal IS NULL)
    GROUP BY t.auth_id_normal
), with_uid AS (
    SELECT auth_normal, min(row) AS row FROM {rows}
    WHERE uid_normal IS NOT NULL
      AND auth_normal IN (SELECT auth_normal FROM {rows} WHERE NOT bad AND uid_normal IS NULL)
    GROUP BY auth_normal
), twice_uid AS (
    SELECT type, uid_normal, min(row) AS row FROM {rows} WHERE uid_normal IS NOT NULL
    GROUP BY type, uid_normal HAVING count(*) > 1
), twice_name AS (
    SELECT auth_normal, min(row) AS row FROM {rows} WHERE NOT bad AND uid_normal IS NULL
    GROUP BY auth_normal HAVING count(*) > 1
), twice_token AS (
    SELECT n.id, min(least(s.row, u.row)) AS row
    FROM named n JOIN tokens_token t ON t.id = n.id
    JOIN {rows} u ON u.type = t.type AND u.uid_normal = t.uid_normal
    JOIN {rows} s ON NOT s.bad AND s.uid_normal IS NULL AND s.auth_normal = n.auth_id_normal
    WHERE n.times = 1 GROUP BY n.id
), drivers AS (
    SELECT d.id, d.customer_id, d.external_id
    FROM tokens_driver d JOIN tokens_customer c ON c.id = d.customer_id AND c.emsp_id = %(emsp)s
    WHERE d.external_id IN (SELECT driver_external_id FROM {rows})
), drivers_by_name AS (
    SELECT external_id, min(id) AS id, min(customer_id) AS customer_id, count(*) AS times
    FROM drivers GROUP BY external_id
), matched AS (
    SELECT s.*, u.id AS same_uid, u.emsp_id AS same_uid_of, n.times, w.row AS with_uid,
           CASE WHEN s.uid_normal IS NULL THEN n.id WHEN u.emsp_id = %(emsp)s THEN u.id END AS token,
           d.row AS first_of_uid, e.row AS first_of_name
    FROM {rows} s
    LEFT JOIN tokens_token u ON u.type = s.type AND u.uid_normal = s.uid_normal
    LEFT JOIN named n ON s.uid_normal IS NULL AND n.auth_id_normal = s.auth_normal
    LEFT JOIN with_uid w ON s.uid_normal IS NULL AND n.id IS NULL AND w.auth_normal = s.auth_normal
    LEFT JOIN twice_uid d ON d.type = s.type AND d.uid_normal = s.uid_normal
    LEFT JOIN twice_name e ON s.uid_normal IS NULL AND e.auth_normal = s.auth_normal
    WHERE NOT s.bad
), related AS (
    SELECT s.*, t.type AS old_type, t.auth_id_normal AS old_name, c.id AS said_customer,
           coalesce(c.id, t.customer_id) AS own_customer, t.driver_id AS old_driver,
           k.customer_id AS old_drivers_customer, w.row AS first_of_token
    FROM matched s
    LEFT JOIN tokens_token t ON t.id = s.token
    LEFT JOIN tokens_driver k ON k.id = t.driver_id
    LEFT JOIN twice_token w ON w.id = s.token
    LEFT JOIN tokens_customer c ON c.emsp_id = %(emsp)s AND c.external_id = s.customer_external_id
), placed AS (
    SELECT s.*, coalesce(o.id, n.id) AS said_driver, n.times AS drivers,
           coalesce(s.own_customer, n.customer_id) AS customer, coalesce(o.id, n.id, s.old_driver) AS driver
    FROM related s
    LEFT JOIN drivers o ON o.customer_id = s.own_customer AND o.external_id = s.driver_external_id
    LEFT JOIN drivers_by_name n ON s.own_customer IS NULL AND n.external_id = s.driver_external_id
), judged AS (
    SELECT s.*,
        CASE WHEN first_of_uid < row THEN 'This uid stands twice in this file, first in row ' || first_of_uid || '.'
             WHEN same_uid_of IS DISTINCT FROM %(emsp)s AND same_uid IS NOT NULL THEN 'This uid is taken.'
        END AS wrong_uid,
        CASE WHEN first_of_name < row
             THEN 'This Auth ID stands twice in this file, first in row ' || first_of_name || '.'
             WHEN times > 1 THEN 'Several tokens carry this Auth ID: say by its uid which of them this is.'
             WHEN with_uid IS NOT NULL
             THEN 'This Auth ID stands twice in this file, with a uid in row ' || with_uid || '.'
             WHEN first_of_token < row THEN 'This is the token of row ' || first_of_token || ' as well.'
             WHEN NOT %(anything)s AND auth_normal IS NOT NULL AND auth_normal IS DISTINCT FROM old_name
                  AND NOT starts_with(auth_normal, %(party)s) AND {others} THEN 'This Auth ID is taken.'
        END AS wrong_auth_id,
        CASE WHEN uid_normal IS NULL AND type <> old_type
             THEN 'The token of this Auth ID is of another type: ' || old_type || '. Say by its uid which one this is.'
        END AS wrong_type,
        CASE WHEN customer_external_id IS NOT NULL AND said_customer IS NULL THEN 'There is no such customer.'
             WHEN driver_external_id IS NULL AND old_drivers_customer <> customer
             THEN 'The driver of this token belongs to another customer.'
        END AS wrong_customer,
        CASE WHEN driver_external_id IS NULL OR (customer_external_id IS NOT NULL AND said_customer IS NULL) THEN NULL
             WHEN said_driver IS NULL THEN 'There is no such driver.'
             WHEN drivers > 1 THEN 'Several drivers have this external ID: say whose (customer_external_id).'
        END AS wrong_driver
    FROM placed s
)
SELECT s.row, s.token, s.customer, s.driver, s.wrong_uid, s.wrong_auth_id, s.wrong_type, s.wrong_customer,
    s.wrong_driver,
    CASE WHEN num_nonnulls(s.wrong_uid, s.wrong_auth_id, s.wrong_type, s.wrong_customer, s.wrong_driver) > 0
         THEN 'error'
         WHEN s.token IS NULL THEN 'new'
         WHEN ROW (t.auth_id_normal, t.customer_id, t.driver_id, t.visual_number, t.issuer, t.valid, t.whitelist,
                   t.expires_at, t.language)
              IS DISTINCT FROM
              ROW (coalesce(s.auth_normal, t.auth_id_normal), s.customer, s.driver,
                   coalesce(s.visual_number, t.visual_number), coalesce(s.issuer, t.issuer), coalesce(s.valid, t.valid),
                   coalesce(s.whitelist, t.whitelist),
                   nullif(coalesce(s.expires_at, t.expires_at), 'infinity'), coalesce(s.language, t.language))
         THEN 'changed' ELSE 'unchanged' END AS outcome
FROM judged s LEFT JOIN tokens_token t ON t.id = s.token
"""

_PROBLEMS = """
INSERT INTO {problems}
SELECT k.row, w.name, w.value, w.message, false
FROM {checked} k JOIN {rows} s ON s.row = k.row, LATERAL (VALUES
    ('uid', s.uid, k.wrong_uid), ('auth_id', s.auth_id, k.wrong_auth_id), ('type', s.type, k.wrong_type),
    ('customer_external_id', s.customer_external_id, k.wrong_customer),
    ('driver_external_id', s.driver_external_id, k.wrong_driver)
) AS w (name, value, message)
WHERE k.outcome = 'error' AND w.message IS NOT NULL
"""

# In the place of an external token of the same Auth ID, which lists and groups name already; of several rows the first.
_TURN = """
WITH turned AS (
UPDATE tokens_token t SET emsp_id = %(emsp)s, external = false, customer_id = n.customer, driver_id = n.driver,
    type = coalesce(n.type, 'RFID'), uid = n.uid, auth_id = n.auth_id, visual_number = coalesce(n.visual_number, ''),
    issuer = coalesce(n.issuer, ''), valid = coalesce(n.valid, true), whitelist = coalesce(n.whitelist, 'ALLOWED'),
    expires_at = nullif(n.expires_at, 'infinity'), language = coalesce(n.language, '')
FROM (
    SELECT DISTINCT ON (s.auth_normal) s.*, k.customer, k.driver
    FROM {checked} k JOIN {rows} s ON s.row = k.row
    WHERE k.outcome = 'new' AND s.auth_normal IS NOT NULL ORDER BY s.auth_normal, s.row
) n
WHERE t.external AND t.auth_id_normal = n.auth_normal
RETURNING n.row
) UPDATE {checked} k SET outcome = 'turned' FROM turned WHERE k.row = turned.row
"""

_INSERT = """
INSERT INTO tokens_token (emsp_id, customer_id, driver_id, type, uid, auth_id, visual_number, issuer, valid, whitelist,
                          expires_at, language, external)
SELECT %(emsp)s, k.customer, k.driver, coalesce(s.type, 'RFID'), s.uid, s.auth_id, coalesce(s.visual_number, ''),
       coalesce(s.issuer, ''), coalesce(s.valid, true), coalesce(s.whitelist, 'ALLOWED'),
       nullif(s.expires_at, 'infinity'), coalesce(s.language, ''), false
FROM {checked} k JOIN {rows} s ON s.row = k.row
WHERE k.outcome = 'new' AND k.row > %(above)s AND k.row <= %(to)s ORDER BY k.row
"""

_UPDATE = """
UPDATE tokens_token t SET
    auth_id = CASE WHEN s.auth_normal IS NULL OR s.auth_normal = t.auth_id_normal THEN t.auth_id ELSE s.auth_id END,
    customer_id = k.customer, driver_id = k.driver, visual_number = coalesce(s.visual_number, t.visual_number),
    issuer = coalesce(s.issuer, t.issuer), valid = coalesce(s.valid, t.valid),
    whitelist = coalesce(s.whitelist, t.whitelist),
    expires_at = nullif(coalesce(s.expires_at, t.expires_at), 'infinity'), language = coalesce(s.language, t.language)
FROM {checked} k JOIN {rows} s ON s.row = k.row
WHERE k.outcome = 'changed' AND t.id = k.token AND t.emsp_id = %(emsp)s AND k.row > %(above)s AND k.row <= %(to)s
"""

_SHOWN = ("uid", "auth_id", "type", "visual_number", "issuer", "valid", "whitelist", "expires_at", "language")
_FIRST = """
SELECT k.row, k.outcome, t.id, {old}, oc.external_id, od.external_id, {new},
       nc.external_id, nd.external_id
FROM {checked} k JOIN {rows} s ON s.row = k.row
LEFT JOIN tokens_token t ON t.id = k.token
LEFT JOIN tokens_customer oc ON oc.id = t.customer_id LEFT JOIN tokens_driver od ON od.id = t.driver_id
LEFT JOIN tokens_customer nc ON nc.id = k.customer LEFT JOIN tokens_driver nd ON nd.id = k.driver
WHERE k.outcome <> 'error' ORDER BY k.row LIMIT %(most)s
"""
_NEW = {
    "uid": "coalesce(t.uid, s.uid)",
    "auth_id": "CASE WHEN s.auth_normal IS NULL OR s.auth_normal = t.auth_id_normal THEN t.auth_id ELSE s.auth_id END",
    "type": "coalesce(t.type, s.type, 'RFID')",
    "visual_number": "coalesce(s.visual_number, t.visual_number, '')",
    "issuer": "coalesce(s.issuer, t.issuer, '')",
    "valid": "coalesce(s.valid, t.valid, true)",
    "whitelist": "coalesce(s.whitelist, t.whitelist, 'ALLOWED')",
    "expires_at": "nullif(coalesce(s.expires_at, t.expires_at), 'infinity')",
    "language": "coalesce(s.language, t.language, '')",
}


def lock(of: Import) -> None:
    """Two imports into one eMSP happen one after the other. Other changes of its tokens do not wait."""
    run("SELECT pg_advisory_xact_lock(hashtext('imports.tokens'), %s::int)", [of.emsp_id])


def check(of: Import, tables: Tables, scope: Scope) -> dict[str, int]:
    names = vars(tables)
    emsp: Any = of.emsp
    parameters = {
        "emsp": emsp.pk,
        "party": emsp.country_code + emsp.party_id,
        "anything": scope.everything,
        "emsps": sorted(emsps(scope)),
        "cpos": sorted(scope.cpos),
    }
    run(_CHECK.format(**names, others=_OTHERS), parameters)
    staging.index_checked(tables)
    run(_PROBLEMS.format(**names))
    return outcomes(tables)


def apply(of: Import, tables: Tables, tick: Tick) -> None:
    names, parameters = vars(tables), {"emsp": of.emsp_id}
    found = outcomes(tables)
    if found.get("new"):
        turned = run(_TURN.format(**names), parameters) if _any_external(tables) else 0
        if turned < found["new"]:
            staging.apply(tables, _INSERT.format(**names), parameters, tick)
    if found.get("changed"):
        staging.apply(tables, _UPDATE.format(**names), parameters, tick)


def _any_external(tables: Tables) -> bool:
    """A statement that touches no row counts as a change all the same, so it is only run where it does."""
    sql = """
        SELECT EXISTS (SELECT FROM {checked} k JOIN {rows} s ON s.row = k.row JOIN tokens_token t
                       ON t.external AND t.auth_id_normal = s.auth_normal WHERE k.outcome = 'new')
    """
    return bool(ask(sql.format(**vars(tables)))[0][0])


def first_rows(of: Import, tables: Tables, most: int) -> list[dict[str, object]]:
    old = ", ".join(f"t.{name}" for name in _SHOWN)
    new = ", ".join(_NEW[name] for name in _SHOWN)
    columns = (*_SHOWN, "customer_external_id", "driver_external_id")
    found = []
    for row, outcome, pk, *values in ask(_FIRST.format(**vars(tables), old=old, new=new), {"most": most}):
        half = len(columns)
        before, after = ([plain_text(value) for value in part] for part in (values[:half], values[half:]))
        found.append(
            {
                "row": row,
                "outcome": outcome,
                "before": dict(zip(columns, before, strict=True)) if pk is not None else None,
                "after": dict(zip(columns, after, strict=True)),
            }
        )
    return found
