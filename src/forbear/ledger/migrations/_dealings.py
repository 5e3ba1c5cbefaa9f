"""The SQL of declared emergencies, of dealings with people, and of who gave a number."""

from __future__ import annotations

UP = """
CREATE TABLE ledger_alert (
    id uuid PRIMARY KEY,
    place varchar(120) NOT NULL CHECK (place ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?(:.+)?$'),
    from_at timestamptz NOT NULL,
    until_at timestamptz,
    source text NOT NULL CHECK (source <> ''),
    declared_by varchar(200) NOT NULL CHECK (declared_by <> ''),
    ended_at timestamptz,
    ended_by uuid,
    CONSTRAINT ledger_alert_period CHECK (until_at > from_at),
    CONSTRAINT ledger_alert_end CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

CREATE TABLE ledger_relationship (
    id uuid PRIMARY KEY,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    account uuid NOT NULL,
    seller uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind > 0),
    on_day integer,
    ongoing boolean,
    subject bigint NOT NULL,
    given_by_person boolean,
    change uuid NOT NULL,
    ended_at timestamptz,
    ended_by uuid,
    CONSTRAINT ledger_relationship_end CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX ledger_relationship_addr ON ledger_relationship (addr);
CREATE INDEX ledger_relationship_change ON ledger_relationship (change);
CREATE INDEX ledger_relationship_list ON ledger_relationship (account, id);

ALTER TABLE ledger_consent ADD COLUMN given_by_person boolean;

GRANT INSERT, SELECT, UPDATE ON ledger_alert TO forbear_app;
GRANT INSERT, SELECT, UPDATE, DELETE ON ledger_relationship TO forbear_app;
"""

DOWN = "DROP TABLE ledger_alert, ledger_relationship; ALTER TABLE ledger_consent DROP COLUMN given_by_person;"
