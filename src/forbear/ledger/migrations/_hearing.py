"""The SQL of 0006_hearing."""

from __future__ import annotations

UP = """
CREATE TABLE ledger_heard (
    connector uuid NOT NULL,
    message varchar(200) NOT NULL CHECK (message <> ''),
    event uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (connector, message)
);

CREATE TABLE ledger_review (
    id uuid PRIMARY KEY,
    account uuid NOT NULL,
    seller uuid,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    channel smallint NOT NULL,
    why varchar(60) NOT NULL,
    language varchar(16) NOT NULL,
    stops uuid[] NOT NULL,
    at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by varchar(200),
    outcome varchar(30),
    CONSTRAINT ledger_review_named CHECK ((decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX ledger_review_waiting ON ledger_review (account, id) WHERE decided_at IS NULL;

CREATE TABLE ledger_outbox (
    id uuid PRIMARY KEY,
    account uuid,
    seller uuid,
    kind varchar(30) NOT NULL,
    cause uuid NOT NULL,
    channel smallint NOT NULL,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    language varchar(16) NOT NULL,
    content jsonb,
    at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    tries smallint NOT NULL DEFAULT 0,
    taken_at timestamptz,
    sent_at timestamptz,
    failed_at timestamptz,
    error varchar(300) NOT NULL DEFAULT '',
    provider_id varchar(200) NOT NULL DEFAULT '',
    UNIQUE (cause, kind)
);
CREATE INDEX ledger_outbox_waiting ON ledger_outbox (next_at) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX ledger_outbox_addr ON ledger_outbox (addr);
CREATE INDEX ledger_outbox_account ON ledger_outbox (account, id);

CREATE TABLE ledger_link (
    id uuid PRIMARY KEY,
    account uuid NOT NULL,
    seller uuid NOT NULL,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    channel smallint NOT NULL,
    campaign bigint NOT NULL DEFAULT 0,
    list bigint NOT NULL DEFAULT 0,
    language varchar(16) NOT NULL DEFAULT '',
    decision uuid,
    fresh_until timestamptz,
    at timestamptz NOT NULL
);
CREATE INDEX ledger_link_addr ON ledger_link (addr);
GRANT INSERT, SELECT, DELETE ON ledger_heard TO forbear_app;
GRANT INSERT, SELECT, UPDATE ON ledger_review, ledger_outbox TO forbear_app;
GRANT INSERT, SELECT, DELETE ON ledger_link TO forbear_app;
"""

DOWN = "DROP TABLE ledger_heard, ledger_review, ledger_outbox, ledger_link;"
