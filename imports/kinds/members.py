"""Members into an exception group: tokens by their Auth IDs, the rest by the ids that their parties give them."""

from typing import Any

from authorization.models import ExceptionGroup
from authorization.services.groups import candidates
from imports.kinds import names
from imports.kinds.names import Named, selected
from imports.models import Import
from imports.staging import Tables, Tick, ask, outcomes, run
from locations.access import Scope

TABLE = "authorization_groupmember"
# A manager's own group takes only Auth IDs of that eMSP, as services.groups has it.
_NOT_OF_THE_EMSP = """
    NOT starts_with(s.auth_normal, %(party)s)
    AND NOT EXISTS (SELECT FROM tokens_token t WHERE t.emsp_id = %(emsp)s AND t.auth_id_normal = s.auth_normal)
"""
# By category: the column that names a member, how a candidate `c` is called by it, and how a second column narrows it.
_CALLED = {
    "customer": ("external_id", "c.external_id = s.external_id", "true"),
    "driver": (
        "external_id",
        "c.external_id = s.external_id",
        "(s.customer_external_id IS NULL OR c.customer__external_id = s.customer_external_id)",
    ),
    "location": (
        "location_id",
        "c.location_id = s.location_id",
        "(s.cpo IS NULL OR c.cpo__country_code || c.cpo__party_id = upper(translate(s.cpo, '-* ', '')))",
    ),
    "cpo": ("cpo", "c.country_code || c.party_id = upper(translate(s.cpo, '-* ', ''))", "true"),
    "emsp": ("emsp", "c.country_code || c.party_id = upper(translate(s.emsp, '-* ', ''))", "true"),
}
_VALUES = {
    "customer": ("external_id",),
    "driver": ("external_id", "customer__external_id"),
    "location": ("location_id", "cpo__country_code", "cpo__party_id"),
    "cpo": ("country_code", "party_id"),
    "emsp": ("country_code", "party_id"),
}
_CHECK = """
CREATE UNLOGGED TABLE {checked} AS
WITH candidates ({columns}) AS ({candidates}), found AS (
    SELECT s.row, s.{name} AS value, min(c.pk) AS member, count(c.pk) AS times
    FROM {rows} s LEFT JOIN candidates c ON {called} AND {narrowed}
    WHERE NOT s.bad GROUP BY s.row, s.{name}
), numbered AS (
    SELECT f.*, first_value(row) OVER (
        PARTITION BY CASE WHEN times = 1 THEN member ELSE -row END ORDER BY row) AS first
    FROM found f
), judged AS (
    SELECT n.*, m.id AS entry,
           CASE WHEN times = 0 THEN %(unknown)s WHEN times > 1 THEN %(several)s
                WHEN first < row THEN 'This member stands twice in this file, first in row ' || first || '.'
           END AS wrong
    FROM numbered n LEFT JOIN authorization_groupmember m ON m.group_id = %(owner)s AND m.{category}_id = n.member
)
SELECT row, value, member, entry, wrong,
       CASE WHEN wrong IS NOT NULL THEN 'error' WHEN entry IS NULL THEN 'new' ELSE 'unchanged' END AS outcome
FROM judged
"""
_PROBLEMS = """
INSERT INTO {problems} SELECT row, %(name)s, value, wrong, false FROM {checked} WHERE outcome = 'error'
"""
_INSERT = """
INSERT INTO authorization_groupmember (group_id, category, {category}_id)
SELECT %(owner)s, %(category)s, member FROM {checked} WHERE outcome = 'new' ORDER BY row
"""
SEVERAL = {
    "driver": "Several drivers have this external ID: say whose (customer_external_id).",
    "location": "Several locations have this id: say whose (cpo).",
}


def _group(of: Import) -> ExceptionGroup:
    group: Any = of.group
    return group  # type: ignore[no-any-return]


def _tokens(of: Import, scope: Scope) -> tuple[Named, dict[str, Any]]:
    group = _group(of)
    extra = (("category", "'token'"),)
    emsp = group.owner_emsp
    if emsp is None or scope.everything:
        return Named(TABLE, "group_id", extra), {}
    party = {"emsp": emsp.pk, "party": emsp.country_code + emsp.party_id}
    return Named(TABLE, "group_id", extra, _NOT_OF_THE_EMSP), party


def lock(of: Import) -> None:
    """As change_members does: all changes of one group happen one after the other."""
    run("SELECT FROM authorization_exceptiongroup WHERE id = %s FOR NO KEY UPDATE", [of.group_id])


def check(of: Import, tables: Tables, scope: Scope) -> dict[str, int]:
    group = _group(of)
    if group.category == "token":
        named, more = _tokens(of, scope)
        return names.check(named, group.pk, of, tables, scope, more)
    name, called, narrowed = _CALLED[group.category]
    rows = candidates(group, scope).order_by().values_list("pk", *_VALUES[group.category])
    values = _VALUES[group.category]
    sql, parameters = selected(rows, ", ".join(("NULL::bigint", *["NULL::text" for _ in values])))
    parts = vars(tables) | {"category": group.category, "name": name, "called": called, "narrowed": narrowed}
    columns = ", ".join(("pk", *_VALUES[group.category]))
    parameters |= {
        "owner": group.pk,
        "unknown": f"There is no such {'eMSP' if name == 'emsp' else 'CPO' if name == 'cpo' else group.category}.",
        "several": SEVERAL.get(group.category, "Several have this id."),
    }
    run(_CHECK.format(**parts, candidates=sql, columns=columns), parameters)
    run(_PROBLEMS.format(**parts), {"name": name})
    return outcomes(tables)


def first_rows(of: Import, tables: Tables, most: int) -> list[dict[str, object]]:
    category = _group(of).category
    if category == "token":
        return names.first_rows(Named(TABLE, "group_id"), tables, most)
    sql = f"SELECT row, outcome, value FROM {tables.checked} WHERE outcome <> 'error' ORDER BY row LIMIT %s"
    name = _CALLED[category][0]
    return [
        {
            "row": row,
            "outcome": outcome,
            "before": {name: value} if outcome == "unchanged" else None,
            "after": {name: value},
        }
        for row, outcome, value in ask(sql, [most])
    ]


def apply(of: Import, tables: Tables, tick: Tick) -> None:
    group = _group(of)
    new = outcomes(tables).get("new")
    if group.category != "token":
        if new:
            parts = vars(tables) | {"category": group.category}
            run(_INSERT.format(**parts), {"owner": group.pk, "category": group.category})
        return
    named = Named(TABLE, "group_id", (("category", "'token'"),))
    if of.clear and of.totals["removed"]:
        names.remove(named, group.pk, tables)
    if new:
        names.add(named, group.pk, tables, tick)
