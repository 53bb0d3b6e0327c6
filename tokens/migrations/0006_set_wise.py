"""A million tokens at once: history by statement, normal forms that cost a tenth, no index twice."""

from importlib import import_module

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models
from locations.operations import at_once

# Triggers that pgtrigger installs bring its slow functions back.
QUICK = import_module("authorization.migrations.0002_rules").QUICK
SLOW = import_module("tokens.migrations.0001_initial").IDS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def iso_sums(contract: str) -> str:
    """SQL of the four sums of tokens.ids._iso_sums, each six bits wide, of 15 letters and digits.

    What a character adds depends on its place alone, so it is looked up, by its code from `0` on.
    """
    places, first, second, third, fourth = [], (0, 1), (1, 1), (0, 1), (1, 2)
    for place in range(1, 16):
        weights = [0] * (ord("Z") - ord("0") + 1)
        for value, char in enumerate(ALPHABET):
            q1, q2, r1, r2 = value // 18, value // 9 % 2, value // 3 % 3, value % 3
            parts = (q1 * first[0] + q2 * second[0]) % 2, (q1 * first[1] + q2 * second[1]) % 2
            parts += (r1 * third[0] + r2 * fourth[0]) % 3, (r1 * third[1] + r2 * fourth[1]) % 3
            weights[ord(char) - ord("0")] = sum(part << 6 * nth for nth, part in enumerate(parts))
        listed = ",".join(map(str, weights))
        places.append(f"('{{{listed}}}'::int[])[ascii(substr({contract}, {place}, 1)) - 47]")
        first, second = (first[1], sum(first) % 2), (second[1], sum(second) % 2)
        third, fourth = (third[1], (third[0] + 2 * third[1]) % 3), (fourth[1], (fourth[0] + 2 * fourth[1]) % 3)
    return " + ".join(places)


# The same forms as those of 0001. One function without calls of others, for what it calls is looked up at each call;
# chargeward_uid is an expression that the planner puts in its place, which it does not do with STRICT.
FAST = f"""
CREATE OR REPLACE FUNCTION chargeward_auth_id(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    bare text := btrim(replace(upper(value COLLATE "C"), '-', ''));
    sums int; v int; total bigint := 0; weight bigint := 1;
BEGIN
    IF strpos(bare, '*') > 0 AND bare ~ '^[A-Z]{{2}}\\*?[A-Z0-9]{{3}}\\*?[A-Z0-9]{{6}}(\\*?[A-Z0-9])?$' THEN
        bare := replace(bare, '*', '');
    END IF;
    IF length(bare) = 15 AND bare ~ '^[A-Z]{{2}}[A-Z0-9]{{13}}$' THEN
        sums := {iso_sums("bare")};
        IF (sums & 63) % 2 = 0 AND (sums >> 6 & 63) % 2 = 0
            AND (sums >> 12 & 63) % 3 = 0 AND (sums >> 18) % 3 = 0
        THEN
            RETURN left(bare, -1);
        END IF;
    ELSIF length(bare) = 12 AND bare ~ '^[A-Z]{{2}}[A-Z0-9]{{10}}$' THEN
        FOR i IN 1 .. 11 LOOP
            v := strpos('{ALPHABET}', substr(bare, i, 1)) - 1;
            IF v >= 10 THEN
                total := total + v / 10 * weight;
                weight := weight * 2;
            END IF;
            total := total + v % 10 * weight;
            weight := weight * 2;
        END LOOP;
        IF right(bare, 1) = substr('0123456789X', (total % 11)::int + 1, 1) THEN
            RETURN left(bare, -1);
        END IF;
    END IF;
    RETURN bare;
END $$;

CREATE OR REPLACE FUNCTION chargeward_uid(type text, value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN type IS NULL THEN NULL
    WHEN type = 'EMAID' THEN chargeward_auth_id(value)
    WHEN type IN ('RFID', 'MAC_ADDRESS') THEN translate(upper(value COLLATE "C"), ' :-', '')
    ELSE upper(btrim(value) COLLATE "C")
END;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('tokens', '0005_words'),
        ('authorization', '0006_named_as'),
    ]

    operations = at_once([
        migrations.RunSQL(FAST, SLOW),
        pgtrigger.migrations.RemoveTrigger(
            model_name='token',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='token',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='token',
            name='delete_delete',
        ),
        migrations.AlterField(
            model_name='token',
            name='customer',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='tokens.customer', verbose_name='customer'),
        ),
        migrations.AlterField(
            model_name='token',
            name='emsp',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='tokens.emsp', verbose_name='eMSP'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='token',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "tokens_tokenevent" ("auth_id", "customer_id", "driver_id", "emsp_id", "expires_at", "external", "id", "issuer", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "type", "uid", "valid", "visual_number", "whitelist") SELECT new_values."auth_id", new_values."customer_id", new_values."driver_id", new_values."emsp_id", new_values."expires_at", new_values."external", new_values."id", new_values."issuer", new_values."language", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."type", new_values."uid", new_values."valid", new_values."visual_number", new_values."whitelist" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='14eb7c6a206f6f1ba980ed7c134c87b776e2e553', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_5732d', referencing='REFERENCING NEW TABLE AS new_values ', table='tokens_token', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='token',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "tokens_tokenevent" ("auth_id", "customer_id", "driver_id", "emsp_id", "expires_at", "external", "id", "issuer", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "type", "uid", "valid", "visual_number", "whitelist") SELECT new_values."auth_id", new_values."customer_id", new_values."driver_id", new_values."emsp_id", new_values."expires_at", new_values."external", new_values."id", new_values."issuer", new_values."language", _pgh_attached_context.value, NOW(), \'update\', new_values."id", new_values."type", new_values."uid", new_values."valid", new_values."visual_number", new_values."whitelist" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."auth_id" IS DISTINCT FROM (new_values."auth_id") OR old_values."customer_id" IS DISTINCT FROM (new_values."customer_id") OR old_values."driver_id" IS DISTINCT FROM (new_values."driver_id") OR old_values."emsp_id" IS DISTINCT FROM (new_values."emsp_id") OR old_values."expires_at" IS DISTINCT FROM (new_values."expires_at") OR old_values."external" IS DISTINCT FROM (new_values."external") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."issuer" IS DISTINCT FROM (new_values."issuer") OR old_values."language" IS DISTINCT FROM (new_values."language") OR old_values."type" IS DISTINCT FROM (new_values."type") OR old_values."uid" IS DISTINCT FROM (new_values."uid") OR old_values."valid" IS DISTINCT FROM (new_values."valid") OR old_values."visual_number" IS DISTINCT FROM (new_values."visual_number") OR old_values."whitelist" IS DISTINCT FROM (new_values."whitelist")) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='83d4b748b726e740729a649df7f2905ec09a9b06', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_02f2b', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='tokens_token', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='token',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "tokens_tokenevent" ("auth_id", "customer_id", "driver_id", "emsp_id", "expires_at", "external", "id", "issuer", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "type", "uid", "valid", "visual_number", "whitelist") SELECT old_values."auth_id", old_values."customer_id", old_values."driver_id", old_values."emsp_id", old_values."expires_at", old_values."external", old_values."id", old_values."issuer", old_values."language", _pgh_attached_context.value, NOW(), \'delete\', old_values."id", old_values."type", old_values."uid", old_values."valid", old_values."visual_number", old_values."whitelist" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='66712ce95e6e01295931de6c251f5af968ac0e4e', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_7c02f', referencing='REFERENCING OLD TABLE AS old_values ', table='tokens_token', when='AFTER')),
        ),
        migrations.RunSQL(QUICK, migrations.RunSQL.noop),
    ])
