"""What happened and what was decided. Tables and constraints, no verbs.

Ledger tables are appended to and never updated (the database refuses). Those that grow are
partitioned by month on their UUIDv7 id, which carries the time, so one key serves both.
Projections (`Suppression`, `Consent`, `Relationship`, `Alert`, `Counter`, `Idempotency`, `LogQueue`) are state that
the ledger explains. Ids of accounts and sellers are plain columns: nothing cascades here.
`addr` is an address key (`forbear.core.keys`), `mac` its 128-bit confirmation where the key is a hash.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Event(models.Model):
    """Something that happened, when it happened, when we learnt it, and how we know."""

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=40)
    happened_at = models.DateTimeField()
    learnt_at = models.DateTimeField()
    known_by = models.CharField(max_length=16)
    account = models.UUIDField(null=True)
    seller = models.UUIDField(null=True)
    addr = models.BigIntegerField(null=True)
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    payload = models.JSONField()  # nothing personal
    personal_hash = models.BinaryField(max_length=32, null=True)  # SHA-256 of salt and canonical part
    batch = models.UUIDField(null=True)  # of a list: its small tree; null: a leaf of the log itself
    batch_index = models.IntegerField(null=True)


class Personal(models.Model):
    """The personal part of an event. The only table from which the erase role may delete."""

    event = models.UUIDField(primary_key=True)
    salt = models.BinaryField(max_length=32)
    part = models.BinaryField()  # canonical JSON


class Selector(models.Model):
    """The inputs that chose the rules of a decision, stored once by digest."""

    digest = models.BinaryField(primary_key=True, max_length=16)
    body = models.BinaryField()


class Batch(models.Model):
    """The decisions of one commit: the root of their small Merkle tree, and what judged them."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    n = models.IntegerField()
    root = models.BinaryField(max_length=32)
    rulebook = models.BinaryField(max_length=32)
    engine = models.CharField(max_length=40)


class Decision(models.Model):
    """What was decided about one contact. `facts` and the selector allow judging it again."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    account = models.UUIDField()
    seller = models.UUIDField()
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    channel = models.SmallIntegerField()  # bits of the words, as in the kernel's columns
    purpose = models.SmallIntegerField()
    mode = models.SmallIntegerField()
    verdict = models.SmallIntegerField()  # place in `Verdict`
    cure = models.SmallIntegerField(null=True)  # place in `Cure`
    earliest = models.DateTimeField(null=True)
    rules = models.TextField()  # ids, spaces between
    obligations = models.TextField()
    selector = models.BinaryField(max_length=16)
    facts = models.BinaryField()
    permit = models.UUIDField(null=True)
    batch = models.UUIDField()
    batch_index = models.IntegerField()
    overrides = models.TextField(default="")  # an operator's own texts that mattered, a line each
    seal = models.BinaryField(max_length=16, null=True)  # of the address, as the leaf has it


class Rulebook(models.Model):
    """A rulebook that judged, whole: the files by name as one archive."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    body = models.BinaryField()
    rules = models.IntegerField()
    own_rules = models.IntegerField()
    overrides = models.IntegerField()
    first_at = models.DateTimeField()


class Shadow(models.Model):
    """What a rule that is only watched would have done to `n` contacts of one commit that came out alike."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    account = models.UUIDField()
    rule = models.TextField()
    place = models.TextField()  # region, country, or empty where several countries are possible
    verdict = models.SmallIntegerField()  # as it came out: place in `Verdict`
    code = models.SmallIntegerField()  # what the rule would have said: `Code`
    n = models.IntegerField()
    decision = models.UUIDField()  # one of them


class Permit(models.Model):
    """The right to make one allowed contact once, until `expires_at`."""

    id = models.UUIDField(primary_key=True)
    decision = models.UUIDField()
    account = models.UUIDField()
    seller = models.UUIDField()
    seller_number = models.IntegerField()
    addr = models.BigIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    channel = models.SmallIntegerField()
    purpose = models.SmallIntegerField()
    mode = models.SmallIntegerField()
    marketing = models.BooleanField()  # by its purpose, or by content that may be promotional
    campaign = models.BigIntegerField()  # hashes of the words the caller used; 0 none
    subject = models.BigIntegerField()
    debt = models.BigIntegerField()
    list = models.BigIntegerField(default=0)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()


class Redemption(models.Model):
    """A permit spent at the moment of contact. One per permit, by the primary key."""

    permit = models.UUIDField(primary_key=True)
    at = models.DateTimeField()


class Disposition(models.Model):
    """What became of a permitted contact. One per permit, by the primary key."""

    permit = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    known_by = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16)
    answered = models.BooleanField(null=True)
    conversation = models.BooleanField(null=True)
    abandoned = models.BooleanField(null=True)
    refused = models.BooleanField(null=True)


class Change(models.Model):
    """One commit that changed suppressions or consents, numbered in the order of the commits."""

    seq = models.BigIntegerField(primary_key=True)
    id = models.UUIDField(unique=True)
    at = models.DateTimeField()


class LogQueue(models.Model):
    """Leaves waiting for the sequencer."""

    position = models.BigAutoField(primary_key=True)
    kind = models.SmallIntegerField()  # `Leaf`
    source = models.UUIDField()  # of the batch, event or permit
    hash = models.BinaryField(max_length=32)


class LogEntry(models.Model):
    """A leaf of the log, in its place."""

    index = models.BigIntegerField(primary_key=True)
    kind = models.SmallIntegerField()
    source = models.UUIDField()
    hash = models.BinaryField(max_length=32)


class Checkpoint(models.Model):
    """A signed head of the log, as it was published."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    at = models.DateTimeField()
    note = models.TextField()  # signed-note


class Idempotency(models.Model):
    """What a caller's key was answered with, for 48 hours."""

    pk = models.CompositePrimaryKey("account", "key")
    account = models.UUIDField()
    key = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=16)
    decisions = ArrayField(models.UUIDField())
    at = models.DateTimeField()


class Suppression(models.Model):
    """An address that may not be contacted, by whom and for what. Keyed by address, not by contact."""

    id = models.UUIDField(primary_key=True)  # of the event that placed it
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    scope = models.SmallIntegerField()  # `Scope`
    owner = models.UUIDField()  # the account or seller; nil for the installation
    channels = models.SmallIntegerField()  # mask; 0 is every channel
    covers = models.SmallIntegerField()  # `OptOutScope` bit
    campaign = models.BigIntegerField()  # hash of the campaign's word; 0 none
    list = models.BigIntegerField(default=0)  # hash of the list's word; 0 none
    said = models.BooleanField()  # by the person (an opt-out), not by an operator or a list
    imported = models.BooleanField()  # came with a list: doubles are harmless there, and waiting for them is not
    reason = models.CharField(max_length=200)
    at = models.DateTimeField()
    last_at = models.DateTimeField()  # the last time it was said again
    until = models.DateTimeField(null=True)  # a pause the person chose ends here; null: no end
    way = models.CharField(max_length=16, default="")  # `Way`; empty: not said by a person
    change = models.UUIDField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.UUIDField(null=True)


class Consent(models.Model):
    """A consent as it stands: whom, for which sellers, how far, until when."""

    id = models.UUIDField(primary_key=True)  # of the event that gave it
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    account = models.UUIDField()  # that recorded it
    sellers = ArrayField(models.UUIDField())
    level = models.SmallIntegerField()  # `ConsentLevel` bit
    given_at = models.DateTimeField(null=True)
    given_day = models.IntegerField(null=True)  # days since 1970-01-01
    until_day = models.IntegerField(null=True)  # the first day without; 2^31-1: without end; null: none was stated
    channels = models.SmallIntegerField()  # masks; -1 not known
    purposes = models.SmallIntegerField()
    covers = models.SmallIntegerField()
    evidence = models.BooleanField(null=True)
    names_seller = models.BooleanField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    change = models.UUIDField()
    given_by_person = models.BooleanField(null=True)  # the person gave this address to the sender
    known_by = models.CharField(max_length=16, default="account")
    wording = models.BinaryField(max_length=32, null=True)  # digest of the words that were shown
    promised_n = models.SmallIntegerField(null=True)  # at most so many messages ...
    promised_days = models.SmallIntegerField(null=True)  # ... in so many days


class Wording(models.Model):
    """Words shown to people who consented, once by digest."""

    pk = models.CompositePrimaryKey("account", "digest")
    account = models.UUIDField()
    digest = models.BinaryField(max_length=32)
    name = models.CharField(max_length=200)
    version = models.CharField(max_length=60)
    language = models.CharField(max_length=16)
    text = models.TextField()
    at = models.DateTimeField()


class Evidence(models.Model):
    """A document or recording that belongs to an event. The bytes are a blob by digest."""

    pk = models.CompositePrimaryKey("event", "digest")
    event = models.UUIDField()
    digest = models.BinaryField(max_length=32)
    account = models.UUIDField()
    media_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    at = models.DateTimeField()


class Form(models.Model):
    """A form by which people opt in to one list of a seller."""

    id = models.UUIDField(primary_key=True)  # of the event that opened it
    account = models.UUIDField()
    seller = models.UUIDField()
    slug = models.CharField(max_length=60)
    list = models.CharField(max_length=200)
    channel = models.SmallIntegerField()
    purposes = models.SmallIntegerField()
    level = models.SmallIntegerField()
    covers = models.SmallIntegerField(default=-1)
    country = models.CharField(max_length=2, null=True)  # where the people are whom it is for; null: not said
    wording = models.BinaryField(max_length=32)
    language = models.CharField(max_length=16)
    origins = ArrayField(models.CharField(max_length=300))  # of pages that may embed it
    promised_n = models.SmallIntegerField(null=True)
    promised_days = models.SmallIntegerField(null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)


class OptIn(models.Model):
    """An opt-in asked for and not confirmed yet. Forgotten when it expires; never part of a contact list."""

    id = models.UUIDField(primary_key=True)
    form = models.UUIDField()
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    part = models.BinaryField()  # canonical JSON: the address, page, IP where the policy wants it
    code_hash = models.BinaryField(max_length=32)
    tries = models.SmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent = models.BooleanField(null=True)  # whether the question was put; null: that is not decided yet
    event = models.UUIDField(null=True)  # that put it
    confirmed_at = models.DateTimeField(null=True)


class OptInBlock(models.Model):
    """An address whose holder said that they had asked for nothing: no form asks it again for a year."""

    event = models.UUIDField(primary_key=True)
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    at = models.DateTimeField()


class Controller(models.Model):
    """What a seller says of itself to people who consent, and what an account keeps of them. The latest row counts."""

    pk = models.CompositePrimaryKey("account", "seller", "at")
    account = models.UUIDField()
    seller = models.UUIDField()
    at = models.DateTimeField()
    address = models.CharField(max_length=500)
    contact = models.CharField(max_length=300)
    url = models.CharField(max_length=300)
    storage = models.CharField(max_length=200)
    retention = models.CharField(max_length=300)
    keep_ip = models.BooleanField()


class Join(models.Model):
    """Addresses of one person, as one account knows them: "stop everything" at one covers all."""

    id = models.UUIDField(primary_key=True)
    event = models.UUIDField()
    person = models.UUIDField()
    account = models.UUIDField()
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    at = models.DateTimeField()
    parted_at = models.DateTimeField(null=True)
    parted_by = models.UUIDField(null=True)


class Heard(models.Model):
    """A message that came in, by its carrier's id: one delivered twice is heard once."""

    pk = models.CompositePrimaryKey("connector", "message")
    connector = models.UUIDField()
    message = models.CharField(max_length=200)
    event = models.UUIDField()
    at = models.DateTimeField()


class Review(models.Model):
    """An unclear message that waits for a person."""

    id = models.UUIDField(primary_key=True)  # of the event that heard it
    account = models.UUIDField()
    seller = models.UUIDField(null=True)
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    channel = models.SmallIntegerField()
    why = models.CharField(max_length=60)
    language = models.CharField(max_length=16)
    stops = ArrayField(models.UUIDField())  # the suspensions of marketing that stand until it is decided
    at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, null=True)
    outcome = models.CharField(max_length=30, null=True)


class Outbox(models.Model):
    """A message of ours to a person (a confirmation, a code, a notice) until it is sent, and that it was."""

    id = models.UUIDField(primary_key=True)
    account = models.UUIDField(null=True)
    seller = models.UUIDField(null=True)
    kind = models.CharField(max_length=30)
    cause = models.UUIDField()  # the event it follows from: one message of a kind for each
    channel = models.SmallIntegerField()
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    language = models.CharField(max_length=16)
    content = models.JSONField(null=True)  # to, from, subject, text, headers; personal: gone once it need not be known
    at = models.DateTimeField()
    next_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)  # that failed for certain
    taken_at = models.DateTimeField(null=True)  # a worker has it in hand: whether it left is not known yet
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, default="")
    provider_id = models.CharField(max_length=200, default="")


class Link(models.Model):
    """What a link to a person's own pages is about. Its token holds this row's id and a signature, no address."""

    id = models.UUIDField(primary_key=True)
    account = models.UUIDField()
    seller = models.UUIDField()
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    channel = models.SmallIntegerField()
    campaign = models.BigIntegerField(default=0)
    list = models.BigIntegerField(default=0)
    language = models.CharField(max_length=16, default="")  # the person's, where its maker knew it; empty: not known
    decision = models.UUIDField(null=True)  # the message it was in
    fresh_until = models.DateTimeField(null=True)  # sent to the address itself: until then it shows what is personal
    at = models.DateTimeField()


class Kept(models.Model):
    """The personal part of an erased person's event that a law wants kept for some time: it goes on `until`."""

    event = models.UUIDField(primary_key=True)
    account = models.UUIDField(null=True)
    until = models.DateField()
    rule = models.CharField(max_length=200)  # that says so
    at = models.DateTimeField()


class ErasureRequest(models.Model):
    """Somebody asked to be forgotten."""

    id = models.UUIDField(primary_key=True)  # of the event
    account = models.UUIDField()
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    at = models.DateTimeField()
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    done_by = models.UUIDField(null=True)


class Relationship(models.Model):
    """A dealing of a seller with a person, as one account recorded it."""

    id = models.UUIDField(primary_key=True)  # of the event that recorded it
    addr = models.BigIntegerField()
    key_id = models.SmallIntegerField()
    mac = models.BinaryField(max_length=16, null=True)
    account = models.UUIDField()
    seller = models.UUIDField()
    kind = models.SmallIntegerField()  # `RelationshipKind` bit
    on_day = models.IntegerField(null=True)  # days since 1970-01-01
    ongoing = models.BooleanField(null=True)
    subject = models.BigIntegerField()  # hash of its word; 0: none was stated
    given_by_person = models.BooleanField(null=True)
    change = models.UUIDField()
    ended_at = models.DateTimeField(null=True)  # when its end was recorded: from then on it counts for nothing
    ended_by = models.UUIDField(null=True)


class Alert(models.Model):
    """An emergency an operator says is declared: in force from `from_at` until the earlier of its two ends."""

    id = models.UUIDField(primary_key=True)  # of the event that declared it
    place = models.CharField(max_length=120)  # `US-LA`, or of one county `US-NY:Erie`
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)
    source = models.TextField()
    declared_by = models.CharField(max_length=200)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)


class Counter(models.Model):
    """A person's recent attempts, packed. INVARIANT: whoever permits, redeems or suppresses holds this row's lock.

    One row for all sellers: an opt-out from the whole installation must meet a permit of any seller.
    """

    addr = models.BigIntegerField(primary_key=True)
    attempts = models.BinaryField()
