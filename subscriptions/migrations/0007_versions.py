from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('subscriptions', '0006_sessions_begin')]

    operations = [
        migrations.AddField(
            model_name='partneraccess',
            name='version',
            field=models.CharField(choices=[('2.1.1', '2.1.1'), ('2.2.1', '2.2.1')], default='2.1.1', max_length=5),
        ),
    ]
