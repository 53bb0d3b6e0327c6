"""Customers and drivers are found by a part of either name, and listed in order, without reading all of them."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models
from locations.operations import at_once


class Migration(migrations.Migration):

    dependencies = [
        ('tokens', '0003_directory'),
    ]

    operations = at_once([
        migrations.AddIndex(
            model_name='customer',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('external_id'), name='gin_trgm_ops'), name='customer_external_id_has'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(fields=['name', 'id'], name='customer_by_name'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(fields=['emsp', 'name', 'id'], name='customer_by_emsp_and_name'),
        ),
        migrations.AddIndex(
            model_name='driver',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('name'), name='gin_trgm_ops'), name='driver_name_has'),
        ),
        migrations.AddIndex(
            model_name='driver',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('external_id'), name='gin_trgm_ops'), name='driver_external_id_has'),
        ),
        migrations.AddIndex(
            model_name='driver',
            index=models.Index(fields=['name', 'id'], name='driver_by_name'),
        ),
        migrations.AddIndex(
            model_name='driver',
            index=models.Index(fields=['customer', 'name', 'id'], name='driver_by_customer_and_name'),
        ),
        migrations.AddIndex(
            model_name='token',
            index=models.Index(fields=['customer', 'id'], name='token_by_customer'),
        ),
    ])
