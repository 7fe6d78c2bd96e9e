-- A ledger as SQL functions, in the shape of pgledger: accounts with a balance and a version, transfers, and two
-- entries a transfer that say the balance before and after it. Accounts are locked in the order of their ids.

CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    currency text NOT NULL,
    balance numeric NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    allow_negative boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE transfers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    from_account bigint NOT NULL REFERENCES accounts,
    to_account bigint NOT NULL REFERENCES accounts,
    amount numeric NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (from_account <> to_account)
);
CREATE INDEX ON transfers (from_account);
CREATE INDEX ON transfers (to_account);

CREATE TABLE entries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account bigint NOT NULL REFERENCES accounts,
    transfer uuid NOT NULL REFERENCES transfers,
    amount numeric NOT NULL,
    balance_before numeric NOT NULL,
    balance_after numeric NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON entries (account);
CREATE INDEX ON entries (transfer);

CREATE FUNCTION post_entry(of_account bigint, of_transfer uuid, by numeric) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    changed accounts;
BEGIN
    UPDATE accounts SET balance = balance + by, version = version + 1, updated_at = now()
    WHERE id = of_account RETURNING * INTO changed;
    IF changed.balance < 0 AND NOT changed.allow_negative THEN
        RAISE EXCEPTION 'account % would have %', of_account, changed.balance;
    END IF;
    INSERT INTO entries (account, transfer, amount, balance_before, balance_after, version)
    VALUES (of_account, of_transfer, by, changed.balance - by, changed.balance, changed.version);
END
$$;

CREATE FUNCTION transfer_many(givers bigint[], takers bigint[], amounts numeric[]) RETURNS SETOF uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM id FROM accounts WHERE id = ANY (givers || takers) ORDER BY id FOR UPDATE;
    FOR i IN 1 .. cardinality(givers) LOOP
        INSERT INTO transfers (from_account, to_account, amount) VALUES (givers[i], takers[i], amounts[i])
        RETURNING id INTO made;
        PERFORM post_entry(givers[i], made, -amounts[i]);
        PERFORM post_entry(takers[i], made, amounts[i]);
        RETURN NEXT made;
    END LOOP;
END
$$;

INSERT INTO accounts (id, currency, balance, allow_negative)
SELECT n, 'CREDIT', 1000000000, n > 1000 FROM generate_series(1, 2000) AS n;
