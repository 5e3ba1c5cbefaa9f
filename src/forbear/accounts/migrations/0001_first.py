"""Who sends, and what the application may do with these tables: it never deletes."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# The role exists where the supervisor made it; a test or another PostgreSQL may not have it yet.
BEFORE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forbear_app') THEN CREATE ROLE forbear_app NOLOGIN; END IF;
END $$;
CREATE SEQUENCE accounts_seller_number AS integer;
"""
AFTER = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO forbear_app;
GRANT USAGE ON SEQUENCE accounts_seller_number TO forbear_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO forbear_app;
GRANT SELECT, INSERT, UPDATE ON accounts_operator, accounts_partner, accounts_seller, accounts_account,
    accounts_accountseller, accounts_senderidentity, accounts_apikey, accounts_hold TO forbear_app;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("home_region", models.CharField(db_default="local", max_length=20)),
                ("status", models.CharField(db_default="active", max_length=10)),
                (
                    "policy",
                    models.JSONField(db_default=models.Value({}, output_field=models.JSONField()), default=dict),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Operator",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("secret_sha256", models.BinaryField(max_length=32)),
                (
                    "permissions",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("revoked_at", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.account")),
            ],
        ),
        migrations.CreateModel(
            name="Partner",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("operator", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.operator")),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="partner",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="accounts.partner"),
        ),
        migrations.CreateModel(
            name="Seller",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                (
                    "number",
                    models.IntegerField(
                        db_default=models.Func(models.Value("accounts_seller_number"), function="nextval"), unique=True
                    ),
                ),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("country", models.CharField(max_length=2, null=True)),
                ("kind", models.CharField(max_length=16, null=True)),
                ("ftc", models.BooleanField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("country", None), ("country__regex", "^[A-Z]{2}$"), _connector="OR"),
                        name="seller_country",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", None),
                            ("kind__in", ["company", "charity", "political", "government", "educational", "religious"]),
                            _connector="OR",
                        ),
                        name="seller_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountSeller",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("until", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.account")),
                ("seller", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.seller")),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="sellers",
            field=models.ManyToManyField(through="accounts.AccountSeller", to="accounts.seller"),
        ),
        migrations.CreateModel(
            name="SenderIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(max_length=8)),
                ("value", models.CharField(max_length=254)),
                ("registered", models.BooleanField(null=True)),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seller", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="accounts.seller")),
            ],
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=500)),
                ("placed_by", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("until", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_by", models.CharField(max_length=200, null=True)),
                (
                    "account",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="accounts.account"),
                ),
                (
                    "seller",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="accounts.seller"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("lifted_at", None)), fields=["placed_at"], name="hold_in_force")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason", ""), _negated=True), models.Q(("placed_by", ""), _negated=True)
                        ),
                        name="hold_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("account", None), ("seller", None), _connector="OR"), name="hold_one_scope"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("until", None), ("until__gt", models.F("placed_at")), _connector="OR"),
                        name="hold_ends_later",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lifted_at", None), ("lifted_by", None)),
                            models.Q(("lifted_at__isnull", False), ("lifted_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="hold_lift_is_named",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="accountseller",
            constraint=models.UniqueConstraint(fields=("account", "seller"), name="account_seller_once"),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["active", "suspended", "closed"])), name="account_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="senderidentity",
            constraint=models.UniqueConstraint(fields=("seller", "channel", "value"), name="sender_identity_once"),
        ),
        migrations.AddConstraint(
            model_name="senderidentity",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["voice", "sms", "email"])), name="sender_identity_channel"
            ),
        ),
        migrations.RunSQL(AFTER, migrations.RunSQL.noop),
    ]
