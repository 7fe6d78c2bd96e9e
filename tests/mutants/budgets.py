"""Faults in budgets: what a hard limit lets through, what is counted where, what is told."""

from tests.mutants.mutant import Mutant

DOOR = "tests/budgets/test_budgets.py::"
RULES = "tests/budgets/test_rules.py::"
HTTP = "tests/http/test_budgets.py::"
PERIODS = "tests/budgets/test_periods.py::"
PRICED = "tests/budgets/test_priced.py::"
PART = "ledger/budgets/part.py"
LIMIT = "ledger/budgets/rules.py"
WHEN = "ledger/budgets/periods.py"
LOAD = "ledger/budgets/participant.py"

MUTANTS = (
    # The hard limit
    Mutant(
        "budget-of-one-more",
        "a hard budget is overspent by a micro-credit",
        "ledger/budgets/rules.py",
        "amount_micro <= left, left)",
        "amount_micro <= left + 1, left)",
        (f"{RULES}test_a_hard_budget_ends_at_its_limit", f"{HTTP}test_a_hard_budget_refuses_with_402"),
    ),
    Mutant(
        "budget-by-what-was-loaded",
        "of what one unit of work uses, each command is held against the same rest: together they go beyond it",
        PART,
        "spent = self._spent_at((command.wallet_id, kept.number, self._window(kept, at).start)).micro",
        "place = (command.wallet_id, kept.number, self._window(kept, at).start)\n"
        "            spent = self._found.spent.get(place, _NOTHING).micro",
        (f"{DOOR}test_a_period_begins_anew", f"{DOOR}test_late_usage_counts_where_it_occurred"),
    ),
    Mutant(
        "budget-soft-beside-a-soft-one",
        "a hard budget is not asked where the wallet has a soft one as well",
        PART,
        "any(kept.rule.hard for of_wallet in found.budgets.values() for kept in of_wallet)",
        "all(kept.rule.hard for of_wallet in found.budgets.values() for kept in of_wallet)",
        (f"{DOOR}test_services_and_members_have_their_own",),
    ),
    Mutant(
        "budget-of-a-hold-forgotten",
        "a capture is nobody's: the member's budget is not asked",
        PART,
        "member_of(command.metadata) or held.member",
        "member_of(command.metadata)",
        (f"{DOOR}test_services_and_members_have_their_own",),
    ),
    Mutant(
        "budget-spent-by-what-was-undone",
        "an atomic batch that was undone has used up the budget",
        PART,
        "self._spent = dict(saved[0])",
        "self._spent = dict(self._spent)",
        (
            f"{DOOR}test_an_atomic_batch_that_is_undone_leaves_what_is_spent",
            f"{DOOR}test_after_an_undone_batch_the_others_of_its_unit_are_decided_anew",
        ),
    ),
    Mutant(
        "budget-told-of-what-was-undone",
        "an event tells of spending that never was",
        PART,
        "del self._events[saved[1] :]",
        "del self._events[len(self._events) :]",
        (f"{DOOR}test_an_atomic_batch_that_is_undone_leaves_what_is_spent",),
    ),
    Mutant(
        "budget-limits-the-past",
        "late usage of before the budget is refused by it",
        PART,
        "not rule.hard or at < kept.since or not",
        "not rule.hard or not",
        (f"{DOOR}test_usage_of_before_the_budget_does_not_concern_it",),
    ),
    Mutant(
        "budget-that-is-overspent-refuses-what-is-free",
        "where a limit was lowered below what is spent, an event that costs nothing is refused",
        LIMIT,
        "left = max(budget.limit_micro - spent_micro, 0)",
        "left = budget.limit_micro - spent_micro",
        (f"{RULES}test_a_hard_budget_ends_at_its_limit",),
    ),
    Mutant(
        "budget-soft-refuses",
        "a budget that should only alert refuses",
        LIMIT,
        "not budget.hard or amount_micro <= left",
        "amount_micro <= left",
        (f"{RULES}test_a_soft_budget_allows_everything_and_says_what_is_left",),
    ),
    Mutant(
        "budget-of-a-hold-of-the-same-unit",
        "a capture right after its hold is nobody's",
        PART,
        "self._holds[transaction.wallet_id, transaction.number] = held",
        "pass",
        (f"{PRICED}test_a_capture_is_its_holds_members_also_in_one_unit_and_when_it_comes_back",),
    ),
    Mutant(
        "budget-of-another-service",
        "a service's budget counts what all of them use",
        PART,
        'rule.of == (service if rule.scope == "service" else member)',
        'rule.scope == "service" or rule.of == member',
        (f"{DOOR}test_services_and_members_have_their_own",),
    ),
    # What counts where
    Mutant(
        "budget-refund-not-netted",
        "what comes back makes no room",
        PART,
        "(line.debit, -line.amount)",
        "(line.debit, 0)",
        (
            f"{DOOR}test_a_refund_rearms",
            f"{PRICED}test_a_void_of_what_was_priced_gives_its_room_back",
        ),
    ),
    Mutant(
        "budget-refund-of-nobody",
        "what comes back of a capture leaves the budget of the member who used it as it was",
        LOAD,
        "_member(row[3]) or _member(row[4])",
        "_member(row[3])",
        (f"{PRICED}test_a_capture_is_its_holds_members_also_in_one_unit_and_when_it_comes_back",),
    ),
    Mutant(
        "budget-day-of-24-hours",
        "in the last hour of a day of 25 what was spent before is not loaded, and is written as nothing",
        LOAD,
        "WHEN 'day' THEN interval '2 days'",
        "WHEN 'day' THEN interval '1 day'",
        (f"{DOOR}test_days_of_23_and_25_hours",),
    ),
    Mutant(
        "budget-period-ends-late",
        "where the clock is set back over midnight, an hour of the new day counts on the old one",
        WHEN,
        "if instant >= window.end:",
        "if instant > window.end + (window.end - window.start):",
        (f"{PERIODS}test_periods_begin_at_midnight_there",),
    ),
    Mutant(
        "budget-period-of-utc",
        "a month begins at midnight in London",
        WHEN,
        "datetime.combine(day, time(), zone)",
        "datetime.combine(day, time(), UTC)",
        (
            f"{PERIODS}test_periods_begin_at_midnight_there",
            f"{PRICED}test_free_months_are_those_of_utc_and_budgets_those_of_the_wallet",
        ),
    ),
    Mutant(
        "budget-week-from-sunday",
        "a week has the Sunday before it",
        WHEN,
        "timedelta(day.weekday())",
        "timedelta(day.isoweekday() % 7)",
        (f"{PERIODS}test_periods_begin_at_midnight_there",),
    ),
    Mutant(
        "budget-month-of-30-days",
        "a month of 31 days has no end",
        WHEN,
        "(first + timedelta(31)).replace(day=1)",
        "(first + timedelta(30)).replace(day=1)",
        (f"{PERIODS}test_periods_begin_at_midnight_there",),
    ),
    Mutant(
        "budget-late-usage-counts-today",
        "what was used last month takes from this month's budget",
        PART,
        "at = transaction.effective_at\n",
        "at = self._now\n",
        (f"{DOOR}test_late_usage_counts_where_it_occurred", f"{DOOR}test_a_model_of_budgets_agrees"),
    ),
    Mutant(
        "budget-refund-counts-today",
        "a refund of last month's use is room for more in this month",
        PART,
        "at, member = original\n",
        "member = original.member\n",
        (f"{DOOR}test_late_usage_counts_where_it_occurred",),
    ),
    Mutant(
        "budget-periods-of-the-latest-use",
        "what was spent on the day of late usage is not loaded, and counts as nothing",
        LOAD,
        "min(at, earliest.get(wallet_id, at))",
        "max(at, earliest.get(wallet_id, at))",
        (f"{DOOR}test_a_model_of_budgets_agrees",),
    ),
    Mutant(
        "budget-period-of-the-refund-not-loaded",
        "a refund of long ago leaves what was spent then below zero",
        LOAD,
        "[Statement(UNDONE, params), Statement(PAST, params)]",
        "[Statement(UNDONE, params)]",
        (f"{DOOR}test_late_usage_counts_where_it_occurred",),
    ),
    Mutant(
        "budget-counts-the-last-one-twice",
        "a budget made in the middle of a period counts the last transaction before it, and once more under the lock",
        "ledger/budgets/store.py",
        "t.number > %(after)s AND",
        "t.number >= %(after)s AND",
        (f"{HTTP}test_what_was_spent_before_counts_and_is_told_at_once",),
    ),
    # What is told
    Mutant(
        "budget-level-one-late",
        "a level is told only once it is passed",
        LIMIT,
        "100 * spent_micro >= level",
        "100 * spent_micro > level",
        (f"{RULES}test_levels_are_told_at_their_edge", f"{DOOR}test_a_refund_rearms"),
    ),
    Mutant(
        "budget-never-rearmed",
        "a level that was told once is silent for the rest of the period",
        LIMIT,
        "standing = told & passed",
        "standing = told",
        (f"{RULES}test_levels_are_told_at_their_edge", f"{DOOR}test_a_refund_rearms"),
    ),
    Mutant(
        "budget-made-late-tells-again",
        "the next use tells levels that were passed before the budget was there",
        LIMIT,
        "level not in standing and not _reaches(budget, before_micro, level)",
        "level not in standing",
        (f"{RULES}test_levels_are_told_at_their_edge",),
    ),
    Mutant(
        "budget-told-again-and-again",
        "a level is told at every use above it",
        PART,
        "told = excluded.told,",
        "told = budget_spent.told,",
        (f"{DOOR}test_each_level_is_told_once_over_many_units", f"{DOOR}test_a_refund_rearms"),
    ),
    Mutant(
        "budget-levels-passed-are-not-told",
        "levels that were passed before the budget was made, or by a change of it, are never told",
        PART,
        "self._tell(place, kept, window, 0, self._spent[place])",
        "self._tell(place, kept, window, self._spent[place].micro, self._spent[place])",
        (
            f"{HTTP}test_what_was_spent_before_counts_and_is_told_at_once",
            f"{DOOR}test_a_level_that_nobody_told_is_told_by_the_next_transaction",
        ),
    ),
    Mutant(
        "spike-told-at-every-look",
        "a spike is told every ten minutes until it is over",
        "ledger/budgets/spikes.py",
        "told_start >= start",
        "told_start > start",
        ("tests/budgets/test_spikes.py::test_a_spike_is_told_once_in_its_window",),
    ),
)
