"""Faults in the shell around the rules: locks, statements, commits, answers."""

from tests.mutants.mutant import Mutant

LOCKS = "tests/book/test_locks.py::"
DOOR = "tests/book/test_door.py::"
LOAD = "ledger/book/load.py"
UNIT = "ledger/book/unit.py"

MUTANTS = (
    # Locks and the clock
    Mutant(
        "lock-order-dropped",
        "two transfers that cross wait for each other: one is killed by the database, and under load all are",
        LOAD,
        "ORDER BY wallet_id FOR NO KEY UPDATE",
        "ORDER BY random() FOR NO KEY UPDATE",
        (f"{LOCKS}test_wallets_are_locked_in_ascending_order",),
    ),
    Mutant(
        "lock-dropped",
        "two who spend the same credits both find them there (a lock that excludes nobody is none)",
        LOAD,
        "ORDER BY wallet_id FOR NO KEY UPDATE",
        "ORDER BY wallet_id FOR KEY SHARE",
        (f"{LOCKS}test_what_changed_while_a_unit_waited_is_what_it_decides_by",),
    ),
    Mutant(
        "skip-locked-dropped",
        "one wallet whose row is held stops everybody",
        LOAD,
        '" SKIP LOCKED"',
        '""',
        (f"{DOOR}test_a_locked_wallet_stalls_no_stranger",),
    ),
    Mutant(
        "clock-read-before-the-lock",
        "credits that expired while somebody waited for the wallet are used",
        UNIT,
        'pipe.add("BEGIN", {})',
        'pipe.add("BEGIN", {}), pipe.add(CLOCK, {}, clock.extend)',
        (f"{LOCKS}test_the_time_is_read_under_the_lock",),
    ),
    # Statements
    Mutant(
        "order-by-of-burn-down-dropped",
        "the page of lots that is loaded first is not the one that burns first",
        LOAD,
        "ORDER BY priority, expires_at, paid, lot LIMIT {PAGE}",
        "ORDER BY lot LIMIT {PAGE}",
        ("tests/book/test_many_lots.py::test_the_first_look_takes_the_lots_that_burn_first",),
    ),
    Mutant(
        "order-by-of-the-second-look-dropped",
        "where the first page does not do, the rest is used in another order",
        LOAD,
        "ORDER BY priority, expires_at, paid, lot LIMIT w.lots_max",
        "ORDER BY lot LIMIT w.lots_max",
        ("tests/book/test_many_lots.py::test_the_second_look_takes_the_lots_that_burn_first",),
    ),
    Mutant(
        "refusals-remembered-for-ever",
        "who was refused once can never use that key, whatever was paid since",
        LOAD,
        "interval '24 hours'",
        "interval '24 years'",
        (f"{DOOR}test_a_refusal_is_remembered_for_a_day",),
    ),
    Mutant(
        "replay-with-todays-balance",
        "a repeated request is answered with other figures than the first time",
        LOAD,
        "t.link_number, t.wallet_after,",
        "t.link_number, (SELECT w.wallet FROM wallets w WHERE w.wallet_id = t.wallet_id),",
        (f"{DOOR}test_a_replay_gives_the_record_that_was_given_first",),
    ),
    Mutant(
        "replay-with-todays-hold",
        "a repeated capture is answered with what was captured since",
        "ledger/book/posted.py",
        "p.number BETWEEN r.hold AND r.number",
        "p.number >= r.hold",
        (f"{DOOR}test_a_replay_gives_the_record_that_was_given_first",),
    ),
    Mutant(
        "outbox-row-not-written",
        "nobody hears that a balance ran low",
        "ledger/book/write.py",
        "    if payloads:",
        "    if False:",
        (f"{DOOR}test_levels_are_told_once_with_the_posting_that_crosses_them",),
    ),
    Mutant(
        "wallet-row-not-written",
        "postings stand in the journal and the balance knows nothing of them",
        "ledger/book/write.py",
        "    if changed:",
        "    if False:",
        ("tests/book/test_lost_commit.py::test_a_commit_whose_answer_was_lost_is_settled_by_its_key",),
    ),
    Mutant(
        "chain-skips-the-actor",
        "who did something can be changed in the journal without a trace",
        "ledger/book/hashing.py",
        "            transaction.actor,",
        '            "",',
        ("tests/book/test_hashing.py::test_every_field_counts",),
    ),
    Mutant(
        "chain-skips-the-hold",
        "which hold a line belongs to can be changed without a trace",
        "ledger/book/hashing.py",
        "p.lot_after, p.hold, p.balance_after",
        "p.lot_after, None, p.balance_after",
        ("tests/book/test_hashing.py::test_every_field_counts",),
    ),
    Mutant(
        "text-not-quoted",
        "a quote in a description breaks the statement, or ends its text where the client likes",
        "ledger/kit/arrays.py",
        """.replace('"', '\\\\"')""",
        "",
        ("tests/kit/test_arrays.py::test_every_kind_of_list_is_read_back",),
    ),
    # Commits and answers
    Mutant(
        "answer-before-commit",
        "the caller is told that it is posted, and then it is not",
        UNIT,
        'await connection.execute("COMMIT")',
        '[(r.take(p, g), r.finish()) for r, p, g in results], await connection.execute("COMMIT")',
        ("tests/book/test_lost_commit.py::test_a_commit_whose_answer_was_lost_is_settled_by_its_key",),
    ),
    Mutant(
        "commit-dropped",
        "everything is answered and nothing is kept",
        UNIT,
        'await connection.execute("COMMIT")',
        'await connection.execute("ROLLBACK")',
        ("tests/book/test_lost_commit.py::test_a_commit_whose_answer_was_lost_is_settled_by_its_key",),
    ),
    Mutant(
        "retry-after-a-lost-commit",
        "what may have been written is written again",
        UNIT,
        "if committing and isinstance(error, Exception) and writer.is_lost(error):",
        "if False:",
        ("tests/book/test_lost_commit.py::test_a_commit_whose_answer_was_lost_is_settled_by_its_key",),
    ),
    Mutant(
        "shield-dropped",
        "a caller that goes away cuts the unit of work in which others are",
        "ledger/book/door.py",
        "request.future.add_done_callback(lambda _: self._answered(len(attempts)))",
        "request.future.add_done_callback("
        "lambda f: (self._answered(len(attempts)), f.cancelled() and [lane.cancel() for lane in self._lanes]))",
        (f"{LOCKS}test_a_caller_that_goes_away_cuts_no_unit",),
    ),
    Mutant(
        "answer-to-nobody-spoils-the-unit",
        "a caller that went away makes the answers of the others fail, though they are posted",
        UNIT,
        "if not self.future.done():",
        "if True:",
        (f"{LOCKS}test_a_caller_that_goes_away_cuts_no_unit",),
    ),
    Mutant(
        "rider-not-counted",
        "a posting stands whose other half was already done by somebody else",
        UNIT,
        "if cursor.rowcount != rider.expect:",
        "if False:",
        (f"{DOOR}test_a_rider_stands_or_falls_with_its_posting",),
    ),
    Mutant(
        "queue-without-an-end",
        "requests pile up until the process dies with all of them",
        "ledger/book/door.py",
        "if self._outstanding + len(attempts) > self._queue_max:",
        "if False:",
        ("tests/book/test_door_in_trouble.py::test_what_waits_for_held_wallets_counts_against_the_queue",),
    ),
    Mutant(
        "culprit-takes-all-along",
        "one impossible request makes all others of its batch fail",
        "ledger/book/door.py",
        "if len(requests) > 1:\n            middle",
        "if False:\n            middle",
        (f"{DOOR}test_only_the_culprit_of_a_failing_batch_fails",),
    ),
    # Reads
    Mutant(
        "read-joins-a-query-already-sent",
        "who was told of a posting reads the balance before it, and spends it twice elsewhere",
        "ledger/book/shared.py",
        "found = await self._load(list(batch))",
        "self._gathering.update(batch)\n"
        "                found = await self._load(list(batch))\n"
        "                [self._gathering.pop(id_, None) for id_ in batch]",
        (
            "tests/book/test_shared.py::test_who_asks_after_a_query_was_sent_gets_the_answer_of_another",
            "tests/book/test_shared.py::test_who_was_told_of_a_posting_reads_it",
        ),
    ),
    Mutant(
        "past-without-what-was-due",
        "the balance of a past day depends on when the job ran that booked what expired",
        "ledger/book/read.py",
        "if book.due_at is not None and book.due_at <= min(at, now):",
        "if False:",
        ("tests/book/test_as_of.py::test_booking_what_is_due_changes_no_past_balance",),
    ),
    Mutant(
        "read-without-what-is-due",
        "a balance shows credits that a use is refused",
        "ledger/book/read.py",
        "if row[7] is not None and row[7] <= row[10]:",
        "if False:",
        ("tests/book/test_corners.py::test_the_lots_of_a_balance_add_up_to_what_is_free_after_a_hold_expired",),
    ),
)
