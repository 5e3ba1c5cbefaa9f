"""The lattice of suppressions, pauses, and addresses joined as one person's."""

from django.db import migrations, models

from forbear.ledger.migrations._suppression import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_dealings")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.CreateModel(
                    name="Join",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("event", models.UUIDField()),
                        ("person", models.UUIDField()),
                        ("account", models.UUIDField()),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("at", models.DateTimeField()),
                        ("parted_at", models.DateTimeField(null=True)),
                        ("parted_by", models.UUIDField(null=True)),
                    ],
                ),
                migrations.AddField(
                    model_name="permit",
                    name="list",
                    field=models.BigIntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="suppression",
                    name="list",
                    field=models.BigIntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="suppression",
                    name="until",
                    field=models.DateTimeField(null=True),
                ),
                migrations.AddField(
                    model_name="suppression",
                    name="way",
                    field=models.CharField(default="", max_length=16),
                ),
            ],
        )
    ]
