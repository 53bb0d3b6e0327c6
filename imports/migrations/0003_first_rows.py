"""The first rows of a file go with the file: they stayed with imports that had none any more."""

from django.db import migrations

FORGET = """
UPDATE imports_import i SET first_rows = '[]'
WHERE first_rows <> '[]' AND kind <> 'locations' AND NOT EXISTS (SELECT FROM imports_filepart p WHERE p.of_id = i.id);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('imports', '0002_percent'),
    ]

    operations = [
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    ]
