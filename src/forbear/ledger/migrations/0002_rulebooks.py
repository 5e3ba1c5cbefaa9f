"""The rulebooks that judged, the overrides a decision names, and what shadow rules would have done."""

from django.db import migrations, models

from forbear.ledger.migrations._rulebooks import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_first")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.AddField(
                    model_name="decision", name="overrides", field=models.TextField(default=""), preserve_default=True
                ),
                migrations.CreateModel(
                    name="Rulebook",
                    fields=[
                        ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                        ("body", models.BinaryField()),
                        ("rules", models.IntegerField()),
                        ("own_rules", models.IntegerField()),
                        ("overrides", models.IntegerField()),
                        ("first_at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Shadow",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("account", models.UUIDField()),
                        ("rule", models.TextField()),
                        ("place", models.TextField()),
                        ("verdict", models.SmallIntegerField()),
                        ("code", models.SmallIntegerField()),
                        ("n", models.IntegerField()),
                        ("decision", models.UUIDField()),
                    ],
                ),
            ],
        )
    ]
