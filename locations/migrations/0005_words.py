"""Labels, hints and names of places, for translation. The database knows none of them."""

import django.core.validators
import django.db.models.deletion
import locations.models
import locations.validators
from django.db import migrations, models
from locations.operations import StateAtOnce


class Migration(migrations.Migration):

    dependencies = [
        ('locations', '0004_orders'),
    ]

    operations = [
        # Nothing is altered but the state.
        StateAtOnce(
            state_operations=[
                migrations.AlterModelOptions(
                    name='chargestation',
                    options={'ordering': ['identity_normal'], 'verbose_name': 'charge station', 'verbose_name_plural': 'charge stations'},
                ),
                migrations.AlterModelOptions(
                    name='location',
                    options={'ordering': ['name', 'pk'], 'verbose_name': 'charge location', 'verbose_name_plural': 'charge locations'},
                ),
                migrations.AlterField(
                    model_name='chargestation',
                    name='identity',
                    field=models.CharField(max_length=255, validators=[locations.validators.printable], verbose_name='identity'),
                ),
                migrations.AlterField(
                    model_name='chargestation',
                    name='location',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stations', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='chargestationevent',
                    name='identity',
                    field=models.CharField(max_length=255, validators=[locations.validators.printable], verbose_name='identity'),
                ),
                migrations.AlterField(
                    model_name='chargestationevent',
                    name='location',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='cpo',
                    name='country_code',
                    field=models.CharField(help_text='Two letters, like NL.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Za-z]{2}\\Z', 'A country code is two letters, like NL.')], verbose_name='country code'),
                ),
                migrations.AlterField(
                    model_name='cpo',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='cpo',
                    name='party_id',
                    field=models.CharField(help_text='Three characters, like GFX.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9]{3}\\Z', 'A party id is three letters or digits, like GFX.')], verbose_name='party id'),
                ),
                migrations.AlterField(
                    model_name='cpo',
                    name='time_zone',
                    field=models.CharField(default='UTC', max_length=64, validators=[locations.models.validate_zone], verbose_name='time zone'),
                ),
                migrations.AlterField(
                    model_name='cpoevent',
                    name='country_code',
                    field=models.CharField(help_text='Two letters, like NL.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Za-z]{2}\\Z', 'A country code is two letters, like NL.')], verbose_name='country code'),
                ),
                migrations.AlterField(
                    model_name='cpoevent',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='cpoevent',
                    name='party_id',
                    field=models.CharField(help_text='Three characters, like GFX.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9]{3}\\Z', 'A party id is three letters or digits, like GFX.')], verbose_name='party id'),
                ),
                migrations.AlterField(
                    model_name='cpoevent',
                    name='time_zone',
                    field=models.CharField(default='UTC', max_length=64, validators=[locations.models.validate_zone], verbose_name='time zone'),
                ),
                migrations.AlterField(
                    model_name='evse',
                    name='location',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evses', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='evse',
                    name='station',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='evses', to='locations.chargestation', verbose_name='station'),
                ),
                migrations.AlterField(
                    model_name='evseevent',
                    name='location',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='evseevent',
                    name='station',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='locations.chargestation', verbose_name='station'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='address',
                    field=models.CharField(blank=True, max_length=255, verbose_name='address'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='city',
                    field=models.CharField(blank=True, max_length=255, verbose_name='city'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='country',
                    field=models.CharField(blank=True, help_text='ISO 3166 alpha-3, like NLD.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}\\Z', 'A country is three capital letters (ISO 3166 alpha-3), like NLD.')], verbose_name='country'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='latitude',
                    field=models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True, verbose_name='latitude'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='longitude',
                    field=models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True, verbose_name='longitude'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='name',
                    field=models.CharField(blank=True, max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='postal_code',
                    field=models.CharField(blank=True, max_length=20, verbose_name='postal code'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='published',
                    field=models.BooleanField(default=True, help_text='A private location cannot be published.', verbose_name='published'),
                ),
                migrations.AlterField(
                    model_name='location',
                    name='time_zone',
                    field=models.CharField(blank=True, help_text="Default: the CPO's.", max_length=64, validators=[locations.models.validate_zone], verbose_name='time zone'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='address',
                    field=models.CharField(blank=True, max_length=255, verbose_name='address'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='city',
                    field=models.CharField(blank=True, max_length=255, verbose_name='city'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='country',
                    field=models.CharField(blank=True, help_text='ISO 3166 alpha-3, like NLD.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}\\Z', 'A country is three capital letters (ISO 3166 alpha-3), like NLD.')], verbose_name='country'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='latitude',
                    field=models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True, verbose_name='latitude'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='longitude',
                    field=models.DecimalField(blank=True, decimal_places=7, max_digits=10, null=True, verbose_name='longitude'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='name',
                    field=models.CharField(blank=True, max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='postal_code',
                    field=models.CharField(blank=True, max_length=20, verbose_name='postal code'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='published',
                    field=models.BooleanField(default=True, help_text='A private location cannot be published.', verbose_name='published'),
                ),
                migrations.AlterField(
                    model_name='locationevent',
                    name='time_zone',
                    field=models.CharField(blank=True, help_text="Default: the CPO's.", max_length=64, validators=[locations.models.validate_zone], verbose_name='time zone'),
                ),
            ]
        ),
    ]
