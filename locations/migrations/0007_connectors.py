"""EVSEs keep their connectors, and their history does."""

from importlib import import_module

import locations.connectors
import locations.models
import pgtrigger.compiler
import pgtrigger.migrations
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

QUICK = import_module("authorization.migrations.0002_rules").QUICK


class Migration(migrations.Migration):
    # What the release before writes gets the default; history's triggers and their columns change in one transaction.
    reviewed = "adds columns with a default; QUICK replaces two functions by what they were"

    dependencies = [
        ('locations', '0006_addresses'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='evse',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='evse',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='evse',
            name='delete_delete',
        ),
        migrations.AddField(
            model_name='evse',
            name='connectors',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, validators=[locations.connectors.validate], verbose_name='connectors'),
        ),
        migrations.AddField(
            model_name='evseevent',
            name='connectors',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, validators=[locations.connectors.validate], verbose_name='connectors'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='evse',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "locations_evseevent" ("connectors", "evse_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "station_id", "uid") VALUES (NEW."connectors", NEW."evse_id", NEW."id", NEW."location_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."station_id", NEW."uid"); RETURN NULL;', hash='b3fb9891abb91d358cf50318b756ca0fd6082e1a', operation='INSERT', pgid='pgtrigger_insert_insert_caf4f', table='locations_evse', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='evse',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."connectors" IS DISTINCT FROM (NEW."connectors") OR OLD."evse_id" IS DISTINCT FROM (NEW."evse_id") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."location_id" IS DISTINCT FROM (NEW."location_id") OR OLD."station_id" IS DISTINCT FROM (NEW."station_id") OR OLD."uid" IS DISTINCT FROM (NEW."uid"))', func='INSERT INTO "locations_evseevent" ("connectors", "evse_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "station_id", "uid") VALUES (NEW."connectors", NEW."evse_id", NEW."id", NEW."location_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."station_id", NEW."uid"); RETURN NULL;', hash='fac7f28b5d8db28e64418f80d04d5dd7c1bb88a8', operation='UPDATE', pgid='pgtrigger_update_update_8e84a', table='locations_evse', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='evse',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "locations_evseevent" ("connectors", "evse_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "station_id", "uid") VALUES (OLD."connectors", OLD."evse_id", OLD."id", OLD."location_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."station_id", OLD."uid"); RETURN NULL;', hash='24267ab74854ad04696904967646e9607edaea20', operation='DELETE', pgid='pgtrigger_delete_delete_8b8bc', table='locations_evse', when='AFTER')),
        ),
        AddConstraintNotValid(
            model_name='evse',
            constraint=models.CheckConstraint(condition=locations.models.HaveTheirForm(models.F('connectors')), name='connectors_have_their_form', violation_error_message='Connectors are a list of OCPI connector objects.'),
        ),
        migrations.RunSQL(QUICK, migrations.RunSQL.noop),
    ]
