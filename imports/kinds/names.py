"""Lists and groups that name tokens by their Auth IDs: what both have in common, with the names of table and owner."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet

from imports import staging
from imports.models import Import
from imports.staging import Tables, Tick, ask, outcomes, run
from locations.access import Scope, visible_to
from tokens.models import Token


@dataclass(frozen=True)
class Named:
    """table: of entries or members. owner: its column that says of which list or group; extra: what a new row needs
    besides, as column and SQL. refused: a condition, of a row `s`, under which its Auth ID may not be named."""

    table: str
    owner: str
    extra: tuple[tuple[str, str], ...] = ()
    refused: str = "false"


# An Auth ID is external where no token that the user may know of carries it: as for an unknown one.
_CHECK = """
CREATE UNLOGGED TABLE {checked} AS
WITH twice AS (
    SELECT auth_normal, min(row) AS row FROM {rows} WHERE NOT bad GROUP BY auth_normal HAVING count(*) > 1
), numbered AS (
    SELECT s.row, s.auth_id, s.auth_normal, t.row AS first
    FROM {rows} s LEFT JOIN twice t ON t.auth_normal = s.auth_normal WHERE NOT s.bad
), judged AS (
    SELECT s.*, e.id AS entry,
           CASE WHEN s.first < s.row THEN 'This Auth ID stands twice in this file, first in row ' || s.first || '.'
                WHEN e.id IS NULL AND {refused}
                THEN 'No Auth ID of this eMSP: it begins with the eMSP''s party, or a token of it carries it.'
           END AS wrong
    FROM numbered s LEFT JOIN {table} e ON e.{owner} = %(owner)s AND e.auth_id = s.auth_normal
)
SELECT row, entry, wrong,
    CASE WHEN wrong IS NOT NULL THEN 'error' WHEN entry IS NULL THEN 'new' ELSE 'unchanged' END AS outcome,
    wrong IS NULL AND entry IS NULL AND NOT EXISTS (
        SELECT FROM ({known}) AS known WHERE known.auth_id_normal = judged.auth_normal
    ) AS external
FROM judged
"""
_PROBLEMS = """
INSERT INTO {problems}
SELECT k.row, 'auth_id', s.auth_id, k.wrong, false FROM {checked} k JOIN {rows} s ON s.row = k.row
WHERE k.outcome = 'error'
"""
# What clearing takes off: entries of tokens that the file does not name.
GOING = """
    e.{owner} = %(owner)s AND e.token_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM {checked} k WHERE k.entry = e.id)
"""
_EXTERNALS = """
INSERT INTO tokens_token (type, auth_id, visual_number, issuer, valid, whitelist, language, external)
SELECT 'OTHER', s.auth_id, '', '', true, 'ALLOWED', '', true
FROM {checked} k JOIN {rows} s ON s.row = k.row
WHERE k.outcome = 'new' AND NOT EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = s.auth_normal)
ORDER BY k.row
ON CONFLICT (auth_id_normal) WHERE external DO NOTHING
"""
_ANY_EXTERNAL = """
SELECT EXISTS (
    SELECT FROM {checked} k JOIN {rows} s ON s.row = k.row
    WHERE k.outcome = 'new' AND NOT EXISTS (SELECT FROM tokens_token t WHERE t.auth_id_normal = s.auth_normal))
"""
# An eMSP's own token stands for the name, before an external one, as in tokens.services.tokens_named.
_INSERT = """
INSERT INTO {table} ({owner}, token_id, auth_id_entered{columns})
SELECT %(owner)s, (
    SELECT t.id FROM tokens_token t WHERE t.auth_id_normal = s.auth_normal ORDER BY t.external, t.id LIMIT 1
), s.auth_id{values}
FROM {checked} k JOIN {rows} s ON s.row = k.row
WHERE k.outcome = 'new' AND k.row > %(above)s AND k.row <= %(to)s ORDER BY k.row
"""
_FIRST = """
SELECT k.row, k.outcome, e.auth_id_entered, s.auth_id, k.external
FROM {checked} k JOIN {rows} s ON s.row = k.row LEFT JOIN {table} e ON e.id = k.entry
WHERE k.outcome <> 'error' ORDER BY k.row LIMIT %(most)s
"""


def check(
    named: Named, owner: int, of: Import, tables: Tables, scope: Scope, more: dict[str, Any] | None = None
) -> dict[str, int]:
    carriers = visible_to(scope, Token.objects.filter(external=False)).order_by().values("auth_id_normal")
    sql, parameters = selected(carriers, "NULL::text AS auth_id_normal")
    names = vars(tables) | {"table": named.table, "owner": named.owner}
    run(_CHECK.format(**names, refused=named.refused, known=sql), {"owner": owner} | parameters | (more or {}))
    staging.index_checked(tables)
    run(_PROBLEMS.format(**names))
    run(f"CREATE INDEX ON {tables.checked} (entry)")
    found = outcomes(tables)
    found["external"] = ask(f"SELECT count(*) FROM {tables.checked} WHERE external")[0][0]
    if of.clear:
        going = GOING.format(**names)
        found["removed"] = ask(f"SELECT count(*) FROM {named.table} e WHERE {going}", {"owner": owner})[0][0]
    return found


def selected(rows: Any, nothing: str) -> tuple[str, dict[str, Any]]:
    """A queryset's SQL, its parameters by name. nothing: its columns, of a queryset that cannot find any."""
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return f"SELECT {nothing} WHERE false", {}
    parameters = {f"q{n}": value for n, value in enumerate(values)}
    for name in parameters:
        sql = sql.replace("%s", f"%({name})s", 1)
    return sql, parameters


def remove(named: Named, owner: int, tables: Tables) -> None:
    """Takes off what the file does not name."""
    going = GOING.format(**vars(tables), owner=named.owner)
    run(f"DELETE FROM {named.table} e WHERE {going}", {"owner": owner})


def add(named: Named, owner: int, tables: Tables, tick: Tick) -> None:
    names = vars(tables) | {"table": named.table, "owner": named.owner}
    if ask(_ANY_EXTERNAL.format(**names))[0][0]:
        run(_EXTERNALS.format(**names))
    columns = "".join(f", {column}" for column, _ in named.extra)
    values = "".join(f", {value}" for _, value in named.extra)
    staging.apply(tables, _INSERT.format(**names, columns=columns, values=values), {"owner": owner}, tick)


def first_rows(named: Named, tables: Tables, most: int) -> list[dict[str, object]]:
    names = vars(tables) | {"table": named.table}
    return [
        {
            "row": row,
            "outcome": outcome,
            "before": {"auth_id": old} if outcome == "unchanged" else None,
            "after": {"auth_id": old if outcome == "unchanged" else new, "external": external},
        }
        for row, outcome, old, new, external in ask(_FIRST.format(**names), {"most": most})
    ]
