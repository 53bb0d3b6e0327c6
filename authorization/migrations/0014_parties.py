"""Whose place and whose token a decision was about: so a manager's log is found by an index, whatever it is asked for."""

import django.db.models.deletion
from django.db import migrations, models

# By the database, for whichever release writes the row.
NAMED = """
CREATE FUNCTION chargeward_name_parties() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cpo_id := (SELECT cpo_id FROM locations_location WHERE id = NEW.location_id);
    NEW.emsp_id := (SELECT emsp_id FROM tokens_token WHERE id = NEW.token_id);
    RETURN NEW;
END $$;
CREATE TRIGGER parties_are_named BEFORE INSERT ON authorization_decision
    FOR EACH ROW EXECUTE FUNCTION chargeward_name_parties();
"""
NAMED_NO_MORE = """
DROP TRIGGER parties_are_named ON authorization_decision;
DROP FUNCTION chargeward_name_parties;
"""


def party(to):
    return models.ForeignKey(
        db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING,
        related_name='+', to=to,
    )


class Migration(migrations.Migration):
    reviewed = "two columns that may be null, and a trigger that fills them for both releases"

    dependencies = [
        ('authorization', '0013_connectors'),
        ('locations', '0006_addresses'),
        ('tokens', '0007_joined_once'),
    ]

    operations = [
        migrations.AddField('decision', 'cpo', party('locations.cpo')),
        migrations.AddField('decision', 'emsp', party('tokens.emsp')),
        migrations.RunSQL(NAMED, NAMED_NO_MORE),
    ]
