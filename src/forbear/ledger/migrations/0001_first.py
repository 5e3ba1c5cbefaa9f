"""The ledger's tables: the SQL beside this file makes them, the state tells Django of them."""

import django.contrib.postgres.fields
from django.db import migrations, models

from forbear.ledger.migrations._tables import DOWN, UP


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_first")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.CreateModel(
                    name="Batch",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("n", models.IntegerField()),
                        ("root", models.BinaryField(max_length=32)),
                        ("rulebook", models.BinaryField(max_length=32)),
                        ("engine", models.CharField(max_length=40)),
                    ],
                ),
                migrations.CreateModel(
                    name="Change",
                    fields=[
                        ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("id", models.UUIDField(unique=True)),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Consent",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("account", models.UUIDField()),
                        (
                            "sellers",
                            django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                        ),
                        ("level", models.SmallIntegerField()),
                        ("given_at", models.DateTimeField(null=True)),
                        ("given_day", models.IntegerField(null=True)),
                        ("until_day", models.IntegerField(null=True)),
                        ("channels", models.SmallIntegerField()),
                        ("purposes", models.SmallIntegerField()),
                        ("covers", models.SmallIntegerField()),
                        ("evidence", models.BooleanField(null=True)),
                        ("names_seller", models.BooleanField(null=True)),
                        ("withdrawn_at", models.DateTimeField(null=True)),
                        ("change", models.UUIDField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Counter",
                    fields=[
                        ("addr", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("attempts", models.BinaryField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Decision",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField()),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("channel", models.SmallIntegerField()),
                        ("purpose", models.SmallIntegerField()),
                        ("mode", models.SmallIntegerField()),
                        ("verdict", models.SmallIntegerField()),
                        ("cure", models.SmallIntegerField(null=True)),
                        ("earliest", models.DateTimeField(null=True)),
                        ("rules", models.TextField()),
                        ("obligations", models.TextField()),
                        ("selector", models.BinaryField(max_length=16)),
                        ("facts", models.BinaryField()),
                        ("permit", models.UUIDField(null=True)),
                        ("batch", models.UUIDField()),
                        ("batch_index", models.IntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Disposition",
                    fields=[
                        ("permit", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("known_by", models.CharField(max_length=16)),
                        ("outcome", models.CharField(max_length=16)),
                        ("answered", models.BooleanField(null=True)),
                        ("conversation", models.BooleanField(null=True)),
                        ("abandoned", models.BooleanField(null=True)),
                        ("refused", models.BooleanField(null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("kind", models.CharField(max_length=40)),
                        ("happened_at", models.DateTimeField()),
                        ("learnt_at", models.DateTimeField()),
                        ("known_by", models.CharField(max_length=16)),
                        ("account", models.UUIDField(null=True)),
                        ("seller", models.UUIDField(null=True)),
                        ("addr", models.BigIntegerField(null=True)),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("payload", models.JSONField()),
                        ("personal_hash", models.BinaryField(max_length=32, null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="Idempotency",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "account", "key", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("account", models.UUIDField()),
                        ("key", models.CharField(max_length=200)),
                        ("digest", models.BinaryField(max_length=16)),
                        (
                            "decisions",
                            django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                        ),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="LogQueue",
                    fields=[
                        ("position", models.BigAutoField(primary_key=True, serialize=False)),
                        ("batch", models.UUIDField()),
                        ("root", models.BinaryField(max_length=32)),
                    ],
                ),
                migrations.CreateModel(
                    name="Permit",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("decision", models.UUIDField()),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField()),
                        ("seller_number", models.IntegerField()),
                        ("addr", models.BigIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("channel", models.SmallIntegerField()),
                        ("purpose", models.SmallIntegerField()),
                        ("mode", models.SmallIntegerField()),
                        ("marketing", models.BooleanField()),
                        ("campaign", models.BigIntegerField()),
                        ("subject", models.BigIntegerField()),
                        ("debt", models.BigIntegerField()),
                        ("issued_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Personal",
                    fields=[
                        ("event", models.UUIDField(primary_key=True, serialize=False)),
                        ("salt", models.BinaryField(max_length=32)),
                        ("part", models.BinaryField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Redemption",
                    fields=[
                        ("permit", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Selector",
                    fields=[
                        ("digest", models.BinaryField(max_length=16, primary_key=True, serialize=False)),
                        ("body", models.BinaryField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Suppression",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("scope", models.SmallIntegerField()),
                        ("owner", models.UUIDField()),
                        ("channels", models.SmallIntegerField()),
                        ("covers", models.SmallIntegerField()),
                        ("campaign", models.BigIntegerField()),
                        ("said", models.BooleanField()),
                        ("imported", models.BooleanField()),
                        ("reason", models.CharField(max_length=200)),
                        ("at", models.DateTimeField()),
                        ("last_at", models.DateTimeField()),
                        ("change", models.UUIDField()),
                        ("lifted_at", models.DateTimeField(null=True)),
                        ("lifted_by", models.UUIDField(null=True)),
                    ],
                ),
            ],
        )
    ]
