"""The SQL of 0007_log."""

from __future__ import annotations

UP = """
ALTER TABLE ledger_logqueue RENAME COLUMN batch TO source;
ALTER TABLE ledger_logqueue RENAME COLUMN root TO hash;
ALTER TABLE ledger_logqueue ADD COLUMN kind smallint NOT NULL DEFAULT 1;
ALTER TABLE ledger_logqueue ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE ledger_event ADD COLUMN batch uuid;
ALTER TABLE ledger_event ADD COLUMN batch_index integer;

CREATE TABLE ledger_logentry (
    index bigint PRIMARY KEY CHECK (index >= 0),
    kind smallint NOT NULL,
    source uuid NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE INDEX ledger_logentry_source ON ledger_logentry (source);

CREATE TABLE ledger_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    at timestamptz NOT NULL,
    note text NOT NULL
);
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_logentry FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
GRANT INSERT, SELECT ON ledger_logentry, ledger_checkpoint TO forbear_app;
"""

DOWN = """
DROP TABLE ledger_logentry, ledger_checkpoint;
ALTER TABLE ledger_event DROP COLUMN batch, DROP COLUMN batch_index;
ALTER TABLE ledger_logqueue DROP COLUMN kind;
ALTER TABLE ledger_logqueue RENAME COLUMN hash TO root;
ALTER TABLE ledger_logqueue RENAME COLUMN source TO batch;
"""
