"""The SQL of 0004_suppression."""

from __future__ import annotations

UP = """
ALTER TABLE ledger_suppression DROP CONSTRAINT ledger_suppression_scope_check;
ALTER TABLE ledger_suppression ADD CONSTRAINT ledger_suppression_scope_check CHECK (scope BETWEEN 0 AND 3);
ALTER TABLE ledger_suppression ADD COLUMN list bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger_suppression ADD COLUMN until timestamptz;
ALTER TABLE ledger_suppression ADD COLUMN way varchar(16) NOT NULL DEFAULT '';
DROP INDEX ledger_suppression_standing;
CREATE UNIQUE INDEX ledger_suppression_standing ON ledger_suppression
    (addr, scope, owner, channels, covers, campaign, list, said, coalesce(until, 'infinity'), coalesce(mac, ''::bytea))
    WHERE lifted_at IS NULL AND NOT imported;
CREATE INDEX ledger_suppression_lifted ON ledger_suppression (addr) WHERE lifted_at IS NOT NULL;
ALTER TABLE ledger_permit ADD COLUMN list bigint NOT NULL DEFAULT 0;

CREATE TABLE ledger_join (
    id uuid PRIMARY KEY,
    event uuid NOT NULL,
    person uuid NOT NULL,
    account uuid NOT NULL,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    at timestamptz NOT NULL,
    parted_at timestamptz,
    parted_by uuid,
    CONSTRAINT ledger_join_parting CHECK ((parted_at IS NULL) = (parted_by IS NULL))
);
CREATE UNIQUE INDEX ledger_join_standing ON ledger_join (account, addr, coalesce(mac, ''::bytea)) WHERE parted_at IS NULL;
CREATE INDEX ledger_join_person ON ledger_join (account, person) WHERE parted_at IS NULL;
GRANT INSERT, SELECT, UPDATE ON ledger_join TO forbear_app;
"""

DOWN = """
DROP TABLE ledger_join;
ALTER TABLE ledger_permit DROP COLUMN list;
DROP INDEX ledger_suppression_lifted;
DROP INDEX ledger_suppression_standing;
ALTER TABLE ledger_suppression DROP COLUMN list, DROP COLUMN until, DROP COLUMN way;
CREATE UNIQUE INDEX ledger_suppression_standing ON ledger_suppression
    (addr, scope, owner, channels, covers, campaign, said, coalesce(mac, ''::bytea)) WHERE lifted_at IS NULL AND NOT imported;
"""
