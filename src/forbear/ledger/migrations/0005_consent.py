"""Consent with its wording, evidence and promised frequency; forms and opt-ins not yet confirmed."""

import django.contrib.postgres.fields
from django.db import migrations, models

from forbear.ledger.migrations._consent import DOWN, UP


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_suppression")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(UP, DOWN)],
            state_operations=[
                migrations.CreateModel(
                    name="Evidence",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "event", "digest", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("event", models.UUIDField()),
                        ("digest", models.BinaryField(max_length=32)),
                        ("account", models.UUIDField()),
                        ("media_type", models.CharField(max_length=100)),
                        ("size", models.BigIntegerField()),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Form",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField()),
                        ("slug", models.CharField(max_length=60)),
                        ("list", models.CharField(max_length=200)),
                        ("channel", models.SmallIntegerField()),
                        ("purposes", models.SmallIntegerField()),
                        ("level", models.SmallIntegerField()),
                        ("covers", models.SmallIntegerField(default=-1)),
                        ("country", models.CharField(max_length=2, null=True)),
                        ("wording", models.BinaryField(max_length=32)),
                        ("language", models.CharField(max_length=16)),
                        (
                            "origins",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=300), size=None
                            ),
                        ),
                        ("promised_n", models.SmallIntegerField(null=True)),
                        ("promised_days", models.SmallIntegerField(null=True)),
                        ("opened_at", models.DateTimeField()),
                        ("closed_at", models.DateTimeField(null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="OptIn",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("form", models.UUIDField()),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("part", models.BinaryField()),
                        ("code_hash", models.BinaryField(max_length=32)),
                        ("tries", models.SmallIntegerField(default=0)),
                        ("asked_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        ("sent", models.BooleanField(null=True)),
                        ("event", models.UUIDField(null=True)),
                        ("confirmed_at", models.DateTimeField(null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="OptInBlock",
                    fields=[
                        ("event", models.UUIDField(primary_key=True, serialize=False)),
                        ("addr", models.BigIntegerField()),
                        ("key_id", models.SmallIntegerField()),
                        ("mac", models.BinaryField(max_length=16, null=True)),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Controller",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "account", "seller", "at", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("account", models.UUIDField()),
                        ("seller", models.UUIDField()),
                        ("at", models.DateTimeField()),
                        ("address", models.CharField(max_length=500)),
                        ("contact", models.CharField(max_length=300)),
                        ("url", models.CharField(max_length=300)),
                        ("storage", models.CharField(max_length=200)),
                        ("retention", models.CharField(max_length=300)),
                        ("keep_ip", models.BooleanField()),
                    ],
                ),
                migrations.CreateModel(
                    name="Wording",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "account", "digest", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("account", models.UUIDField()),
                        ("digest", models.BinaryField(max_length=32)),
                        ("name", models.CharField(max_length=200)),
                        ("version", models.CharField(max_length=60)),
                        ("language", models.CharField(max_length=16)),
                        ("text", models.TextField()),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.AddField(
                    model_name="consent",
                    name="known_by",
                    field=models.CharField(default="account", max_length=16),
                ),
                migrations.AddField(
                    model_name="consent",
                    name="promised_days",
                    field=models.SmallIntegerField(null=True),
                ),
                migrations.AddField(
                    model_name="consent",
                    name="promised_n",
                    field=models.SmallIntegerField(null=True),
                ),
                migrations.AddField(
                    model_name="consent",
                    name="wording",
                    field=models.BinaryField(max_length=32, null=True),
                ),
            ],
        )
    ]
