-- The one clock. Only tests and the sandbox move it: the service's role cannot write its row.
CREATE FUNCTION ledger_now() RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$ SELECT clock_timestamp() + ahead_us * interval '1 microsecond' FROM clock $$;

-- What is written in the journal stays as it is.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'Correct it by a new transaction that reverses the old one.';
END
$$;

-- A write counts the rows of each of its parts: all that was meant to be written is, or nothing.
CREATE FUNCTION ledger_check_rows(written bigint[], meant bigint[]) RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    IF written IS DISTINCT FROM meant THEN
        RAISE EXCEPTION 'rows written: %, meant: %', written, meant
            USING ERRCODE = 'data_corrupted';
    END IF;
    RETURN true;
END
$$;

-- A posting is written together with its transaction, or not at all: nothing can be added to an old one.
-- (The order and the limit leave the planner one index to choose. A lookup by both columns would do as well, but in a
-- database that was never analyzed another index of the wallet's seems as good, and reads all of its transactions.)
CREATE FUNCTION ledger_refuse_late_posting() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM written w
        LEFT JOIN LATERAL (
            SELECT t.number, t.xid FROM transactions t WHERE t.wallet_id = w.wallet_id AND t.number >= w.number
            ORDER BY t.wallet_id, t.number LIMIT 1
        ) AS t ON true
        WHERE t.number IS DISTINCT FROM w.number OR t.xid IS DISTINCT FROM pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION 'a posting must be written together with its transaction'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
