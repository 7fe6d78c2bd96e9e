"""Faults in the sums of what was used: added twice, in another place, or told otherwise than they are."""

from tests.mutants.mutant import Mutant

SUMS = "tests/rollups/test_rollups.py::"
FIGURES = "tests/http/test_figures.py::"
RULES = "tests/analytics/test_rules.py::"
STORE = "ledger/rollups/store.py"
DAYS = "ledger/rollups/days.py"
ROLLER = "ledger/rollups/roller.py"
ANALYTICS = "ledger/analytics/rules.py"

MUTANTS = (
    # What a transaction adds
    Mutant(
        "rollup-mark-stays",
        "everything is added again with every roll",
        STORE,
        "SET number = s.number, earned_micro",
        "SET number = m.number, earned_micro",
        (f"{SUMS}test_wallets_that_moved_are_found_and_others_left_alone",),
    ),
    Mutant(
        "rollup-adds-the-last-one-twice",
        "the transaction that the mark names is added with those after it",
        STORE,
        "number > m.number AND number <= %(up_to)s",
        "number >= m.number AND number <= %(up_to)s",
        (f"{SUMS}test_a_void_takes_the_operation_and_its_quantity_back",),
    ),
    Mutant(
        "rollup-mark-not-locked",
        "two rollers add the same transactions",
        STORE,
        " FOR NO KEY UPDATE OF m",
        "",
        (f"{SUMS}test_two_rollers_and_a_writer_at_once_add_everything_once",),
    ),
    Mutant(
        "rollup-refund-of-today",
        "what comes back is taken from the hour in which it does",
        STORE,
        "o.effective_at, t.effective_at) AS at,",
        "t.effective_at) AS at,",
        (f"{SUMS}test_two_rollers_and_a_writer_at_once_add_everything_once",),
    ),
    Mutant(
        "rollup-void-is-an-operation",
        "what was taken back as never having been still counts as done",
        STORE,
        "WHEN t.kind = 'void' THEN -1",
        "WHEN t.kind = 'void' THEN 0",
        (f"{SUMS}test_a_void_takes_the_operation_and_its_quantity_back",),
    ),
    Mutant(
        "rollup-refund-not-netted",
        "a refund changes no sum",
        DAYS,
        "refunded_micro = {of}.refunded_micro + excluded.refunded_micro",
        "refunded_micro = {of}.refunded_micro",
        (f"{SUMS}test_two_rollers_and_a_writer_at_once_add_everything_once",),
    ),
    Mutant(
        "rollup-session-each-time",
        "a session begins anew with every event of it",
        STORE,
        "count(b.number) AS sessions",
        "count(session) AS sessions",
        (f"{SUMS}test_two_rollers_and_a_writer_at_once_add_everything_once",),
    ),
    Mutant(
        "rollup-free-use-is-none",
        "an event that was free has not happened",
        STORE,
        "(l.charged > 0 OR u.service IS NOT NULL)",
        "l.charged > 0",
        (f"{SUMS}test_a_void_takes_the_operation_and_its_quantity_back",),
    ),
    Mutant(
        "rollup-days-of-utc",
        "a day of the balance begins at midnight in London",
        DAYS,
        "slot AT TIME ZONE {{zone}} AS local",
        "slot AT TIME ZONE 'UTC' AS local",
        (f"{SUMS}test_days_are_those_of_the_wallets_time_zone",),
    ),
    # Who adds it
    Mutant(
        "roller-stops-after-a-chunk",
        "a wallet with more than a chunk is told to be rolled up, and is not",
        ROLLER,
        "if added.get(wallet_id, 0) < CHUNK:",
        "if True:",
        (f"{SUMS}test_a_roll_goes_on_until_all_is_added",),
    ),
    Mutant(
        "roller-leaves-the-rest",
        "of a wallet with much that is new only the first part is added, until it moves again",
        ROLLER,
        "if count == OF_EACH:",
        "if False:",
        (f"{SUMS}test_wallets_that_moved_are_found_and_others_left_alone",),
    ),
    Mutant(
        "roller-keeps-old-days",
        "after a change of the time zone days of both are mixed",
        ROLLER,
        "if mark.zone != mark.time_zone:",
        "if False:",
        (f"{SUMS}test_days_are_those_of_the_wallets_time_zone",),
    ),
    Mutant(
        "roller-stops-at-a-bad-one",
        "one wallet that cannot be rolled up keeps fifty from it",
        ROLLER,
        "return sum([await _roll_together(database, [wallet_id]) for wallet_id in wallet_ids])",
        "return 0",
        (f"{SUMS}test_a_wallet_that_cannot_be_rolled_up_keeps_no_other_from_it",),
    ),
    Mutant(
        "rebuilt-and-said-nothing",
        "sums that were wrong are mended, and nobody learns of it",
        ROLLER,
        "return before != await store.content(connection, wallet_id)",
        "return before is None",
        (f"{SUMS}test_rebuilding_mends_what_was_changed_by_hand_and_says_so",),
    ),
    # What is told of them
    Mutant(
        "share-of-what-was-charged",
        "what came back counts as spent",
        ANALYTICS,
        "return self.credits_micro - self.refunded_micro",
        "return self.credits_micro",
        (f"{RULES}test_sums_have_what_was_charged_and_what_came_back",),
    ),
    Mutant(
        "week-of-the-calendars-year",
        "the week over new year is two, and one of them a year too early",
        ANALYTICS,
        "year, week, _ = row.day.isocalendar()",
        "year, week = row.day.year, row.day.isocalendar()[1]",
        (f"{RULES}test_a_week_belongs_to_the_year_of_its_thursday",),
    ),
    Mutant(
        "hours-out-of-order",
        "ten o'clock comes before nine",
        ANALYTICS,
        "T{row.hour:02}",
        "T{row.hour}",
        (f"{RULES}test_parts_are_named_and_ordered",),
    ),
    Mutant(
        "nobody-first",
        "what has no name stands above what has",
        ANALYTICS,
        "key=lambda key: (key is None, -parts",
        "key=lambda key: (key is not None, -parts",
        (f"{RULES}test_parts_are_named_and_ordered",),
    ),
    Mutant(
        "moved-by-percent-of-now",
        "what doubled is told to have grown by half",
        ANALYTICS,
        "percent_of(difference, before)",
        "percent_of(difference, now)",
        (f"{RULES}test_movers_are_what_changed_most_in_credits",),
    ),
    Mutant(
        "movers-by-name",
        "what shrank most is not told, since it is below zero",
        ANALYTICS,
        "-abs(mover.difference_micro)",
        "-mover.difference_micro",
        (f"{RULES}test_movers_are_what_changed_most_in_credits",),
    ),
)
