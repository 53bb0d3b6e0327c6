"""The statements of locations.ocpi_import, in the order they run. NULL in a staged column: the object does not say."""

# Dropped first: several imports may run in one transaction.
STAGE = """
    DROP TABLE IF EXISTS staged_location, staged_evse, arriving_evse;
    CREATE TEMPORARY TABLE staged_location (
        number bigint PRIMARY KEY, place text, location_id text, name text, address text, city text, postal_code text,
        country text, latitude numeric(10, 7), longitude numeric(10, 7), time_zone text, publish boolean
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE staged_evse (
        number bigint, index integer, uid text, evse_id text, removed boolean, connectors jsonb
    ) ON COMMIT DROP;
"""

COPY_LOCATIONS = "COPY staged_location FROM STDIN"
COPY_EVSES = "COPY staged_evse FROM STDIN"
ANALYZE = "ANALYZE staged_location, staged_evse"
LOCK = "SELECT pg_advisory_xact_lock(hashtext('locations.ocpi_import'))"

DELETE_DOUBLES = """
    WITH numbered AS (
        SELECT number, row_number() OVER same AS nth, first_value(place) OVER same AS first
        FROM staged_location WINDOW same AS (PARTITION BY location_id ORDER BY number)
    )
    DELETE FROM staged_location s USING numbered n WHERE n.number = s.number AND n.nth > 1
    RETURNING s.number, s.number, s.place, s.location_id, n.first
"""

_SAID = ("name", "address", "city", "postal_code", "country", "latitude", "longitude", "time_zone")
_OLD = ", ".join(f"l.{column}" for column in _SAID)
_NEW = ", ".join(f"COALESCE(s.{column}, l.{column})" for column in _SAID)

# A connector `k`, of the EVSE `e`, for people.
_CONNECTOR = """
    concat_ws(' ', coalesce(e.evse_id, e.uid) || ':', k.said ->> 'id', k.said ->> 'standard', k.said ->> 'format',
        k.said ->> 'power_type', k.said ->> 'max_voltage', 'V', k.said ->> 'max_amperage', 'A',
        (k.said ->> 'max_electric_power') || ' W', k.said ->> 'tariff_ids', k.said ->> 'terms_and_conditions')
"""
# How the first of the file stand in the database: asked before, and once more after.
FIRST = f"""
    SELECT s.number, s.location_id, l.id IS NOT NULL, {_OLD}, l.published,
           (SELECT string_agg(coalesce(e.evse_id, e.uid), ', ' ORDER BY e.uid) FROM locations_evse e
            WHERE e.location_id = l.id),
           (SELECT string_agg({_CONNECTOR}, '; ' ORDER BY e.uid, k.nth)
            FROM locations_evse e, jsonb_array_elements(e.connectors) WITH ORDINALITY AS k (said, nth)
            WHERE e.location_id = l.id)
    FROM staged_location s
    LEFT JOIN locations_location l ON l.cpo_id = %(cpo)s AND l.location_id = s.location_id
    ORDER BY s.number LIMIT %(most)s
"""  # noqa: S608
SHOWN = (*_SAID, "published", "evses", "connectors")

# Asked first, for a statement that finds no row is a change of what decides all the same.
COUNT_LOCATIONS = f"""
    SELECT count(*), count(*) FILTER (WHERE l.id IS NULL), count(*) FILTER (
        WHERE ROW ({_OLD}, l.published) IS DISTINCT FROM ROW ({_NEW}, l.published AND COALESCE(s.publish, true)))
    FROM staged_location s
    LEFT JOIN locations_location l ON l.cpo_id = %(cpo)s AND l.location_id = s.location_id
"""  # noqa: S608

# `published` can only be taken away, see locations.ocpi_import.
UPDATE_LOCATIONS = f"""
    UPDATE locations_location l
    SET ({", ".join(_SAID)}, published) = ROW ({_NEW}, l.published AND COALESCE(s.publish, true))
    FROM staged_location s
    WHERE l.cpo_id = %(cpo)s AND l.location_id = s.location_id
      AND ROW ({_OLD}, l.published) IS DISTINCT FROM ROW ({_NEW}, l.published AND COALESCE(s.publish, true))
"""  # noqa: S608

INSERT_LOCATIONS = """
    INSERT INTO locations_location (cpo_id, location_id, name, address, city, postal_code, country, latitude, longitude,
                                    time_zone, published)
    SELECT %(cpo)s, s.location_id, COALESCE(s.name, ''), COALESCE(s.address, ''), COALESCE(s.city, ''),
           COALESCE(s.postal_code, ''), COALESCE(s.country, ''), s.latitude, s.longitude,
           COALESCE(s.time_zone, %(time_zone)s), COALESCE(s.publish, true)
    FROM staged_location s
    WHERE NOT EXISTS (SELECT FROM locations_location l WHERE l.cpo_id = %(cpo)s AND l.location_id = s.location_id)
    ORDER BY s.number
"""

# The EVSEs of the locations that were taken, each with its location and the normal form of its id.
COLLECT_EVSES = """
    CREATE TEMPORARY TABLE arriving_evse ON COMMIT DROP AS
    SELECT e.number, e.index, s.place, s.location_id, l.id AS location, e.uid, e.evse_id, e.removed,
           e.connectors, chargeward_evse_id(e.evse_id) AS normal
    FROM staged_evse e
    JOIN staged_location s USING (number)
    JOIN locations_location l ON l.cpo_id = %(cpo)s AND l.location_id = s.location_id
"""
INDEX_EVSES = """
    CREATE INDEX ON arriving_evse (location, uid);
    CREATE INDEX ON arriving_evse (normal);
    ANALYZE arriving_evse;
"""

DELETE_DOUBLE_EVSES = """
    WITH numbered AS (
        SELECT number, index, row_number() OVER same AS nth, first_value(place) OVER same AS first
        FROM arriving_evse WHERE normal IS NOT NULL AND NOT removed
        WINDOW same AS (PARTITION BY normal ORDER BY number, index)
    )
    DELETE FROM arriving_evse a USING numbered n WHERE (n.number, n.index) = (a.number, a.index) AND n.nth > 1
    RETURNING (a.number, a.index), a.number, a.place, a.location_id, a.uid, a.evse_id, n.first
"""

# Taken: another EVSE has the id, and this import neither removes that one nor gives it another id.
DELETE_TAKEN_EVSES = """
    DELETE FROM arriving_evse a USING locations_evse e
    WHERE NOT a.removed AND e.evse_id_normal = a.normal AND (e.location_id, e.uid) <> (a.location, a.uid)
      AND NOT EXISTS (
          SELECT FROM arriving_evse o
          WHERE o.location = e.location_id AND o.uid = e.uid AND (o.removed OR o.normal <> e.evse_id_normal)
      )
    RETURNING (a.number, a.index), a.number, a.place, a.location_id, a.uid, a.evse_id
"""

COUNT_EVSES = """
    SELECT count(*) FILTER (WHERE a.removed AND e.id IS NOT NULL),
           count(*) FILTER (WHERE NOT a.removed AND e.id IS NULL)
    FROM arriving_evse a LEFT JOIN locations_evse e ON e.location_id = a.location AND e.uid = a.uid
"""

DELETE_REMOVED_EVSES = """
    DELETE FROM locations_evse e USING arriving_evse a
    WHERE a.removed AND e.location_id = a.location AND e.uid = a.uid
"""

# An id that goes from one EVSE to another is let go first, as a unique index is checked row by row.
RELEASE_EVSE_IDS = """
    UPDATE locations_evse e SET evse_id = NULL
    FROM arriving_evse o JOIN arriving_evse claim ON NOT claim.removed
    WHERE e.location_id = o.location AND e.uid = o.uid AND o.normal <> e.evse_id_normal
      AND claim.normal = e.evse_id_normal
"""

UPDATE_EVSES = """
    UPDATE locations_evse e
    SET evse_id = COALESCE(a.evse_id, e.evse_id), connectors = COALESCE(a.connectors, e.connectors)
    FROM arriving_evse a
    WHERE e.location_id = a.location AND e.uid = a.uid AND NOT a.removed
      AND (a.evse_id IS DISTINCT FROM e.evse_id AND a.evse_id IS NOT NULL
           OR a.connectors IS DISTINCT FROM e.connectors AND a.connectors IS NOT NULL)
"""

INSERT_EVSES = """
    INSERT INTO locations_evse (location_id, uid, evse_id, connectors)
    SELECT a.location, a.uid, a.evse_id, COALESCE(a.connectors, '[]') FROM arriving_evse a
    WHERE NOT a.removed
      AND NOT EXISTS (SELECT FROM locations_evse e WHERE e.location_id = a.location AND e.uid = a.uid)
    ORDER BY a.number, a.index
"""
