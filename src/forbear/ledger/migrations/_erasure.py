"""The SQL of 0008_erasure."""

from __future__ import annotations

UP = """
-- What a leaf has of a decision's address; before 0008 leaves had the address itself.
ALTER TABLE ledger_decision ADD COLUMN seal bytea CHECK (octet_length(seal) = 16);

CREATE TABLE ledger_erasurerequest (
    id uuid PRIMARY KEY,
    account uuid NOT NULL,
    addr bigint NOT NULL CHECK (addr > 0),
    key_id smallint NOT NULL,
    mac bytea CHECK (octet_length(mac) = 16),
    at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    done_at timestamptz,
    done_by uuid,
    CONSTRAINT ledger_erasurerequest_done CHECK ((done_at IS NULL) = (done_by IS NULL))
);
CREATE INDEX ledger_erasurerequest_waiting ON ledger_erasurerequest (account, id) WHERE done_at IS NULL;
GRANT INSERT, SELECT, UPDATE ON ledger_erasurerequest TO forbear_app;

-- Personal parts that a law wants kept for some time after an erasure: they go on `until`.
CREATE TABLE ledger_kept (
    event uuid PRIMARY KEY,
    account uuid,
    until date NOT NULL,
    rule varchar(200) NOT NULL CHECK (rule <> ''),
    at timestamptz NOT NULL
);
CREATE INDEX ledger_kept_until ON ledger_kept (until);
GRANT SELECT ON ledger_kept TO forbear_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_kept TO forbear_erase;

-- An erasure replaces the number in an appended row by a keyed hash. It may change nothing else: rights are by column.
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'forbear_erase' AND TG_TABLE_NAME ~ '^ledger_(event|decision|permit)(_|$)' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% on % refused: the ledger is appended to, never rewritten', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
GRANT SELECT, UPDATE (addr, key_id, mac) ON ledger_event, ledger_decision TO forbear_erase;
GRANT SELECT, UPDATE (addr, mac, subject, debt) ON ledger_permit TO forbear_erase;
GRANT SELECT ON ledger_evidence, ledger_form TO forbear_erase;
GRANT SELECT, UPDATE ON ledger_suppression, ledger_consent, ledger_relationship, ledger_join, ledger_review,
    ledger_outbox, ledger_link, ledger_optinblock, ledger_erasurerequest TO forbear_erase;
GRANT SELECT, UPDATE ON ledger_optin TO forbear_erase;
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_counter TO forbear_erase;
"""

DOWN = """
DROP TABLE ledger_erasurerequest, ledger_kept;
ALTER TABLE ledger_decision DROP COLUMN seal;
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: the ledger is appended to, never rewritten', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
