"""The SQL of what the ledger keeps of rules: the rulebooks it judged by, overrides named by decisions, shadow rules."""

from __future__ import annotations

APPENDED = ("ledger_rulebook", "ledger_shadow")
PARTITIONED = APPENDED[1:]

UP = """
CREATE TABLE ledger_rulebook (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    body bytea NOT NULL,
    rules integer NOT NULL,
    own_rules integer NOT NULL,
    overrides integer NOT NULL,
    first_at timestamptz NOT NULL
);
ALTER TABLE ledger_rulebook ALTER COLUMN body SET STORAGE EXTERNAL;  -- it is compressed already

ALTER TABLE ledger_decision ADD COLUMN overrides text NOT NULL DEFAULT '';

CREATE TABLE ledger_shadow (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    account uuid NOT NULL,
    rule text NOT NULL,
    place text NOT NULL,
    verdict smallint NOT NULL CHECK (verdict BETWEEN 0 AND 2),
    code smallint NOT NULL CHECK (code BETWEEN 2 AND 4),
    n integer NOT NULL CHECK (n > 0),
    decision uuid NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX ledger_shadow_rule ON ledger_shadow (rule, id);

-- Makes the partitions of this month and of the `ahead` next, for every ledger table partitioned by id.
CREATE OR REPLACE FUNCTION ledger_make_partitions(ahead integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    child text;
    first timestamptz;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_make_partitions'));
    FOR parent IN SELECT relname FROM pg_class WHERE relkind = 'p' AND relname LIKE 'ledger\\_%'
            AND relnamespace = 'public'::regnamespace ORDER BY relname LOOP
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

CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_rulebook
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_shadow
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
GRANT INSERT, SELECT ON ledger_rulebook, ledger_shadow TO forbear_app;
SELECT ledger_make_partitions(3);
"""

DOWN = "DROP TABLE ledger_rulebook, ledger_shadow; ALTER TABLE ledger_decision DROP COLUMN overrides;"
