"""Declared emergencies, dealings with people, and whether the person gave the number."""

from django.db import migrations, models

from forbear.ledger.migrations._dealings import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_rulebooks")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.AddField(model_name="consent", name="given_by_person", field=models.BooleanField(null=True)),
                migrations.CreateModel(
                    name="Alert",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("place", models.CharField(max_length=120)),
                        ("from_at", models.DateTimeField()),
                        ("until_at", models.DateTimeField(null=True)),
                        ("source", models.TextField()),
                        ("declared_by", models.CharField(max_length=200)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("ended_by", models.UUIDField(null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="Relationship",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField()),
                        ("kind", models.SmallIntegerField()),
                        ("on_day", models.IntegerField(null=True)),
                        ("ongoing", models.BooleanField(null=True)),
                        ("subject", models.BigIntegerField()),
                        ("given_by_person", models.BooleanField(null=True)),
                        ("change", models.UUIDField()),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("ended_by", models.UUIDField(null=True)),
                    ],
                ),
            ],
        )
    ]
