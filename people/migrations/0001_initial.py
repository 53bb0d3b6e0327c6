"""What is known of erasures, and how far the history has aged."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tokens', '0007_joined_once'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Aged',
            fields=[
                ('table', models.CharField(max_length=63, primary_key=True, serialize=False)),
                ('upto', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('driver', 'driver with charge tokens'), ('token', 'charge token')], max_length=6, verbose_name='what')),
                ('by_name', models.CharField(max_length=150, verbose_name='done by')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('counts', models.JSONField(default=dict, verbose_name='rows')),
                ('pending', models.JSONField(editable=False, null=True)),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('emsp', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='tokens.emsp', verbose_name='eMSP')),
            ],
            options={
                'verbose_name': 'erasure of personal data',
                'verbose_name_plural': 'erasures of personal data',
                'ordering': ['-at', '-pk'],
                'indexes': [
                    models.Index(fields=['-at', '-id'], name='erasure_newest_first'),
                    models.Index(condition=models.Q(('finished_at', None)), fields=['at'], name='erasure_unfinished'),
                ],
            },
        ),
    ]
