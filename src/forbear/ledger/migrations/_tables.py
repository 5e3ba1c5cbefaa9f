"""The SQL of the ledger: tables by month, the application's rights, and the triggers that refuse every rewrite.

Partition bounds are UUIDs: a UUIDv7 opens with 48 bits of milliseconds, so a month is a range of ids.
"""

from __future__ import annotations

APPENDED = (
    "ledger_event",
    "ledger_decision",
    "ledger_permit",
    "ledger_redemption",
    "ledger_disposition",
    "ledger_personal",
    "ledger_selector",
    "ledger_batch",
    "ledger_change",
)
PARTITIONED = APPENDED[:5]
MUTABLE = (
    "ledger_suppression",
    "ledger_consent",
    "ledger_counter",
    "ledger_idempotency",
    "ledger_logqueue",
)

_TABLES = """
CREATE TABLE ledger_event (
    id uuid PRIMARY KEY,
    kind varchar(40) NOT NULL CHECK (kind ~ '^[a-z_]+:[a-z_]+$'),
    happened_at timestamptz NOT NULL,
    learnt_at timestamptz NOT NULL,
    known_by varchar(16) NOT NULL CHECK (known_by <> ''),
    account uuid,
    seller uuid,
    addr bigint CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    personal_hash bytea CHECK (octet_length(personal_hash) = 32)
) PARTITION BY RANGE (id);
CREATE INDEX ledger_event_addr ON ledger_event (addr, id) WHERE addr IS NOT NULL;
CREATE INDEX ledger_event_account ON ledger_event (account, id) WHERE addr IS NULL;

CREATE TABLE ledger_personal (
    event uuid PRIMARY KEY,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    part bytea NOT NULL
);

CREATE TABLE ledger_selector (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 16),
    body bytea NOT NULL
);

CREATE TABLE ledger_batch (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    n integer NOT NULL CHECK (n > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    rulebook bytea NOT NULL CHECK (octet_length(rulebook) = 32),
    engine varchar(40) NOT NULL
);

CREATE TABLE ledger_decision (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    account uuid NOT NULL,
    seller uuid NOT NULL,
    addr bigint NOT NULL,
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    channel smallint NOT NULL,
    purpose smallint NOT NULL,
    mode smallint NOT NULL,
    verdict smallint NOT NULL CHECK (verdict BETWEEN 0 AND 2),
    cure smallint CHECK (cure BETWEEN 0 AND 2),
    earliest timestamptz,
    rules text NOT NULL,
    obligations text NOT NULL,
    selector bytea NOT NULL,
    facts bytea NOT NULL,
    permit uuid,
    batch uuid NOT NULL,
    batch_index integer NOT NULL,
    CONSTRAINT ledger_decision_shape CHECK (
        (verdict = 0) = (cure IS NULL) AND (verdict = 1) = (earliest IS NOT NULL) AND (verdict = 0) = (permit IS NOT NULL))
) PARTITION BY RANGE (id);
CREATE INDEX ledger_decision_addr ON ledger_decision (addr, id);

CREATE TABLE ledger_permit (
    id uuid PRIMARY KEY,
    decision uuid NOT NULL,
    account uuid NOT NULL,
    seller uuid NOT NULL,
    seller_number integer NOT NULL,
    addr bigint NOT NULL,
    mac bytea,
    channel smallint NOT NULL,
    purpose smallint NOT NULL,
    mode smallint NOT NULL,
    marketing boolean NOT NULL,
    campaign bigint NOT NULL,
    subject bigint NOT NULL,
    debt bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT ledger_permit_short CHECK (expires_at <= issued_at + interval '60 s')
) PARTITION BY RANGE (id);

CREATE TABLE ledger_redemption (
    permit uuid PRIMARY KEY,
    at timestamptz NOT NULL
) PARTITION BY RANGE (permit);

CREATE TABLE ledger_disposition (
    permit uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    known_by varchar(16) NOT NULL,
    outcome varchar(16) NOT NULL,
    answered boolean,
    conversation boolean,
    abandoned boolean,
    refused boolean
) PARTITION BY RANGE (permit);

CREATE TABLE ledger_change (
    seq bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    at timestamptz NOT NULL
);
CREATE SEQUENCE ledger_change_seq OWNED BY ledger_change.seq;

CREATE TABLE ledger_logqueue (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch uuid NOT NULL,
    root bytea NOT NULL CHECK (octet_length(root) = 32)
);

CREATE TABLE ledger_idempotency (
    account uuid NOT NULL,
    key varchar(200) NOT NULL CHECK (key <> ''),
    digest bytea NOT NULL CHECK (octet_length(digest) = 16),
    decisions uuid[] NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX ledger_idempotency_at ON ledger_idempotency (at);

CREATE TABLE ledger_suppression (
    id uuid PRIMARY KEY,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    scope smallint NOT NULL CHECK (scope BETWEEN 0 AND 2),
    owner uuid NOT NULL,
    channels smallint NOT NULL CHECK (channels >= 0),
    covers smallint NOT NULL CHECK (covers > 0),
    campaign bigint NOT NULL,
    said boolean NOT NULL,
    imported boolean NOT NULL,
    reason varchar(200) NOT NULL,
    at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    change uuid NOT NULL,
    lifted_at timestamptz,
    lifted_by uuid,
    CONSTRAINT ledger_suppression_lift CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
    CONSTRAINT ledger_suppression_owner CHECK ((scope = 0) = (owner = '00000000-0000-0000-0000-000000000000'))
);
CREATE UNIQUE INDEX ledger_suppression_standing ON ledger_suppression
    (addr, scope, owner, channels, covers, campaign, said, coalesce(mac, ''::bytea)) WHERE lifted_at IS NULL AND NOT imported;
CREATE INDEX ledger_suppression_addr ON ledger_suppression (addr) WHERE lifted_at IS NULL;
CREATE INDEX ledger_suppression_change ON ledger_suppression (change);
CREATE INDEX ledger_suppression_list ON ledger_suppression (owner, id);

CREATE TABLE ledger_consent (
    id uuid PRIMARY KEY,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    account uuid NOT NULL,
    sellers uuid[] NOT NULL CHECK (cardinality(sellers) > 0),
    level smallint NOT NULL,
    given_at timestamptz,
    given_day integer,
    until_day integer,
    channels smallint NOT NULL,
    purposes smallint NOT NULL,
    covers smallint NOT NULL,
    evidence boolean,
    names_seller boolean,
    withdrawn_at timestamptz,
    change uuid NOT NULL,
    CONSTRAINT ledger_consent_given CHECK (given_at IS NULL OR given_day IS NULL)
);
CREATE INDEX ledger_consent_addr ON ledger_consent (addr);
CREATE INDEX ledger_consent_change ON ledger_consent (change);
CREATE INDEX ledger_consent_account ON ledger_consent (account, id);

CREATE TABLE ledger_counter (
    addr bigint PRIMARY KEY CHECK (addr > 0),
    attempts bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 70);

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: the ledger is appended to, never rewritten', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION ledger_refuse_unless_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'forbear_erase' THEN
        RAISE EXCEPTION '% on % refused: only an erasure deletes a personal part', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

-- The first id of the month `ahead` months after this one.
CREATE FUNCTION ledger_month_id(month timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the partitions of this month and of the `ahead` next. The application may call it; only the owner may drop one.
CREATE FUNCTION ledger_make_partitions(ahead integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    child text;
    first timestamptz;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_make_partitions'));
    FOREACH parent IN ARRAY ARRAY['ledger_event', 'ledger_decision', 'ledger_permit', 'ledger_redemption', 'ledger_disposition'] LOOP
        FOR step IN 0 .. least(greatest(ahead, 0), 24) LOOP
            first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step)) AT TIME ZONE 'UTC';
            child := parent || '_' || to_char(first AT TIME ZONE 'UTC', 'YYYYMM');
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                    ledger_month_id(first), ledger_month_id((first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'));
                EXECUTE format('CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
                    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', child);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Numbers the change `id` in commit order. INVARIANT: called last in a transaction, so that the lock is held
-- only until its commit, and a reader who sees number N sees every smaller one that will ever exist.
CREATE FUNCTION ledger_number_change(id uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_change'));
    n := nextval('ledger_change_seq');
    INSERT INTO ledger_change VALUES (n, id, clock_timestamp());
    RETURN n;
END $$;
"""

_REFUSALS = "\n".join(
    f"CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();"
    for table in APPENDED
    if table != "ledger_personal"
)

_RIGHTS = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'forbear_erase') THEN CREATE ROLE forbear_erase NOLOGIN; END IF;
END $$;
CREATE TRIGGER refuse BEFORE UPDATE OR TRUNCATE ON ledger_personal FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER refuse_delete BEFORE DELETE ON ledger_personal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_erasing();
GRANT INSERT, SELECT ON {", ".join(APPENDED)} TO forbear_app;
GRANT INSERT, SELECT, UPDATE, DELETE ON {", ".join(MUTABLE)} TO forbear_app;
GRANT USAGE ON SEQUENCE ledger_change_seq TO forbear_app;
GRANT USAGE ON SCHEMA public TO forbear_erase;
GRANT SELECT, DELETE ON ledger_personal TO forbear_erase;
REVOKE ALL ON FUNCTION ledger_make_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_make_partitions(integer) TO forbear_app;
SELECT ledger_make_partitions(3);
"""  # noqa: S608

UP = _TABLES + _REFUSALS + _RIGHTS
DOWN = (
    f"DROP TABLE {', '.join((*APPENDED, *MUTABLE))} CASCADE;"
    " DROP FUNCTION ledger_refuse, ledger_refuse_unless_erasing, ledger_month_id, ledger_make_partitions,"
    " ledger_number_change;"
)
