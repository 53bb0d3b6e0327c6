"""What Django cannot declare: an EVSE and its station stand at one location."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("locations", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE locations_evse ADD CONSTRAINT evse_station_of_its_location
                FOREIGN KEY (station_id, location_id) REFERENCES locations_chargestation (id, location_id);
            """,
            "ALTER TABLE locations_evse DROP CONSTRAINT evse_station_of_its_location;",
        )
    ]
