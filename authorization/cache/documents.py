"""What the copy holds: small JSON arrays by key, made in SQL, by the same statements for all of them and for a few.

A document holds what stands in one row and its groups; what hangs on another row (a customer is blocked, a CPO is in
a group) stays in that row's document and is joined when a question is asked. So one changed row makes one or two
documents stale, however many tokens or locations hang on it.
"""

import hashlib
import select
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from struct import Struct
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg.pq import ExecStatus

Document = tuple[bytes, bytes]
_COPY_BEGINS = b"PGCOPY\n\xff\r\n\0"
_LENGTH = Struct("!i")


@dataclass(frozen=True, slots=True)
class Kind:
    """Documents of one kind. Their key in the copy is `prefix` and then the key by which changes name them.

    sql: selects key and value, with {some} where a condition on %(keys)s may stand. columns: what the table may be read
    in the order of, by an index or for grouping, to have the keys in the order of their bytes.
    """

    prefix: str
    sql: str
    some: str
    columns: tuple[str, ...] = ()


def groups_of(column: str, row: str) -> str:
    return (
        "coalesce((SELECT json_agg(m.group_id ORDER BY m.group_id) FROM authorization_groupmember m"
        f" WHERE m.{column} = {row}), '[]')"
    )


def _instant(column: str) -> str:
    """Microseconds since 1970; for infinity a text, which no reader takes for an instant."""
    return (
        f"CASE WHEN {column} IS NULL THEN 'null' WHEN isfinite({column})"
        f" THEN (extract(epoch FROM {column}) * 1000000)::bigint::text ELSE '\"infinity\"' END"
    )


# [pk, emsp, customer, driver, normal Auth ID, 1 where it is valid, expires_at in µs] and, where a group names it by its
# pk, these groups. There are a million of it, so it holds nothing that follows: an external one has no eMSP.
_TOKEN = f"""
    '[' || t.id || ',' || coalesce(t.emsp_id::text, 'null') || ',' || coalesce(t.customer_id::text, 'null')
    || ',' || coalesce(t.driver_id::text, 'null') || ',' || coalesce(to_json(t.auth_id_normal)::text, 'null')
    || ',' || t.valid::int || ',' || {_instant("t.expires_at")}
    || CASE WHEN t.auth_id_normal IS NULL THEN ',' || {groups_of("token_id", "t.id")} ELSE '' END || ']'
"""

KINDS: dict[str, Kind] = {
    # Which tokens carry an Auth ID: each as its key among the uids or, without a uid (so no EMAID), as the document.
    "auth_id": Kind(
        "a",
        f"""
        SELECT t.auth_id_normal, '[' || string_agg(
            CASE WHEN t.uid_normal IS NULL THEN {_TOKEN}
                 ELSE to_json(t.type || ':' || t.uid_normal)::text END, ',' ORDER BY t.id) || ']'
        FROM tokens_token t WHERE t.auth_id_normal IS NOT NULL {{some}} GROUP BY t.auth_id_normal
        """,
        "AND t.auth_id_normal = ANY (%(keys)s)",
        columns=("t.auth_id_normal",),
    ),
    # [country_code, party_id, groups of it and of every CPO above, itself and every CPO below]
    "cpo": Kind(
        "c",
        """
        WITH RECURSIVE up (cpo, above) AS (
            SELECT id, id FROM locations_cpo
            UNION
            SELECT up.cpo, c.parent_id FROM up JOIN locations_cpo c ON c.id = up.above WHERE c.parent_id IS NOT NULL
        ), groups AS (
            SELECT up.cpo, json_agg(DISTINCT m.group_id ORDER BY m.group_id) AS ids
            FROM up JOIN authorization_groupmember m ON m.cpo_id = up.above GROUP BY up.cpo
        ), below AS (
            SELECT above AS cpo, json_agg(cpo ORDER BY cpo) AS ids FROM up GROUP BY above
        )
        SELECT c.id::text, json_build_array(c.country_code, c.party_id, coalesce(groups.ids, '[]'), below.ids)::text
        FROM locations_cpo c JOIN below ON below.cpo = c.id LEFT JOIN groups ON groups.cpo = c.id {some}
        """,
        "",  # a change of one may be felt by those above and below
    ),
    # [blocked, groups]
    "driver": Kind(
        "d",
        f"SELECT d.id::text, json_build_array(d.blocked, {groups_of('driver_id', 'd.id')})::text"
        " FROM tokens_driver d {some}",
        "WHERE d.id = ANY (%(keys)s::bigint[])",
    ),
    # [EVSE id as entered, location, station, its authorization_required]
    "evse": Kind(
        "e",
        "SELECT e.evse_id_normal, json_build_array(e.evse_id, e.location_id, s.id, s.authorization_required)::text"
        " FROM locations_evse e LEFT JOIN locations_chargestation s ON s.id = e.station_id"
        " WHERE e.evse_id_normal IS NOT NULL {some}",
        "AND e.evse_id_normal = ANY (%(keys)s)",
    ),
    # The groups that name an Auth ID
    "name": Kind(
        "g",
        "SELECT auth_id, json_agg(group_id ORDER BY group_id)::text"
        " FROM authorization_groupmember WHERE auth_id IS NOT NULL {some} GROUP BY auth_id",
        "AND auth_id = ANY (%(keys)s)",
    ),
    # The station of an identity
    "identity": Kind(
        "i",
        "SELECT identity_normal, id::text FROM locations_chargestation {some}",
        "WHERE identity_normal = ANY (%(keys)s)",
    ),
    # [pk, hash, station, CPO, user, expires_at in µs, revoked]
    "key": Kind(
        "k",
        f"""
        SELECT prefix, '[' || id || ',"' || encode(hash, 'hex') || '",' || coalesce(station_id::text, 'null') || ','
            || coalesce(cpo_id::text, 'null') || ',' || coalesce(user_id::text, 'null') || ','
            || {_instant("expires_at")} || ',' || (revoked_at IS NOT NULL) || ']'
        FROM authorization_apikey {{some}}
        """,
        "WHERE prefix = ANY (%(keys)s)",
    ),
    # The locations that have a location_id, each of another CPO
    "location_id": Kind(
        "l",
        "SELECT location_id, json_agg(id ORDER BY id)::text FROM locations_location {some} GROUP BY location_id",
        "WHERE location_id = ANY (%(keys)s)",
    ),
    # [blocked, groups]
    "emsp": Kind(
        "m",
        f"SELECT e.id::text, json_build_array(e.blocked, {groups_of('emsp_id', 'e.id')})::text"
        " FROM tokens_emsp e {some}",
        "WHERE e.id = ANY (%(keys)s::bigint[])",
    ),
    # [blocked, groups]
    "customer": Kind(
        "n",
        f"SELECT c.id::text, json_build_array(c.blocked, {groups_of('customer_id', 'c.id')})::text"
        " FROM tokens_customer c {some}",
        "WHERE c.id = ANY (%(keys)s::bigint[])",
    ),
    # [location_id, CPO, zone, private, published, groups that have it as a member]
    "location": Kind(
        "p",
        f"""
        SELECT l.id::text, json_build_array(l.location_id, l.cpo_id, l.time_zone,
            EXISTS (SELECT FROM authorization_authorizationlistentry x WHERE x.location_id = l.id), l.published,
            {groups_of("location_id", "l.id")})::text
        FROM locations_location l {{some}}
        """,
        "WHERE l.id = ANY (%(keys)s::bigint[])",
    ),
    # An exception: [name, enabled, action, direction, valid_from, valid_until, CPO-side groups, eMSP-side groups]
    "rule": Kind(
        "r",
        """
        SELECT e.id::text, json_build_array(e.name, e.enabled, e.action, e.direction, e.valid_from, e.valid_until,
            (SELECT json_agg(g.group_id ORDER BY g.group_id) FROM authorization_exceptioncpogroup g
             WHERE g.exception_id = e.id),
            (SELECT json_agg(g.group_id ORDER BY g.group_id) FROM authorization_exceptionemspgroup g
             WHERE g.exception_id = e.id))::text
        FROM authorization_chargeexception e {some}
        """,
        "WHERE e.id = ANY (%(keys)s::bigint[])",
    ),
    # [location, authorization_required, identity as entered]
    "station": Kind(
        "s",
        "SELECT id::text, json_build_array(location_id, authorization_required, identity)::text"
        " FROM locations_chargestation {some}",
        "WHERE id = ANY (%(keys)s::bigint[])",
    ),
    # The token of a type and a uid
    "uid": Kind(
        "t",
        f"SELECT t.type || ':' || t.uid_normal, {_TOKEN} FROM tokens_token t WHERE t.uid_normal IS NOT NULL {{some}}",
        """AND (t.type, t.uid_normal) IN (
            SELECT split_part(k, ':', 1), substr(k, strpos(k, ':') + 1) FROM unnest(%(keys)s::text[]) AS k)""",
        columns=("t.type", "t.uid_normal"),  # no type begins as another one
    ),
    # [username, active, whether an Admin, CPOs granted, eMSPs granted]
    "user": Kind(
        "u",
        """
        SELECT u.id::text, json_build_array(u.username, u.is_active, u.is_superuser OR EXISTS (
                SELECT FROM auth_user_groups r
                JOIN auth_group_permissions a ON a.group_id = r.group_id
                JOIN auth_permission ap ON ap.id = a.permission_id AND ap.codename = 'administer'
                JOIN django_content_type t ON t.id = ap.content_type_id AND t.app_label = 'locations'
                WHERE r.user_id = u.id),
            coalesce(json_agg(g.object_pk::bigint ORDER BY g.id) FILTER (WHERE p.codename = 'manage_cpo'), '[]'),
            coalesce(json_agg(g.object_pk::bigint ORDER BY g.id) FILTER (WHERE p.codename = 'manage_emsp'), '[]'))::text
        FROM auth_user u
        LEFT JOIN guardian_userobjectpermission g ON g.user_id = u.id
        LEFT JOIN auth_permission p ON p.id = g.permission_id
        {some} GROUP BY u.id
        """,
        "WHERE u.id = ANY (%(keys)s::bigint[])",
    ),
    # Entries of authorization lists; there is nothing to say of one but that it is there.
    "list_auth_id": Kind(
        "x",
        "SELECT location_id || ':a' || auth_id, '1' FROM authorization_authorizationlistentry"
        " WHERE auth_id IS NOT NULL {some}",
        """AND (location_id, auth_id) IN (SELECT split_part(k, ':', 1)::bigint, substr(k, strpos(k, ':') + 2)
            FROM unnest(%(keys)s::text[]) AS k)""",
    ),
    "list_customer": Kind(
        "x",
        "SELECT location_id || ':c' || customer_id, '1' FROM authorization_authorizationlistentry"
        " WHERE customer_id IS NOT NULL {some}",
        """AND (location_id, customer_id) IN (SELECT split_part(k, ':', 1)::bigint,
            substr(k, strpos(k, ':') + 2)::bigint FROM unnest(%(keys)s::text[]) AS k)""",
    ),
    "list_token": Kind(
        "x",
        "SELECT location_id || ':t' || token_id, '1' FROM authorization_authorizationlistentry"
        " WHERE auth_id IS NULL AND token_id IS NOT NULL {some}",
        """AND (location_id, token_id) IN (SELECT split_part(k, ':', 1)::bigint,
            substr(k, strpos(k, ':') + 2)::bigint FROM unnest(%(keys)s::text[]) AS k)""",
    ),
}

# Another one wherever a statement changes: a copy made by another release is made anew.
FORMAT = hashlib.sha256(repr(sorted(KINDS.items())).encode()).hexdigest()[:16]


def everything(connection: Connection[Any], ahead: Connection[Any] | None = None) -> Iterator[Document]:
    """Every document there is, in the order of the keys' bytes: read by COPY, as the connection's transaction sees it.

    ahead: another connection whose transaction sees the same. Each begins what comes next while the other is read, so
    that nobody waits for the database to sort. A connection that is not read to the end is closed. Raises psycopg's
    errors.
    """
    row = connection.execute("SELECT datcollate = 'C' FROM pg_database WHERE datname = current_database()").fetchone()
    statements = [_all_of(prefix, bool(row and row[0])) for prefix in sorted({kind.prefix for kind in KINDS.values()})]
    taking_turns = cycle([connection, ahead or connection])
    copies = [Copy(each, statement) for each, statement in zip(taking_turns, statements, strict=False)]
    for number, copy in enumerate(copies):
        copy.begin()
        if ahead is not None and number + 1 < len(copies):
            copies[number + 1].begin()
        yield from copy


def _all_of(prefix: str, by_bytes: bool) -> str:
    """by_bytes: whether the database compares texts so, and has its indexes in that order."""
    kinds = [kind for kind in KINDS.values() if kind.prefix == prefix]
    parts, order = " UNION ALL ".join(kind.sql.format(some="") for kind in kinds), ' ORDER BY d.key COLLATE "C"'
    if by_bytes and kinds[0].columns:
        parts, order = f"{parts} ORDER BY {', '.join(kinds[0].columns)}", ""
    return (
        f"COPY (SELECT '{prefix}' || d.key, d.value FROM ({parts}) AS d (key, value){order}) TO STDOUT (FORMAT BINARY)"
    )


class Copy:
    """The rows of a binary COPY of two texts; psycopg's own way to read them takes four times as long."""

    def __init__(self, connection: Connection[Any], statement: str) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._statement = statement
        self._begun = False

    def begin(self) -> None:
        """Has the database begin, once; nobody waits for it here."""
        if not self._begun:
            self._begun = True
            self._libpq.send_query(self._statement.encode())
            self._libpq.flush()

    def __iter__(self) -> Iterator[Document]:
        try:
            self._expect(ExecStatus.COPY_OUT)
            yield from self._rows()
            self._expect(ExecStatus.COMMAND_OK)
            while self._libpq.get_result() is not None:
                pass
        except BaseException:
            self._connection.close()
            raise

    def _expect(self, status: ExecStatus) -> None:
        while self._libpq.is_busy():
            self._wait()
        result = self._libpq.get_result()
        if result is None or result.status != status:
            raise psycopg.OperationalError(f"A COPY failed: {self._libpq.get_error_message()}")

    def _wait(self) -> None:
        # Other threads go on meanwhile. Should nothing come, a dead connection is noticed by its keepalives.
        select.select([self._libpq.socket], [], [])
        self._libpq.consume_input()

    def _rows(self) -> Iterator[Document]:
        get, unpack = self._libpq.get_copy_data, _LENGTH.unpack_from
        begins = True
        while True:
            size, data = get(1)
            if size > 0:
                row = bytes(data)
                if begins:
                    begins, row = False, row[len(_COPY_BEGINS) + 8 :]
                if len(row) > 2:  # neither the bare head nor the end
                    ends = 6 + unpack(row, 2)[0]
                    yield row[6:ends], row[ends + 4 :]
            elif size == 0:
                self._wait()
            else:
                return


def changed(cursor: Cursor[Any], keys: dict[str, set[str]]) -> Iterator[tuple[bytes, bytes | None]]:
    """The documents of these keys, by kind, as the cursor's transaction sees them; None for one that is no more."""
    keys = dict(keys)
    if named := keys.pop("token", None):
        # A list or a group named a token without an Auth ID by its pk.
        cursor.execute(
            "SELECT type || ':' || uid_normal FROM tokens_token"
            " WHERE id = ANY (%s::bigint[]) AND uid_normal IS NOT NULL",
            [list(named)],
        )
        keys["uid"] = keys.get("uid", set()) | {row[0] for row in cursor}
    if changed_stations := keys.get("station"):
        # Their EVSEs say whether they require authorization.
        cursor.execute(
            "SELECT evse_id_normal FROM locations_evse"
            " WHERE station_id = ANY (%s::bigint[]) AND evse_id_normal IS NOT NULL",
            [list(changed_stations)],
        )
        keys["evse"] = keys.get("evse", set()) | {row[0] for row in cursor}
    for name, wanted in keys.items():
        kind = KINDS[name]
        cursor.execute(kind.sql.format(some=kind.some).encode(), {"keys": list(wanted)} if kind.some else None)
        found: set[str] = set()
        for key, value in cursor:
            found.add(key)
            yield (kind.prefix + key).encode(), value.encode()
        for key in wanted - found:
            yield (kind.prefix + key).encode(), None


def touched(parts: Iterable[tuple[str, list[str] | None]], most: int) -> dict[str, set[str]] | None:
    """Keys by kind of rows of ChangedKeys; None where they are so many that reading everything is quicker."""
    keys: dict[str, set[str]] = {}
    for kind, some in parts:
        if some is None:
            return None
        keys.setdefault(kind, set()).update(some)
    return keys if sum(map(len, keys.values())) <= most else None
