"""Erasure: requests, what must stay for now, the seals of addresses, and what the erase role may change."""

from django.db import migrations, models

from forbear.ledger.migrations._erasure import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_log")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.AddField(
                    model_name="decision", name="seal", field=models.BinaryField(max_length=16, null=True)
                ),
                migrations.CreateModel(
                    name="Kept",
                    fields=[
                        ("event", models.UUIDField(primary_key=True, serialize=False)),
                        ("account", models.UUIDField(null=True)),
                        ("until", models.DateField()),
                        ("rule", models.CharField(max_length=200)),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="ErasureRequest",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("account", models.UUIDField()),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("at", models.DateTimeField()),
                        ("due_at", models.DateTimeField()),
                        ("done_at", models.DateTimeField(null=True)),
                        ("done_by", models.UUIDField(null=True)),
                    ],
                ),
            ],
        )
    ]
