"""The parties of the decisions that are in the log already. A million rows take up to three minutes."""

from django.db import migrations

THOSE_OF_BEFORE = """
UPDATE {partition} AS d SET cpo_id = (SELECT l.cpo_id FROM locations_location l WHERE l.id = d.location_id),
    emsp_id = (SELECT t.emsp_id FROM tokens_token t WHERE t.id = d.token_id)
WHERE d.cpo_id IS NULL AND d.emsp_id IS NULL AND (d.location_id IS NOT NULL OR d.token_id IS NOT NULL)
"""


def name_those_of_before(apps, schema_editor):
    """Week by week, the newest first, each in a transaction of its own; what is done is not done again."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'authorization_decision'::regclass"
            " ORDER BY 1 DESC"
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(THOSE_OF_BEFORE.format(partition=partition))


class Migration(migrations.Migration):
    atomic = False
    reviewed = "writes rows that nobody else writes, a week at a time, and may be broken off and run again"

    dependencies = [
        ('authorization', '0014_parties'),
    ]

    operations = [
        migrations.RunPython(name_those_of_before, migrations.RunPython.noop),
    ]
