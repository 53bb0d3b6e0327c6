"""Charge tokens as `mod_tokens` of OCPI 2.1.1 and 2.2.1 shows them, and which of them a partner sees.

A token without a uid, or with an id of more than 36 characters, is none in OCPI and is left out. All types but RFID are
OTHER in 2.1.1; 2.2.1 knows those of apps as well. `valid` is false for a token that is refused everywhere: invalid,
expired, or of a blocked holder.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from locations.ids import BadId
from subscriptions.models import Role, Version
from subscriptions.ocpi.envelope import stamp
from subscriptions.ocpi.pages import Asked
from subscriptions.services import Sight
from tokens import ids
from tokens.models import Token, TokenType

MAX_ID = 36
TYPES = {Version.V211: ("RFID", "OTHER"), Version.V221: ("RFID", "APP_USER", "AD_HOC_USER", "OTHER")}
OTHERS = tuple(sorted({type_.value for type_ in TokenType} - {"RFID"}))
# How an Auth ID is called.
CONTRACT = {Version.V211: "auth_id", Version.V221: "contract_id"}

_COLUMNS = """
    id, country_code, party_id, customer_id, uid, type, auth_id, visual_number, issuer, valid, whitelist, language, at
"""
# The tokens in scope; `at` is when the object last changed, of which the expiry is part once it has come.
_SEEN = f"""
    SELECT t.id, t.uid, t.type, t.auth_id, t.visual_number, t.whitelist, t.language, t.emsp_id,
           t.customer_id, e.country_code, e.party_id,
           coalesce(nullif(t.issuer, ''), left(e.name, 64)) AS issuer,
           t.valid AND NOT e.blocked AND NOT coalesce(c.blocked, false) AND NOT coalesce(d.blocked, false)
               AND (t.expires_at IS NULL OR t.expires_at > %(now)s) AS valid,
           greatest(
               coalesce(s.at, 'epoch'), es.at, cs.at, ds.at, CASE WHEN t.expires_at <= %(now)s THEN t.expires_at END
           ) AS at
    FROM tokens_token t
    JOIN tokens_emsp e ON e.id = t.emsp_id
    LEFT JOIN tokens_customer c ON c.id = t.customer_id
    LEFT JOIN tokens_driver d ON d.id = t.driver_id
    LEFT JOIN subscriptions_tokenstamp s ON s.token = t.id
    LEFT JOIN subscriptions_holderstamp es ON es.kind = 'emsp' AND es.holder = t.emsp_id
    LEFT JOIN subscriptions_holderstamp cs ON cs.kind = 'customer' AND cs.holder = t.customer_id
    LEFT JOIN subscriptions_holderstamp ds ON ds.kind = 'driver' AND ds.holder = t.driver_id
    WHERE t.emsp_id = ANY(%(emsps)s) AND t.uid IS NOT NULL
      AND length(t.uid) <= {MAX_ID} AND length(coalesce(t.auth_id, '')) <= {MAX_ID}
"""
# Those of them that may have changed since: found by index, so that asking again after an hour is no walk through all.
_SINCE = """
    AND t.id IN (
        SELECT token FROM subscriptions_tokenstamp WHERE at >= %(from)s
        UNION ALL SELECT o.id FROM tokens_token o JOIN subscriptions_holderstamp h
            ON h.kind = 'customer' AND h.holder = o.customer_id WHERE h.at >= %(from)s
        UNION ALL SELECT o.id FROM tokens_token o JOIN subscriptions_holderstamp h
            ON h.kind = 'driver' AND h.holder = o.driver_id WHERE h.at >= %(from)s
        UNION ALL SELECT o.id FROM tokens_token o JOIN subscriptions_holderstamp h
            ON h.kind = 'emsp' AND h.holder = o.emsp_id WHERE h.at >= %(from)s
        UNION ALL SELECT o.id FROM tokens_token o
            WHERE o.emsp_id = ANY(%(emsps)s) AND o.expires_at BETWEEN %(from)s AND %(now)s
    )
"""
_BETWEEN = "(%(from)s::timestamptz IS NULL OR at >= %(from)s) AND (%(to)s::timestamptz IS NULL OR at < %(to)s)"


def _values(sight: Sight, now: datetime, asked: Asked | None = None) -> dict[str, Any]:
    emsps = sorted(sight.emsps)
    if asked is None:
        return {"emsps": emsps, "now": now}
    position = {
        "after": asked.after,
        "limit": asked.limit + 1,
        "offset": 0 if asked.after is not None else asked.offset,
    }
    return {"emsps": emsps, "now": now, "from": asked.date_from, "to": asked.date_to} | position


def _since(asked: Asked) -> str:
    return "" if asked.date_from is None else _SINCE


def total(sight: Sight, asked: Asked, now: datetime) -> int:
    with connection.cursor() as cursor:
        if asked.date_from is None and asked.date_to is None:
            sql = f"""SELECT count(*) FROM tokens_token t WHERE t.emsp_id = ANY(%(emsps)s) AND t.uid IS NOT NULL
                      AND length(t.uid) <= {MAX_ID} AND length(coalesce(t.auth_id, '')) <= {MAX_ID}"""
        else:
            sql = f"SELECT count(*) FROM ({_SEEN} {_since(asked)}) seen WHERE {_BETWEEN}"
        cursor.execute(sql, _values(sight, now, asked))
        return int(cursor.fetchone()[0])


def rows(sight: Sight, asked: Asked, now: datetime) -> list[tuple[int, Any]]:
    """Up to limit + 1 of (primary key, Token object), oldest first."""
    after = "" if asked.after is None else "AND t.id > %(after)s"
    dates = "" if asked.date_from is None and asked.date_to is None else f"WHERE {_BETWEEN}"
    sql = f"""SELECT {_COLUMNS} FROM ({_SEEN} {_since(asked)} {after}) seen {dates}
              ORDER BY id LIMIT %(limit)s OFFSET %(offset)s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, _values(sight, now, asked))
        return [(row[0], _token_object(row, sight)) for row in cursor.fetchall()]


def token_object(sight: Sight, pk: int, now: datetime) -> dict[str, Any] | None:
    """None where the partner does not see it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM ({_SEEN} AND t.id = %(pk)s) seen", _values(sight, now) | {"pk": pk})
        row = cursor.fetchone()
    return None if row is None else _token_object(row, sight)


def token_objects(sight: Sight, pks: list[int], now: datetime) -> dict[int, tuple[str, str, dict[str, Any]]]:
    """Those of these tokens that the partner sees: primary key → (country, party, Token object)."""
    with connection.cursor() as cursor:
        sql = f"SELECT {_COLUMNS} FROM ({_SEEN} AND t.id = ANY(%(pks)s)) seen"
        cursor.execute(sql, _values(sight, now) | {"pks": pks})
        return {row[0]: (row[1], row[2], _token_object(row, sight)) for row in cursor.fetchall()}


def _token_object(row: Any, sight: Sight) -> dict[str, Any]:
    _, country, party, customer, uid, type_, auth_id, visual_number, issuer, valid, whitelist, language, at = row
    shape = {} if sight.version == Version.V211 else {"country_code": country, "party_id": party}
    shape |= {
        "uid": uid,
        "type": ocpi_type(type_, sight.version),
        # Required; of a card without a contract its uid is all that names it.
        CONTRACT[Version(sight.version)]: auth_id or uid,
        "issuer": issuer or "-",
        "valid": valid,
        "whitelist": whitelist,
        "last_updated": stamp(at),
    }
    if visual_number:
        shape["visual_number"] = visual_number
    if language:
        shape["language"] = language
    # A CPO could take it for leave to let one card of a fleet end what another began.
    if sight.version == Version.V221 and customer is not None and sight.subscription.role == Role.EMSP:
        shape["group_id"] = group_id(customer)
    return shape


def group_id(customer: int) -> str:
    """How all tokens of a customer are named to the eMSP's platform."""
    return f"customer-{customer}"


def ocpi_type(type_: str, version: str) -> str:
    return type_ if type_ in TYPES[Version(version)] else "OTHER"


def types_of(given: str, version: str) -> tuple[str, ...] | None:
    """Our types behind a type of OCPI's (in 2.1.1 the words of 2.2 are understood too); None for no type."""
    if given == "OTHER":
        return tuple(type_ for type_ in OTHERS if ocpi_type(type_, version) == "OTHER")
    return (given,) if given in TokenType.values else None


def token_named(emsp: int, uid: str, types: tuple[str, ...] = ("RFID", *OTHERS)) -> Token | None:
    """The eMSP's token with a uid, in normal form, of the first of these types that has one."""
    for type_ in types:
        try:
            normal = ids.uid(type_, uid)
        except BadId:
            continue
        token = Token.objects.filter(emsp=emsp, type=type_, uid_normal=normal).first()
        if token is not None:
            return token
    return None
