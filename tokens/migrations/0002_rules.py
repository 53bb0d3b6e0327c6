"""What Django cannot declare: a token's driver is one of its customer, and that one of its eMSP."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tokens", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE tokens_token ADD CONSTRAINT token_driver_of_its_customer
                FOREIGN KEY (driver_id, customer_id) REFERENCES tokens_driver (id, customer_id);
            ALTER TABLE tokens_token ADD CONSTRAINT token_customer_of_its_emsp
                FOREIGN KEY (customer_id, emsp_id) REFERENCES tokens_customer (id, emsp_id);
            """,
            """
            ALTER TABLE tokens_token DROP CONSTRAINT token_driver_of_its_customer;
            ALTER TABLE tokens_token DROP CONSTRAINT token_customer_of_its_emsp;
            """,
        )
    ]
