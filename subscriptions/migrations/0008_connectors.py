"""A connector that changes is pushed, with its location."""

from importlib import import_module

from django.db import migrations

before = import_module("subscriptions.migrations.0004_push_triggers")

SHOWN = "(o.uid, o.evse_id, o.location_id) IS DISTINCT FROM (n.uid, n.evse_id, n.location_id)"
SHOWN_NOW = (
    "(o.uid, o.evse_id, o.location_id, o.connectors) IS DISTINCT FROM (n.uid, n.evse_id, n.location_id, n.connectors)"
)
assert before.EVSES["UPDATE"].count(SHOWN) == 1
EVSES = before.EVSES | {"UPDATE": before.EVSES["UPDATE"].replace(SHOWN, SHOWN_NOW)}
FUNCTION = before._function("chargeward_push_locations_evse", ["locations"], EVSES)


class Migration(migrations.Migration):
    reviewed = "replaces a trigger's function by one that looks at one column more"

    dependencies = [
        ("subscriptions", "0007_versions"),
        ("locations", "0007_connectors"),
    ]

    operations = [
        migrations.RunSQL(
            FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"), migrations.RunSQL.noop
        ),
    ]
