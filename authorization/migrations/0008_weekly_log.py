"""The log's rows, by the week they are of: each a partition. What there is moves along."""

from datetime import UTC, datetime, timedelta

from django.db import migrations, models
from locations.operations import at_once

from authorization import partitions

PARTITIONED = """
ALTER TABLE authorization_decision RENAME TO authorization_decision_before;
ALTER TABLE authorization_decision_before ALTER COLUMN id DROP IDENTITY;
CREATE SEQUENCE authorization_decision_id_seq AS bigint;
CREATE TABLE authorization_decision (LIKE authorization_decision_before) PARTITION BY RANGE (decided_at);
ALTER TABLE authorization_decision ALTER COLUMN id SET DEFAULT nextval('authorization_decision_id_seq');
ALTER SEQUENCE authorization_decision_id_seq OWNED BY authorization_decision.id;
CREATE TABLE authorization_decision_default PARTITION OF authorization_decision DEFAULT;
"""

MOVED = """
INSERT INTO authorization_decision SELECT * FROM authorization_decision_before;
SELECT setval('authorization_decision_id_seq', (SELECT max(id) FROM authorization_decision_before))
    WHERE EXISTS (SELECT FROM authorization_decision_before);
DROP TABLE authorization_decision_before;
ALTER TABLE authorization_decision ADD CONSTRAINT authorization_decision_pkey PRIMARY KEY (id, decided_at);
CREATE INDEX decision_with_presented ON authorization_decision (decided_at) WHERE NOT presented_sealed = '';
CREATE INDEX decision_newest_first ON authorization_decision (decided_at DESC, id DESC);
CREATE INDEX decision_by_location ON authorization_decision (location_id, decided_at DESC);
CREATE INDEX decision_by_token ON authorization_decision (token_id, decided_at DESC);
"""


def provide(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT min(decided_at) FROM authorization_decision_before")
        oldest = cursor.fetchone()[0]
    now = datetime.now(UTC)
    partitions.provide(schema_editor.connection, oldest or now, now + timedelta(weeks=partitions.AHEAD))


class Migration(migrations.Migration):

    dependencies = [
        ('authorization', '0007_closed_keys'),
    ]

    operations = at_once([
        migrations.RunSQL(PARTITIONED),
        migrations.RunPython(provide),
        migrations.RunSQL(MOVED),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['token_pseudonym', '-decided_at'], name='decision_by_pseudonym'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['reason', '-decided_at'], name='decision_by_reason'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['request_id'], name='decision_by_request'),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['api_key', '-decided_at'], name='decision_by_key'),
        ),
    ])
