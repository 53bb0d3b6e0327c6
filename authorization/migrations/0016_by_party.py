"""The log by party and by exception."""

from django.db import migrations, models
from locations.operations import at_once


class Migration(migrations.Migration):
    reviewed = "only nodes write into the log, and what they have waits in their files while the indexes are built"

    dependencies = [
        ('authorization', '0015_parties_of_before'),
    ]

    operations = at_once([
        migrations.AddIndex('decision', models.Index(fields=['cpo', '-decided_at'], name='decision_by_cpo')),
        migrations.AddIndex('decision', models.Index(fields=['emsp', '-decided_at'], name='decision_by_emsp')),
        migrations.AddIndex(
            'decision',
            models.Index(
                fields=['rule', '-decided_at'], name='decision_by_rule', condition=models.Q(rule__isnull=False)
            ),
        ),
    ])
