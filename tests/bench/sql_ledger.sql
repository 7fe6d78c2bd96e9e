-- A ledger as SQL functions, in the shape of pgledger: accounts with a balance and a version, transfers, and two
-- entries a transfer that say the balance before and after it. Accounts are locked in the order of their ids.

CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    currency text NOT NULL,
    balance bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    allow_negative boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (balance >= 0 OR allow_negative)
) WITH (fillfactor = 50);

CREATE TABLE transfers (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    from_account bigint NOT NULL REFERENCES accounts,
    to_account bigint NOT NULL REFERENCES accounts,
    amount bigint NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (from_account <> to_account)
);
CREATE INDEX ON transfers (from_account);
CREATE INDEX ON transfers (to_account);

CREATE TABLE entries (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    account bigint NOT NULL REFERENCES accounts,
    transfer uuid NOT NULL REFERENCES transfers,
    amount bigint NOT NULL,
    balance_before bigint NOT NULL,
    balance_after bigint NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON entries (account);
CREATE INDEX ON entries (transfer);

CREATE FUNCTION transfer_many(givers bigint[], takers bigint[], amounts bigint[]) RETURNS SETOF uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM id FROM accounts WHERE id = ANY (givers || takers) ORDER BY id FOR NO KEY UPDATE;
    FOR i IN 1 .. cardinality(givers) LOOP
        made := uuidv7();
        INSERT INTO transfers (id, from_account, to_account, amount) VALUES (made, givers[i], takers[i], amounts[i]);
        WITH changed AS (
            UPDATE accounts SET balance = balance + CASE id WHEN givers[i] THEN -amounts[i] ELSE amounts[i] END,
                version = version + 1, updated_at = now()
            WHERE id IN (givers[i], takers[i])
            RETURNING id, balance, version, CASE id WHEN givers[i] THEN -amounts[i] ELSE amounts[i] END AS by)
        INSERT INTO entries (account, transfer, amount, balance_before, balance_after, version)
        SELECT id, made, by, balance - by, balance, version FROM changed;
        RETURN NEXT made;
    END LOOP;
END
$$;

INSERT INTO accounts (id, currency, balance, allow_negative)
SELECT n, 'CREDIT', 1000000000000, n > 1000 FROM generate_series(1, 2000) AS n;
