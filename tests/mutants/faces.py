"""Faults at the faces: amounts as they are read, keys of other calls, the relay, access, batches."""

from tests.mutants.mutant import Mutant

IDEMPOTENCY = "tests/kit/test_idempotency.py::"
RELAY = "tests/kit/test_relay.py::"
ACCESS = "tests/http/test_access.py::"
USAGE = "tests/http/test_usage.py::"

MUTANTS = (
    Mutant(
        "rounding-in-units",
        "an amount with more decimals than there are is rounded, in somebody's favour",
        "ledger/kit/money.py",
        'raise _invalid(path, f"{_shown(value)} has more than {scale} decimals")',
        "return round(float(text) * 10**scale)",
        ("tests/kit/test_money.py::test_everything_else_is_refused_and_named[1.0000001]",),
    ),
    Mutant(
        "yen-with-cents",
        "500 yen are booked as 5",
        "ledger/kit/money.py",
        "    if asset in ZERO_DECIMAL:\n        return 0",
        "    if asset in ZERO_DECIMAL:\n        return 2",
        ("tests/kit/test_money.py::test_amounts_are_read_by_the_scale_of_their_asset",),
    ),
    # Calls that post nothing
    Mutant(
        "fingerprint-of-other-calls-skipped",
        "another request under a used key is answered with the first one's answer",
        "ledger/kit/idempotency.py",
        "if row.fingerprint != fingerprint:",
        "if False:",
        (f"{IDEMPOTENCY}test_another_request_under_the_key_is_a_conflict",),
    ),
    Mutant(
        "keys-of-all-clients-shared",
        "a client reads another's answer by guessing its key",
        "ledger/kit/idempotency.py",
        "{namespace}\\x00{operation}",
        "{operation}",
        (f"{IDEMPOTENCY}test_a_key_belongs_to_a_client_and_a_call",),
    ),
    Mutant(
        "claim-of-a-key-ignored",
        "a call that is repeated while the first one runs is done twice",
        "ledger/kit/idempotency.py",
        "return (await connection.execute(statement)).first() is not None",
        "return (await connection.execute(statement)).first() is not None or True",
        (f"{IDEMPOTENCY}test_a_repetition_gets_the_first_answer", f"{IDEMPOTENCY}test_many_at_once_are_one"),
    ),
    Mutant(
        "other-calls-retried-after-a-lost-commit",
        "a call without a key is done twice when the answer to its COMMIT is lost",
        "ledger/kit/db.py",
        "if sqlstate(error) not in RETRYABLE or attempt == tries:",
        "if attempt == tries:",
        (f"{IDEMPOTENCY}test_a_commit_whose_answer_was_lost_is_never_run_again",),
    ),
    # The outbox
    Mutant(
        "relay-marks-done-before-publishing",
        "an event whose task was lost on its way is never told",
        "ledger/kit/relay.py",
        "ELSE 'published' END",
        "ELSE 'done' END",
        (f"{RELAY}test_what_was_published_and_not_done_is_published_again",),
    ),
    Mutant(
        "relay-without-a-lease",
        "every relay publishes everything, again and again",
        "ledger/kit/relay.py",
        "due_at = ledger_now() + make_interval(secs => %(lease)s)",
        "due_at = ledger_now()",
        (f"{RELAY}test_what_was_published_and_not_done_is_published_again",),
    ),
    Mutant(
        "relay-skip-locked-dropped",
        "relays stand in line behind one of them that hangs",
        "ledger/kit/relay.py",
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        (f"{RELAY}test_a_relay_does_not_wait_for_what_another_is_taking",),
    ),
    Mutant(
        "event-done-twice",
        "an event that was handed out twice is told twice",
        "ledger/kit/relay.py",
        " AND o.state <> 'done'",
        "",
        (f"{RELAY}test_what_is_done_stays_done_and_is_told_once",),
    ),
    # Access
    Mutant(
        "revoked-key-accepted",
        "a key that leaked cannot be ended",
        "ledger/access/service.py",
        "key.revoked_at.is_(None) & ",
        "",
        (f"{ACCESS}test_expired_and_revoked_keys",),
    ),
    Mutant(
        "secret-not-compared",
        "whoever knows a key's public name is let in",
        "ledger/access/service.py",
        "if row is None or not same or not row.valid:",
        "if row is None or not row.valid:",
        (f"{ACCESS}test_a_secret_opens_its_own_key_alone",),
    ),
    Mutant(
        "write-implies-admin",
        "a service that may charge usage adjusts balances and lifts a freeze",
        "ledger/access/service.py",
        '"write": frozenset(["read", "write"])',
        '"write": frozenset(["read", "write", "admin"])',
        (f"{ACCESS}test_each_scope_is_what_the_docs_say",),
    ),
    Mutant(
        "short-way-without-scope",
        "a key that may only read charges usage",
        "ledger/kit/http/direct.py",
        "if route.scope is not None and",
        "if False and",
        (f"{ACCESS}test_each_scope_is_what_the_docs_say",),
    ),
    Mutant(
        "look-up-of-a-key-unshielded",
        "a caller that goes away makes the calls of all others with its key fail",
        "ledger/access/service.py",
        "await asyncio.shield(looking)",
        "await looking",
        (f"{ACCESS}test_a_caller_that_goes_away_takes_no_other_along",),
    ),
    # Usage
    Mutant(
        "atomic-ignored",
        "half of a batch is charged that was to be charged whole or not at all",
        "ledger/usage/batch.py",
        "submit(good, atomic=atomic)",
        "submit(good, atomic=False)",
        (f"{USAGE}test_an_atomic_batch_is_all_or_nothing",),
    ),
    Mutant(
        "one-key-for-two-items",
        "the second of two different items with one key is never charged, and called posted",
        "ledger/usage/batch.py",
        "if (use.wallet_id, item.key) in seen:",
        "if False:",
        (f"{USAGE}test_a_bad_item_does_not_fail_the_others",),
    ),
    Mutant(
        "event-id-of-usage-dropped",
        "the fact that names a job never reaches the book",
        "ledger/usage/events.py",
        "event_id=event.event_id,",
        "event_id=None,",
        (f"{USAGE}test_an_event_is_charged_once_for_ever",),
    ),
)
