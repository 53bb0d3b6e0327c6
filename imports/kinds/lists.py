"""Auth IDs onto a location's authorization list, and how that is undone."""

from imports.kinds import names
from imports.kinds.names import Named
from imports.models import Import
from imports.staging import Tables, Tick, ask, outcomes, run
from locations.access import Scope

ENTRIES = Named("authorization_authorizationlistentry", "location_id", extra=(("added_at", "now()"),))

_KEEP_REMOVED = """
INSERT INTO imports_listchange (of_id, added, entry, token, auth_id, auth_id_entered, added_at)
SELECT %(of)s, false, e.id, e.token_id, e.auth_id, e.auth_id_entered, e.added_at
FROM authorization_authorizationlistentry e WHERE {going}
"""
_KEEP_ADDED = """
INSERT INTO imports_listchange (of_id, added, entry, token, auth_id, auth_id_entered, added_at)
SELECT %(of)s, true, e.id, e.token_id, e.auth_id, e.auth_id_entered, e.added_at
FROM {checked} k JOIN {rows} s ON s.row = k.row
JOIN authorization_authorizationlistentry e ON e.location_id = %(owner)s AND e.auth_id = s.auth_normal
WHERE k.outcome = 'new'
"""
# What the list says, however the tokens behind its names change.
_STATE = """
SELECT md5(coalesce(string_agg(concat_ws(':', id, customer_id, auth_id, CASE WHEN auth_id IS NULL THEN token_id END),
                               ',' ORDER BY id), ''))
FROM authorization_authorizationlistentry WHERE location_id = %s
"""
_TAKE_OFF = """
DELETE FROM authorization_authorizationlistentry e USING imports_listchange c
WHERE c.of_id = %(of)s AND c.added AND e.id = c.entry AND e.location_id = %(owner)s
"""
_NAMELESS_GONE = """
SELECT EXISTS (SELECT FROM imports_listchange c
               WHERE c.of_id = %(of)s AND NOT c.added AND c.auth_id IS NULL
                 AND NOT EXISTS (SELECT FROM tokens_token t WHERE t.id = c.token))
"""
_EXTERNALS = """
INSERT INTO tokens_token (type, auth_id, visual_number, issuer, valid, whitelist, language, external)
SELECT 'OTHER', c.auth_id_entered, '', '', true, 'ALLOWED', '', true FROM imports_listchange c
WHERE c.of_id = %(of)s AND NOT c.added AND c.auth_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = c.auth_id)
ON CONFLICT (auth_id_normal) WHERE external DO NOTHING
"""
_PUT_BACK = """
INSERT INTO authorization_authorizationlistentry (location_id, token_id, auth_id_entered, added_at)
SELECT %(owner)s, CASE WHEN c.auth_id IS NULL THEN c.token ELSE (
    SELECT t.id FROM tokens_token t WHERE t.auth_id_normal = c.auth_id ORDER BY t.external, t.id LIMIT 1
) END, c.auth_id_entered, c.added_at
FROM imports_listchange c WHERE c.of_id = %(of)s AND NOT c.added ORDER BY c.entry
"""


class Touched(Exception):
    """Something else has changed the list since."""


def _owner(of: Import) -> int:
    assert of.location_id is not None  # noqa: S101 - the kind's target, by a constraint
    return of.location_id


def lock(of: Import) -> None:
    """As change_authorization_list does: all changes of one list happen one after the other."""
    run("SELECT FROM locations_location WHERE id = %s FOR NO KEY UPDATE", [of.location_id])


def check(of: Import, tables: Tables, scope: Scope) -> dict[str, int]:
    return names.check(ENTRIES, _owner(of), of, tables, scope)


def first_rows(of: Import, tables: Tables, most: int) -> list[dict[str, object]]:
    return names.first_rows(ENTRIES, tables, most)


def apply(of: Import, tables: Tables, tick: Tick) -> None:
    owner = _owner(of)
    parameters = {"of": of.pk, "owner": owner}
    if of.clear and of.totals["removed"]:
        going = names.GOING.format(**vars(tables), owner=ENTRIES.owner)
        run(_KEEP_REMOVED.format(going=going), parameters)
        names.remove(ENTRIES, owner, tables)
    if outcomes(tables).get("new"):
        names.add(ENTRIES, owner, tables, tick)
        run(_KEEP_ADDED.format(**vars(tables)), parameters)
    of.list_after = state(of)


def state(of: Import) -> str:
    """A fingerprint of what the list says."""
    return str(ask(_STATE, [of.location_id])[0][0])


def undo(of: Import) -> None:
    """Takes off what the import put on the list, and puts back what it took off. Call with the list locked.

    Raises Touched where the list is not as the import left it.
    """
    parameters = {"of": of.pk, "owner": _owner(of)}
    if state(of) != of.list_after or ask(_NAMELESS_GONE, parameters)[0][0]:
        raise Touched
    run(_TAKE_OFF, parameters)
    run(_EXTERNALS, parameters)
    run(_PUT_BACK, parameters)
