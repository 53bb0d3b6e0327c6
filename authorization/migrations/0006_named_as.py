"""A list and a group keep an Auth ID as it was named there, for those who may not see the token that carries it."""

from importlib import import_module

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models
from locations.operations import at_once

# Triggers that pgtrigger installs bring its slow functions back.
QUICK = import_module("authorization.migrations.0002_rules").QUICK

AS_NAMED = """
CREATE OR REPLACE FUNCTION chargeward_names_the_auth_id() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    spelt text;
BEGIN
    SELECT auth_id_normal, auth_id INTO NEW.auth_id, spelt FROM tokens_token WHERE id = NEW.token_id FOR SHARE;
    IF NEW.auth_id_entered IS NULL THEN
        NEW.auth_id_entered := spelt;
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('authorization', '0005_presented'),
        ('tokens', '0003_directory'),
    ]

    operations = at_once([
        pgtrigger.migrations.RemoveTrigger(
            model_name='authorizationlistentry',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='authorizationlistentry',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='authorizationlistentry',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='groupmember',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='groupmember',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='groupmember',
            name='delete_delete',
        ),
        migrations.AddField(
            model_name='authorizationlistentry',
            name='auth_id_entered',
            field=models.TextField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='authorizationlistentryevent',
            name='auth_id_entered',
            field=models.TextField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='auth_id_entered',
            field=models.TextField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='groupmemberevent',
            name='auth_id_entered',
            field=models.TextField(blank=True, editable=False, null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='authorizationlistentry',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "authorization_authorizationlistentryevent" ("added_at", "auth_id", "auth_id_entered", "customer_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "token_id") VALUES (NEW."added_at", NEW."auth_id", NEW."auth_id_entered", NEW."customer_id", NEW."id", NEW."location_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."token_id"); RETURN NULL;', hash='65651ebeacf9c166852697abb168783768bf7f9e', operation='INSERT', pgid='pgtrigger_insert_insert_0be97', table='authorization_authorizationlistentry', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='authorizationlistentry',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "authorization_authorizationlistentryevent" ("added_at", "auth_id", "auth_id_entered", "customer_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "token_id") VALUES (NEW."added_at", NEW."auth_id", NEW."auth_id_entered", NEW."customer_id", NEW."id", NEW."location_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."token_id"); RETURN NULL;', hash='14930b83fd1aad82b894cc28ae3e57aec20dc9d3', operation='UPDATE', pgid='pgtrigger_update_update_19676', table='authorization_authorizationlistentry', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='authorizationlistentry',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "authorization_authorizationlistentryevent" ("added_at", "auth_id", "auth_id_entered", "customer_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "token_id") VALUES (OLD."added_at", OLD."auth_id", OLD."auth_id_entered", OLD."customer_id", OLD."id", OLD."location_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."token_id"); RETURN NULL;', hash='18dba00df3884136e7e5693b582ea432594d2ff8', operation='DELETE', pgid='pgtrigger_delete_delete_1facc', table='authorization_authorizationlistentry', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='groupmember',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "authorization_groupmemberevent" ("auth_id", "auth_id_entered", "category", "cpo_id", "customer_id", "driver_id", "emsp_id", "group_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "token_id") VALUES (NEW."auth_id", NEW."auth_id_entered", NEW."category", NEW."cpo_id", NEW."customer_id", NEW."driver_id", NEW."emsp_id", NEW."group_id", NEW."id", NEW."location_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."token_id"); RETURN NULL;', hash='3c37986b84cefa19840b3e38a622bc067f7e3e39', operation='INSERT', pgid='pgtrigger_insert_insert_16e32', table='authorization_groupmember', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='groupmember',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "authorization_groupmemberevent" ("auth_id", "auth_id_entered", "category", "cpo_id", "customer_id", "driver_id", "emsp_id", "group_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "token_id") VALUES (NEW."auth_id", NEW."auth_id_entered", NEW."category", NEW."cpo_id", NEW."customer_id", NEW."driver_id", NEW."emsp_id", NEW."group_id", NEW."id", NEW."location_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."token_id"); RETURN NULL;', hash='c973223f8c9d11090e5200869972f202125e0713', operation='UPDATE', pgid='pgtrigger_update_update_961a1', table='authorization_groupmember', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='groupmember',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "authorization_groupmemberevent" ("auth_id", "auth_id_entered", "category", "cpo_id", "customer_id", "driver_id", "emsp_id", "group_id", "id", "location_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "token_id") VALUES (OLD."auth_id", OLD."auth_id_entered", OLD."category", OLD."cpo_id", OLD."customer_id", OLD."driver_id", OLD."emsp_id", OLD."group_id", OLD."id", OLD."location_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."token_id"); RETURN NULL;', hash='b15ce81f3271ddac514abfbe1dbbfbf4749ff19d', operation='DELETE', pgid='pgtrigger_delete_delete_09c2d', table='authorization_groupmember', when='AFTER')),
        ),
        migrations.RunSQL(AS_NAMED, migrations.RunSQL.noop),
        migrations.RunSQL(QUICK, migrations.RunSQL.noop),
    ])
