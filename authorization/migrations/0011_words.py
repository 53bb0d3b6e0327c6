"""Labels, hints and names of groups, exceptions and authorization lists, for translation. The database knows none of them."""

import authorization.fields
import django.db.models.deletion
from django.db import migrations, models
from locations.operations import StateAtOnce


class Migration(migrations.Migration):

    dependencies = [
        ('authorization', '0010_orders'),
        ('locations', '0005_words'),
        ('tokens', '0005_words'),
    ]

    operations = [
        # Nothing is altered but the state.
        StateAtOnce(
            state_operations=[
                migrations.AlterModelOptions(
                    name='authorizationlistentry',
                    options={'ordering': ['pk'], 'verbose_name': 'authorization list entry', 'verbose_name_plural': 'authorization list entries'},
                ),
                migrations.AlterModelOptions(
                    name='chargeexception',
                    options={'ordering': ['name', 'pk'], 'verbose_name': 'exception', 'verbose_name_plural': 'exceptions'},
                ),
                migrations.AlterModelOptions(
                    name='exceptiongroup',
                    options={'ordering': ['name', 'pk'], 'verbose_name': 'exception group', 'verbose_name_plural': 'exception groups'},
                ),
                migrations.AlterModelOptions(
                    name='groupmember',
                    options={'ordering': ['pk'], 'verbose_name': 'group member', 'verbose_name_plural': 'group members'},
                ),
                migrations.AlterField(
                    model_name='authorizationlistentry',
                    name='added_at',
                    field=models.DateTimeField(auto_now_add=True, verbose_name='added at'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentry',
                    name='auth_id_entered',
                    field=models.TextField(blank=True, editable=False, null=True, verbose_name='Auth ID as entered'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentry',
                    name='customer',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentry',
                    name='location',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='authorization_list', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentry',
                    name='token',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to='tokens.token', verbose_name='charge token'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentryevent',
                    name='added_at',
                    field=models.DateTimeField(auto_now_add=True, verbose_name='added at'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentryevent',
                    name='auth_id_entered',
                    field=models.TextField(blank=True, editable=False, null=True, verbose_name='Auth ID as entered'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentryevent',
                    name='customer',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentryevent',
                    name='location',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='authorizationlistentryevent',
                    name='token',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.token', verbose_name='charge token'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='action',
                    field=models.CharField(choices=[('whitelist', 'whitelist'), ('blacklist', 'blacklist')], max_length=9, verbose_name='action'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='direction',
                    field=models.CharField(choices=[('emsp_for_cpo', 'eMSP for CPO'), ('cpo_for_emsp', 'CPO for eMSP')], max_length=12, verbose_name='direction'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='enabled',
                    field=models.BooleanField(default=True, verbose_name='enabled'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='notes',
                    field=models.TextField(blank=True, verbose_name='notes'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='valid_from',
                    field=authorization.fields.LocalDateTimeField(blank=True, help_text='Wall clock at each location. Empty: from ever.', null=True, verbose_name='valid from'),
                ),
                migrations.AlterField(
                    model_name='chargeexception',
                    name='valid_until',
                    field=authorization.fields.LocalDateTimeField(blank=True, help_text='Not any more at this moment. Empty: for ever.', null=True, verbose_name='valid until'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='action',
                    field=models.CharField(choices=[('whitelist', 'whitelist'), ('blacklist', 'blacklist')], max_length=9, verbose_name='action'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='direction',
                    field=models.CharField(choices=[('emsp_for_cpo', 'eMSP for CPO'), ('cpo_for_emsp', 'CPO for eMSP')], max_length=12, verbose_name='direction'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='enabled',
                    field=models.BooleanField(default=True, verbose_name='enabled'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='notes',
                    field=models.TextField(blank=True, verbose_name='notes'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='valid_from',
                    field=authorization.fields.LocalDateTimeField(blank=True, help_text='Wall clock at each location. Empty: from ever.', null=True, verbose_name='valid from'),
                ),
                migrations.AlterField(
                    model_name='chargeexceptionevent',
                    name='valid_until',
                    field=authorization.fields.LocalDateTimeField(blank=True, help_text='Not any more at this moment. Empty: for ever.', null=True, verbose_name='valid until'),
                ),
                migrations.AlterField(
                    model_name='exceptioncpogroup',
                    name='exception',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='authorization.chargeexception', verbose_name='exception'),
                ),
                migrations.AlterField(
                    model_name='exceptioncpogroup',
                    name='group',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='used_on_cpo_side', to='authorization.exceptiongroup', verbose_name='group'),
                ),
                migrations.AlterField(
                    model_name='exceptioncpogroupevent',
                    name='exception',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='authorization.chargeexception', verbose_name='exception'),
                ),
                migrations.AlterField(
                    model_name='exceptioncpogroupevent',
                    name='group',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='authorization.exceptiongroup', verbose_name='group'),
                ),
                migrations.AlterField(
                    model_name='exceptionemspgroup',
                    name='exception',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='authorization.chargeexception', verbose_name='exception'),
                ),
                migrations.AlterField(
                    model_name='exceptionemspgroup',
                    name='group',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='used_on_emsp_side', to='authorization.exceptiongroup', verbose_name='group'),
                ),
                migrations.AlterField(
                    model_name='exceptionemspgroupevent',
                    name='exception',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='authorization.chargeexception', verbose_name='exception'),
                ),
                migrations.AlterField(
                    model_name='exceptionemspgroupevent',
                    name='group',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='authorization.exceptiongroup', verbose_name='group'),
                ),
                migrations.AlterField(
                    model_name='exceptiongroup',
                    name='category',
                    field=models.CharField(choices=[('cpo', 'CPOs'), ('location', 'locations'), ('emsp', 'eMSPs'), ('customer', 'customers'), ('driver', 'drivers'), ('token', 'charge tokens')], max_length=8, verbose_name='category'),
                ),
                migrations.AlterField(
                    model_name='exceptiongroup',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='exceptiongroup',
                    name='notes',
                    field=models.TextField(blank=True, verbose_name='notes'),
                ),
                migrations.AlterField(
                    model_name='exceptiongroupevent',
                    name='category',
                    field=models.CharField(choices=[('cpo', 'CPOs'), ('location', 'locations'), ('emsp', 'eMSPs'), ('customer', 'customers'), ('driver', 'drivers'), ('token', 'charge tokens')], max_length=8, verbose_name='category'),
                ),
                migrations.AlterField(
                    model_name='exceptiongroupevent',
                    name='name',
                    field=models.CharField(max_length=255, verbose_name='name'),
                ),
                migrations.AlterField(
                    model_name='exceptiongroupevent',
                    name='notes',
                    field=models.TextField(blank=True, verbose_name='notes'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='auth_id_entered',
                    field=models.TextField(blank=True, editable=False, null=True, verbose_name='Auth ID as entered'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='category',
                    field=models.CharField(choices=[('cpo', 'CPOs'), ('location', 'locations'), ('emsp', 'eMSPs'), ('customer', 'customers'), ('driver', 'drivers'), ('token', 'charge tokens')], editable=False, max_length=8, verbose_name='category'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='customer',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='driver',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='tokens.driver', verbose_name='driver'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='group',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='authorization.exceptiongroup', verbose_name='group'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='location',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='groupmember',
                    name='token',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to='tokens.token', verbose_name='charge token'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='auth_id_entered',
                    field=models.TextField(blank=True, editable=False, null=True, verbose_name='Auth ID as entered'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='category',
                    field=models.CharField(choices=[('cpo', 'CPOs'), ('location', 'locations'), ('emsp', 'eMSPs'), ('customer', 'customers'), ('driver', 'drivers'), ('token', 'charge tokens')], editable=False, max_length=8, verbose_name='category'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='customer',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.customer', verbose_name='customer'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='driver',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.driver', verbose_name='driver'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='group',
                    field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='authorization.exceptiongroup', verbose_name='group'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='location',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='locations.location', verbose_name='location'),
                ),
                migrations.AlterField(
                    model_name='groupmemberevent',
                    name='token',
                    field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='tokens.token', verbose_name='charge token'),
                ),
            ]
        ),
    ]
