"""What partners are shown of an EVSE alone, its connectors, decides nothing: a change of them is no revision."""

from importlib import import_module

from django.db import migrations

triggers = import_module("authorization.migrations.0004_outbox_triggers")

COLUMNS = "id, location_id, station_id, uid, evse_id, evse_id_normal"
UPDATED = f"""
    (SELECT {COLUMNS} FROM before EXCEPT SELECT {COLUMNS} FROM after)
    UNION ALL (SELECT {COLUMNS} FROM after EXCEPT SELECT {COLUMNS} FROM before)
"""
NOTICE = f"""
    CREATE OR REPLACE FUNCTION chargeward_locations_evse_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS ({UPDATED}) THEN
            {triggers._body("locations_evse", UPDATED, sparing=False)}
        END IF;
        RETURN NULL;
    END $$;
"""


class Migration(migrations.Migration):
    reviewed = "replaces a trigger's function by one that both releases want"

    dependencies = [
        ("authorization", "0012_replaced"),
    ]

    operations = [
        migrations.RunSQL(NOTICE, migrations.RunSQL.noop),
    ]
