"""Faults in the schema, and in the statements that lean on it."""

from tests.mutants.mutant import Mutant

BOOK = "migrations/versions/0001_the_book.py"
SQL = "migrations/sql/book_v1.sql"
RAW = "tests/book/test_raw_sql.py::"

MUTANTS = (
    Mutant(
        "unique-index-of-keys-dropped",
        "the database would take a second posting under one key",
        BOOK,
        '["wallet_id", "key_hash"], unique=True',
        '["wallet_id", "key_hash"], unique=False',
        (f"{RAW}TestTransactions::test_a_number_a_key_and_a_fact_stand_once",),
    ),
    Mutant(
        "unique-index-of-events-dropped",
        "the database would take a second charge for one job",
        BOOK,
        '["wallet_id", "event_hash"],\n        unique=True',
        '["wallet_id", "event_hash"],\n        unique=False',
        (f"{RAW}TestTransactions::test_a_number_a_key_and_a_fact_stand_once",),
    ),
    Mutant(
        "unique-owner-dropped",
        "an owner gets two primary wallets, and half of its credits in each",
        BOOK,
        'sa.PrimaryKeyConstraint("owner_id", name=op.f("owners_pkey"))',
        'sa.PrimaryKeyConstraint("owner_id", "wallet_id", name=op.f("owners_pkey"))',
        ("tests/http/test_wallets.py::test_an_owner_s_primary_wallet_opens_on_the_first_write",),
    ),
    *(
        Mutant(
            f"check-dropped-{name}",
            why,
            BOOK,
            f'"{rule}"',
            '"true"',
            (f"{RAW}{test}",),
        )
        for name, why, rule, test in (
            (
                "wallet-not-negative",
                "a balance below zero would be stored",
                "wallet >= 0 AND held >= 0 AND disputed >= 0 AND owed >= 0",
                "test_a_wallet_keeps_its_rules[wallet = -1-wallets_not_negative_check]",
            ),
            (
                "debt-first",
                "credits beside a debt would be stored",
                "wallet = 0 OR owed = 0",
                "test_a_wallet_keeps_its_rules[wallet = 1, owed = 1-wallets_debt_first_check]",
            ),
            (
                "lot-remaining",
                "a lot could give more than came into it",
                "amount > 0 AND remaining BETWEEN 0 AND amount",
                "test_a_lot_keeps_its_rules",
            ),
            (
                "lot-pinned",
                "more could be held of a lot than is in it",
                "pinned BETWEEN 0 AND remaining",
                "test_a_lot_keeps_its_rules",
            ),
            (
                "hold-covered",
                "more could be captured than was held",
                "captured + released <= amount",
                "test_a_hold_keeps_its_rules",
            ),
            (
                "posting-amount",
                "a posting of nothing, or of less, would be stored",
                "amount > 0",
                "TestPostings::test_keep_their_rules",
            ),
        )
    ),
    Mutant(
        "append-only-trigger-dropped",
        "who owns the database changes the past by one UPDATE",
        BOOK,
        "_append_only BEFORE UPDATE OR DELETE ON",
        "_append_only BEFORE DELETE ON",
        (f"{RAW}TestAppendOnly::test_the_owner_cannot_change_the_journal",),
    ),
    Mutant(
        "deletion-trigger-dropped",
        "who owns the database deletes from the past",
        BOOK,
        "_append_only BEFORE UPDATE OR DELETE ON",
        "_append_only BEFORE UPDATE ON",
        (f"{RAW}TestAppendOnly::test_the_owner_cannot_change_the_journal",),
    ),
    Mutant(
        "truncate-trigger-dropped",
        "the journal can be emptied at once",
        BOOK,
        "_no_truncate BEFORE TRUNCATE ON",
        "_no_truncate BEFORE INSERT ON",
        (f"{RAW}TestAppendOnly::test_nobody_truncates_it",),
    ),
    Mutant(
        "rights-not-revoked",
        "the service may change the journal",
        BOOK,
        'f"REVOKE UPDATE, DELETE ON {table} FROM',
        'f"REVOKE TRUNCATE ON {table} FROM',
        (f"{RAW}TestAppendOnly::test_the_service_has_no_right_to",),
    ),
    Mutant(
        "late-posting-trigger-dropped",
        "a line is added to a transaction of last year",
        SQL,
        "OR t.xid IS DISTINCT FROM pg_current_xact_id()",
        "OR t.xid IS NULL",
        (f"{RAW}TestPostings::test_cannot_be_added_to_an_old_transaction",),
    ),
    Mutant(
        "clock-of-the-transactions-begin",
        "time stands still in a unit of work that waits for its lock",
        SQL,
        "SELECT clock_timestamp() + ahead_us",
        "SELECT now() + ahead_us",
        ("tests/book/test_locks.py::test_what_waited_is_recorded_when_it_had_its_turn",),
    ),
)
