"""Locations and stations are listed in order and found by a part of a name, city or ID, without reading all of them."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models
from locations.operations import at_once


class Migration(migrations.Migration):

    dependencies = [
        ('locations', '0003_grants'),
    ]

    operations = at_once([
        migrations.AlterModelOptions(
            name='chargestation',
            options={'ordering': ['identity_normal']},
        ),
        migrations.AddIndex(
            model_name='chargestation',
            index=models.Index(condition=models.Q(('authorization_required', False)), fields=['identity_normal'], name='station_free'),
        ),
        migrations.AddIndex(
            model_name='location',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('city'), name='gin_trgm_ops'), name='location_city_has'),
        ),
        migrations.AddIndex(
            model_name='location',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('location_id'), name='gin_trgm_ops'), name='location_id_has'),
        ),
        migrations.AddIndex(
            model_name='location',
            index=models.Index(fields=['name', 'id'], name='location_by_name'),
        ),
        migrations.AddIndex(
            model_name='location',
            index=models.Index(fields=['cpo', 'name', 'id'], name='location_by_cpo_and_name'),
        ),
        migrations.AddIndex(
            model_name='location',
            index=models.Index(condition=models.Q(('published', False)), fields=['name', 'id'], name='location_unpublished'),
        ),
    ])
