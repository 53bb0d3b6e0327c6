"""The rule of 0007 holds for the rows of before too: looked at without keeping anybody from writing."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('locations', '0007_connectors'),
    ]

    operations = [
        ValidateConstraint('evse', 'connectors_have_their_form'),
    ]
