"""Groups and exceptions are listed in order and found by a part of their name, without reading all of them."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models
from locations.operations import at_once


class Migration(migrations.Migration):

    dependencies = [
        ('authorization', '0009_nodes'),
        ('locations', '0004_orders'),
        ('tokens', '0004_searches'),
    ]

    operations = at_once([
        migrations.AddIndex(
            model_name='chargeexception',
            index=models.Index(fields=['name', 'id'], name='exception_by_name'),
        ),
        migrations.AddIndex(
            model_name='chargeexception',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='gin_trgm_ops'), name='exception_name_has'),
        ),
        migrations.AddIndex(
            model_name='exceptiongroup',
            index=models.Index(fields=['name', 'id'], name='group_by_name'),
        ),
        migrations.AddIndex(
            model_name='exceptiongroup',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='gin_trgm_ops'), name='group_name_has'),
        ),
    ])
