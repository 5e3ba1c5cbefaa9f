"""The doors by which carriers and mail systems hand in what people write back."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_registers")]

    operations = [
        migrations.CreateModel(
            name="Connector",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("channel", models.CharField(max_length=8)),
                ("kind", models.CharField(max_length=16)),
                ("addresses", ArrayField(models.CharField(max_length=254))),
                ("languages", ArrayField(models.CharField(max_length=2))),
                ("country", models.CharField(max_length=2, null=True)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("closed_at", models.DateTimeField(null=True)),
                ("account", models.ForeignKey("accounts.account", on_delete=models.PROTECT)),
                ("seller", models.ForeignKey("accounts.seller", on_delete=models.PROTECT, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        name="connector_channel", condition=models.Q(channel__in=["voice", "sms", "email"])
                    ),
                    models.CheckConstraint(name="connector_kind", condition=models.Q(kind__in=["standard", "twilio"])),
                ]
            },
        ),
        migrations.RunSQL("GRANT SELECT, INSERT, UPDATE ON accounts_connector TO forbear_app", migrations.RunSQL.noop),
    ]
