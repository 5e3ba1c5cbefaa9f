"""The SQL of 0005_consent."""

from __future__ import annotations

UP = """
ALTER TABLE ledger_consent ADD COLUMN known_by varchar(16) NOT NULL DEFAULT 'account';
ALTER TABLE ledger_consent ADD COLUMN wording bytea CHECK (octet_length(wording) = 32);
ALTER TABLE ledger_consent ADD COLUMN promised_n smallint CHECK (promised_n > 0);
ALTER TABLE ledger_consent ADD COLUMN promised_days smallint CHECK (promised_days > 0);
ALTER TABLE ledger_consent ADD CONSTRAINT ledger_consent_promise CHECK ((promised_n IS NULL) = (promised_days IS NULL));

CREATE TABLE ledger_wording (
    account uuid NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    name varchar(200) NOT NULL,
    version varchar(60) NOT NULL,
    language varchar(16) NOT NULL,
    text text NOT NULL CHECK (text <> ''),
    at timestamptz NOT NULL,
    PRIMARY KEY (account, digest),
    UNIQUE (account, name, version, language)
);

CREATE TABLE ledger_controller (
    account uuid NOT NULL,
    seller uuid NOT NULL,
    at timestamptz NOT NULL,
    address varchar(500) NOT NULL,
    contact varchar(300) NOT NULL,
    url varchar(300) NOT NULL,
    storage varchar(200) NOT NULL,
    retention varchar(300) NOT NULL,
    keep_ip boolean NOT NULL,
    PRIMARY KEY (account, seller, at)
);

CREATE TABLE ledger_evidence (
    event uuid NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    account uuid NOT NULL,
    media_type varchar(100) NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    at timestamptz NOT NULL,
    PRIMARY KEY (event, digest)
);

CREATE TABLE ledger_form (
    id uuid PRIMARY KEY,
    account uuid NOT NULL,
    seller uuid NOT NULL,
    slug varchar(60) NOT NULL CHECK (slug ~ '^[a-z0-9-]+$'),
    list varchar(200) NOT NULL,
    channel smallint NOT NULL,
    purposes smallint NOT NULL,
    level smallint NOT NULL,
    covers smallint NOT NULL DEFAULT -1,
    country varchar(2) CHECK (country ~ '^[A-Z]{2}$'),
    wording bytea NOT NULL CHECK (octet_length(wording) = 32),
    language varchar(16) NOT NULL,
    origins varchar(300)[] NOT NULL,
    promised_n smallint,
    promised_days smallint,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX ledger_form_slug ON ledger_form (account, slug) WHERE closed_at IS NULL;

CREATE TABLE ledger_optin (
    id uuid PRIMARY KEY,
    form uuid NOT NULL,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    part bytea NOT NULL,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    tries smallint NOT NULL DEFAULT 0,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sent boolean,
    event uuid,
    confirmed_at timestamptz
);
CREATE INDEX ledger_optin_addr ON ledger_optin (addr, asked_at);
CREATE INDEX ledger_optin_expires ON ledger_optin (expires_at);
CREATE INDEX ledger_optin_waiting ON ledger_optin (asked_at) WHERE sent IS NULL;

CREATE TABLE ledger_optinblock (
    event uuid PRIMARY KEY,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    at timestamptz NOT NULL
);
CREATE INDEX ledger_optinblock_addr ON ledger_optinblock (addr);
GRANT INSERT, SELECT ON ledger_wording, ledger_controller, ledger_evidence, ledger_optinblock TO forbear_app;
GRANT INSERT, SELECT, UPDATE ON ledger_form TO forbear_app;
GRANT INSERT, SELECT, UPDATE, DELETE ON ledger_optin TO forbear_app;
"""

DOWN = """
DROP TABLE ledger_wording, ledger_controller, ledger_evidence, ledger_form, ledger_optin, ledger_optinblock;
ALTER TABLE ledger_consent DROP COLUMN known_by, DROP COLUMN wording, DROP COLUMN promised_n, DROP COLUMN promised_days;
"""
