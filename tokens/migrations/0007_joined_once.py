"""The history of a statement that changes ten thousand tokens is a join of before and after: by hash, not by pairs.

PL/pgSQL keeps the plan of its first calls. Kept from updates of one token, it compared each row with each: 10,000 took
20 seconds on a connection that had changed single ones.
"""

from django.db import migrations

# The function of the trigger `update_update` of 0006. Whoever installs that one anew brings the slow plan back.
FUNCTION = "pgtrigger_update_update_02f2b()"


class Migration(migrations.Migration):
    dependencies = [("tokens", "0006_set_wise")]
    operations = [
        migrations.RunSQL(
            f"ALTER FUNCTION {FUNCTION} SET enable_nestloop = off", f"ALTER FUNCTION {FUNCTION} RESET enable_nestloop"
        ),
    ]
