"""Messages that came in, those that wait for a person, those we send, and links to a person's pages."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

from forbear.ledger.migrations._hearing import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_consent")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.CreateModel(
                    name="Heard",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connector", "message", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("connector", models.UUIDField()),
                        ("message", models.CharField(max_length=200)),
                        ("event", models.UUIDField()),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Link",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField()),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("channel", models.SmallIntegerField()),
                        ("campaign", models.BigIntegerField(default=0)),
                        ("list", models.BigIntegerField(default=0)),
                        ("language", models.CharField(default="", max_length=16)),
                        ("decision", models.UUIDField(null=True)),
                        ("fresh_until", models.DateTimeField(null=True)),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Outbox",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("account", models.UUIDField(null=True)),
                        ("seller", models.UUIDField(null=True)),
                        ("kind", models.CharField(max_length=30)),
                        ("cause", models.UUIDField()),
                        ("channel", models.SmallIntegerField()),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("language", models.CharField(max_length=16)),
                        ("content", models.JSONField(null=True)),
                        ("at", models.DateTimeField()),
                        ("next_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        ("tries", models.SmallIntegerField(default=0)),
                        ("taken_at", models.DateTimeField(null=True)),
                        ("sent_at", models.DateTimeField(null=True)),
                        ("failed_at", models.DateTimeField(null=True)),
                        ("error", models.CharField(default="", max_length=300)),
                        ("provider_id", models.CharField(default="", max_length=200)),
                    ],
                ),
                migrations.CreateModel(
                    name="Review",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField(null=True)),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("channel", models.SmallIntegerField()),
                        ("why", models.CharField(max_length=60)),
                        ("language", models.CharField(max_length=16)),
                        ("stops", ArrayField(models.UUIDField())),
                        ("at", models.DateTimeField()),
                        ("decided_at", models.DateTimeField(null=True)),
                        ("decided_by", models.CharField(max_length=200, null=True)),
                        ("outcome", models.CharField(max_length=30, null=True)),
                    ],
                ),
            ],
        )
    ]
