"""Who sends: operator, partner, account, seller, sender identity, API key, hold. Tables and constraints, no verbs."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now


class Operator(models.Model):
    """Runs the installation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())


class Partner(models.Model):
    """Resells the installation under its own brand."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    operator = models.ForeignKey(Operator, on_delete=models.PROTECT)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())


class Seller(models.Model):
    """The business on whose behalf a contact is made. Global: caps and opt-outs count by seller across accounts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.IntegerField(  # the short form in packed attempts
        unique=True, db_default=Func(Value("accounts_seller_number"), function="nextval")
    )
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, null=True)
    kind = models.CharField(max_length=16, null=True)
    ftc = models.BooleanField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.CheckConstraint(name="seller_country", condition=Q(country=None) | Q(country__regex="^[A-Z]{2}$")),
            models.CheckConstraint(
                name="seller_kind",
                condition=Q(kind=None)
                | Q(kind__in=["company", "charity", "political", "government", "educational", "religious"]),
            ),
        )


class Account(models.Model):
    """One organisation that sends."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    home_region = models.CharField(max_length=20, db_default="local")
    status = models.CharField(max_length=10, db_default="active")
    policy = models.JSONField(db_default=Value({}, output_field=models.JSONField()), default=dict)
    created_at = models.DateTimeField(db_default=Now())
    sellers = models.ManyToManyField(Seller, through="AccountSeller")

    class Meta:
        constraints = (
            models.CheckConstraint(name="account_status", condition=Q(status__in=["active", "suspended", "closed"])),
        )


class AccountSeller(models.Model):
    """An account may contact people for these sellers; the first is meant where a contact names none."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT)
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(name="account_seller_once", fields=["account", "seller"]),)


class SenderIdentity(models.Model):
    """What a seller's recipients see as sender: a number, an address, an alphanumeric id."""

    seller = models.ForeignKey(Seller, on_delete=models.PROTECT)
    channel = models.CharField(max_length=8)
    value = models.CharField(max_length=254)
    registered = models.BooleanField(null=True)  # stands on a register of sender ids; which: `registers`
    registers = models.JSONField(default=dict, db_default={})  # country -> the register it stands on there
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(name="sender_identity_once", fields=["seller", "channel", "value"]),
            models.CheckConstraint(name="sender_identity_channel", condition=Q(channel__in=["voice", "sms", "email"])),
        )


class ApiKey(models.Model):
    """A program's right to act for an account: an id and the SHA-256 of a 256-bit secret that was shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    name = models.CharField(max_length=200)
    secret_sha256 = models.BinaryField(max_length=32)
    permissions = ArrayField(models.CharField(max_length=60))
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)


class Hold(models.Model):
    """A stop with a reason, an author and an end: for the installation, an account or a seller."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True)
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, null=True)
    reason = models.CharField(max_length=500)
    placed_by = models.CharField(max_length=200)
    placed_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=200, null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(name="hold_has_reason", condition=~Q(reason="") & ~Q(placed_by="")),
            models.CheckConstraint(name="hold_one_scope", condition=Q(account=None) | Q(seller=None)),
            models.CheckConstraint(name="hold_ends_later", condition=Q(until=None) | Q(until__gt=F("placed_at"))),
            models.CheckConstraint(
                name="hold_lift_is_named",
                condition=Q(lifted_at=None, lifted_by=None) | Q(lifted_at__isnull=False, lifted_by__isnull=False),
            ),
        )
        indexes = (models.Index(name="hold_in_force", fields=["placed_at"], condition=Q(lifted_at=None)),)


class Connector(models.Model):
    """A door by which a carrier or mail system hands in what people write back. Its secret is derived, or in a file:
    never here."""

    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, null=True)  # whose addresses they are; null: several
    name = models.CharField(max_length=200)
    channel = models.CharField(max_length=8)
    kind = models.CharField(max_length=16)  # how it signs
    addresses = ArrayField(models.CharField(max_length=254))  # ours, that people write to; empty: any
    languages = ArrayField(models.CharField(max_length=2))  # in which people write there, beside those of their country
    country = models.CharField(max_length=2, null=True)  # of people whose address does not say it
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(name="connector_channel", condition=Q(channel__in=["voice", "sms", "email"])),
            models.CheckConstraint(name="connector_kind", condition=Q(kind__in=["standard", "twilio"])),
        )
