"""Labels, hints and names of eMSPs, customers, drivers and charge tokens, for translation. The database knows none of them."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from locations.operations import StateAtOnce


class Migration(migrations.Migration):

    dependencies = [
        ('tokens', '0004_searches'),
    ]

    operations = [
        # Nothing is altered but the state.
        StateAtOnce(
            state_operations=[
                migrations.AlterModelOptions(
                    name='customer',
                    options={'ordering': ['name', 'pk'], 'verbose_name': 'customer', 'verbose_name_plural': 'customers'},
                ),
                migrations.AlterModelOptions(
                    name='directorygrant',
                    options={'ordering': ['pk'], 'verbose_name': 'directory grant', 'verbose_name_plural': 'directory grants'},
                ),
                migrations.AlterModelOptions(
                    name='driver',
                    options={'ordering': ['name', 'pk'], 'verbose_name': 'driver', 'verbose_name_plural': 'drivers'},
                ),
                migrations.AlterModelOptions(
                    name='token',
                    options={'ordering': ['pk'], 'verbose_name': 'charge token', 'verbose_name_plural': 'charge tokens'},
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='blocked',
                    field=models.BooleanField(default=False, help_text='Refuses every token of this customer.', verbose_name='blocked'),
                ),
                migrations.AlterField(
                    model_name='customer',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='customerevent',
                    name='blocked',
                    field=models.BooleanField(default=False, help_text='Refuses every token of this customer.', verbose_name='blocked'),
                ),
                migrations.AlterField(
                    model_name='customerevent',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='directorygrant',
                    name='enabled',
                    field=models.BooleanField(default=True, verbose_name='enabled'),
                ),
                migrations.AlterField(
                    model_name='directorygrantevent',
                    name='enabled',
                    field=models.BooleanField(default=True, verbose_name='enabled'),
                ),
                migrations.AlterField(
                    model_name='driver',
                    name='blocked',
                    field=models.BooleanField(default=False, help_text='Refuses every token of this driver.', verbose_name='blocked'),
                ),
                migrations.AlterField(
                    model_name='driver',
                    name='customer',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='drivers', to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='driver',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='driverevent',
                    name='blocked',
                    field=models.BooleanField(default=False, help_text='Refuses every token of this driver.', verbose_name='blocked'),
                ),
                migrations.AlterField(
                    model_name='driverevent',
                    name='customer',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='driverevent',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='emsp',
                    name='blocked',
                    field=models.BooleanField(default=False, help_text='Refuses every token of this eMSP.', verbose_name='blocked'),
                ),
                migrations.AlterField(
                    model_name='emsp',
                    name='country_code',
                    field=models.CharField(help_text='Two letters, like NL.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Za-z]{2}\\Z', 'A country code is two letters, like NL.')], verbose_name='country code'),
                ),
                migrations.AlterField(
                    model_name='emsp',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='emsp',
                    name='party_id',
                    field=models.CharField(help_text='Three characters, like GFX.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9]{3}\\Z', 'A party id is three letters or digits, like GFX.')], verbose_name='party id'),
                ),
                migrations.AlterField(
                    model_name='emspevent',
                    name='blocked',
                    field=models.BooleanField(default=False, help_text='Refuses every token of this eMSP.', verbose_name='blocked'),
                ),
                migrations.AlterField(
                    model_name='emspevent',
                    name='country_code',
                    field=models.CharField(help_text='Two letters, like NL.', max_length=2, validators=[django.core.validators.RegexValidator('^[A-Za-z]{2}\\Z', 'A country code is two letters, like NL.')], verbose_name='country code'),
                ),
                migrations.AlterField(
                    model_name='emspevent',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='emspevent',
                    name='party_id',
                    field=models.CharField(help_text='Three characters, like GFX.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9]{3}\\Z', 'A party id is three letters or digits, like GFX.')], verbose_name='party id'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='customer',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='driver',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='tokens.driver', verbose_name='driver'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='expires_at',
                    field=models.DateTimeField(blank=True, help_text='Refused from this instant on. Empty: never.', null=True, verbose_name='expires at'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='external',
                    field=models.BooleanField(default=False, editable=False, verbose_name='external'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='issuer',
                    field=models.CharField(blank=True, max_length=64, verbose_name='issuer'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='language',
                    field=models.CharField(blank=True, help_text='ISO 639-1, like nl.', max_length=2, verbose_name='language'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='type',
                    field=models.CharField(choices=[('RFID', 'RFID'), ('EMAID', 'eMAID'), ('MAC_ADDRESS', 'MAC address'), ('KEY_CODE', 'key code'), ('APP_USER', 'app user'), ('AD_HOC_USER', 'ad hoc user'), ('OTHER', 'other')], default='RFID', max_length=16, verbose_name='type'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='valid',
                    field=models.BooleanField(default=True, help_text='Off: blocked.', verbose_name='valid'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='visual_number',
                    field=models.CharField(blank=True, help_text='What is printed on the card.', max_length=64, verbose_name='visual number'),
                ),
                migrations.AlterField(
                    model_name='token',
                    name='whitelist',
                    field=models.CharField(choices=[('ALWAYS', 'always'), ('ALLOWED', 'allowed'), ('ALLOWED_OFFLINE', 'allowed offline'), ('NEVER', 'never')], default='ALLOWED', max_length=16, verbose_name='whitelist'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='customer',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='driver',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.driver', verbose_name='driver'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='expires_at',
                    field=models.DateTimeField(blank=True, help_text='Refused from this instant on. Empty: never.', null=True, verbose_name='expires at'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='external',
                    field=models.BooleanField(default=False, editable=False, verbose_name='external'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='issuer',
                    field=models.CharField(blank=True, max_length=64, verbose_name='issuer'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='language',
                    field=models.CharField(blank=True, help_text='ISO 639-1, like nl.', max_length=2, verbose_name='language'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='type',
                    field=models.CharField(choices=[('RFID', 'RFID'), ('EMAID', 'eMAID'), ('MAC_ADDRESS', 'MAC address'), ('KEY_CODE', 'key code'), ('APP_USER', 'app user'), ('AD_HOC_USER', 'ad hoc user'), ('OTHER', 'other')], default='RFID', max_length=16, verbose_name='type'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='valid',
                    field=models.BooleanField(default=True, help_text='Off: blocked.', verbose_name='valid'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='visual_number',
                    field=models.CharField(blank=True, help_text='What is printed on the card.', max_length=64, verbose_name='visual number'),
                ),
                migrations.AlterField(
                    model_name='tokenevent',
                    name='whitelist',
                    field=models.CharField(choices=[('ALWAYS', 'always'), ('ALLOWED', 'allowed'), ('ALLOWED_OFFLINE', 'allowed offline'), ('NEVER', 'never')], default='ALLOWED', max_length=16, verbose_name='whitelist'),
                ),
            ]
        ),
    ]
