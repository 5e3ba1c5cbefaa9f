"""The log: what waits for the sequencer, the leaves in their places, the signed heads."""

from django.db import migrations, models

from forbear.ledger.migrations._log import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_hearing")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.CreateModel(
                    name="Checkpoint",
                    fields=[
                        ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("root", models.BinaryField(max_length=32)),
                        ("at", models.DateTimeField()),
                        ("note", models.TextField()),
                    ],
                ),
                migrations.CreateModel(
                    name="LogEntry",
                    fields=[
                        ("index", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("kind", models.SmallIntegerField()),
                        ("source", models.UUIDField()),
                        ("hash", models.BinaryField(max_length=32)),
                    ],
                ),
                migrations.RenameField(
                    model_name="logqueue",
                    old_name="root",
                    new_name="hash",
                ),
                migrations.RenameField(
                    model_name="logqueue",
                    old_name="batch",
                    new_name="source",
                ),
                migrations.AddField(
                    model_name="event",
                    name="batch",
                    field=models.UUIDField(null=True),
                ),
                migrations.AddField(
                    model_name="event",
                    name="batch_index",
                    field=models.IntegerField(null=True),
                ),
                migrations.AddField(
                    model_name="logqueue",
                    name="kind",
                    field=models.SmallIntegerField(default=None),
                    preserve_default=False,
                ),
            ],
        )
    ]
