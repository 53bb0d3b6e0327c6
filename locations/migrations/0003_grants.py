"""An Admin's permission; and a grant goes with its party, whoever deletes that: guardian has no foreign key to it."""

from django.db import migrations

GRANTS = """
CREATE FUNCTION chargeward_grants_go() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind integer := (SELECT id FROM django_content_type WHERE app_label = TG_ARGV[0] AND model = TG_ARGV[1]);
BEGIN
    DELETE FROM guardian_userobjectpermission WHERE content_type_id = kind AND object_pk = OLD.id::text;
    DELETE FROM guardian_groupobjectpermission WHERE content_type_id = kind AND object_pk = OLD.id::text;
    RETURN NULL;
END $$;
CREATE TRIGGER grants_go AFTER DELETE ON locations_cpo
    FOR EACH ROW EXECUTE FUNCTION chargeward_grants_go('locations', 'cpo');
"""


class Migration(migrations.Migration):

    dependencies = [
        ('locations', '0002_rules'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('guardian', '0001_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='cpo',
            options={'ordering': ['name', 'pk'], 'permissions': [('manage_cpo', 'Can manage this CPO and its sub-CPOs'), ('administer', 'Is an Admin: sees, changes and deletes everything')], 'verbose_name': 'CPO', 'verbose_name_plural': 'CPOs'},
        ),
        migrations.RunSQL(GRANTS, "DROP TRIGGER grants_go ON locations_cpo; DROP FUNCTION chargeward_grants_go;"),
    ]
