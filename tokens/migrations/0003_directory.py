"""Which CPOs may search an eMSP's directory; tokens of one eMSP page by page; grants go with their eMSP."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models
from locations.operations import at_once

GRANTS = """
CREATE TRIGGER grants_go AFTER DELETE ON tokens_emsp
    FOR EACH ROW EXECUTE FUNCTION chargeward_grants_go('tokens', 'emsp');
"""


class Migration(migrations.Migration):

    dependencies = [
        ('locations', '0003_grants'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('tokens', '0002_rules'),
    ]

    operations = at_once([
        migrations.CreateModel(
            name='DirectoryGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enabled', models.BooleanField(default=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='DirectoryGrantEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('enabled', models.BooleanField(default=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='token',
            index=models.Index(fields=['emsp', 'id'], name='token_by_emsp'),
        ),
        migrations.AddField(
            model_name='directorygrant',
            name='cpo',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='locations.cpo', verbose_name='CPO'),
        ),
        migrations.AddField(
            model_name='directorygrant',
            name='emsp',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='directory_grants', to='tokens.emsp', verbose_name='eMSP'),
        ),
        migrations.AddField(
            model_name='directorygrantevent',
            name='cpo',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='locations.cpo', verbose_name='CPO'),
        ),
        migrations.AddField(
            model_name='directorygrantevent',
            name='emsp',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.emsp', verbose_name='eMSP'),
        ),
        migrations.AddField(
            model_name='directorygrantevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='directorygrantevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='tokens.directorygrant'),
        ),
        migrations.AddConstraint(
            model_name='directorygrant',
            constraint=models.UniqueConstraint(fields=('emsp', 'cpo'), name='directory_is_granted_once', violation_error_message='This is granted already: switch it on or off.'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='directorygrant',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "tokens_directorygrantevent" ("cpo_id", "emsp_id", "enabled", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."cpo_id", NEW."emsp_id", NEW."enabled", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='6bc85a002a89df4c0dd1a6af62bc4c44fd5c4b24', operation='INSERT', pgid='pgtrigger_insert_insert_4328b', table='tokens_directorygrant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='directorygrant',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "tokens_directorygrantevent" ("cpo_id", "emsp_id", "enabled", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."cpo_id", NEW."emsp_id", NEW."enabled", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='f7988d189315faa374f3f1a3aefd93f327d98f2a', operation='UPDATE', pgid='pgtrigger_update_update_affdf', table='tokens_directorygrant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='directorygrant',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "tokens_directorygrantevent" ("cpo_id", "emsp_id", "enabled", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."cpo_id", OLD."emsp_id", OLD."enabled", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='e1033206b9544209aa8b1a3ad5ed364e65e3a340', operation='DELETE', pgid='pgtrigger_delete_delete_af4cc', table='tokens_directorygrant', when='AFTER')),
        ),
        migrations.RunSQL(GRANTS, "DROP TRIGGER grants_go ON tokens_emsp;"),
    ])
