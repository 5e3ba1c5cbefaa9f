"""On which countries' registers of sender ids a name stands."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_first")]

    operations = [
        migrations.AddField(
            model_name="senderidentity", name="registers", field=models.JSONField(default=dict, db_default={})
        )
    ]
