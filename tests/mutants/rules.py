"""Faults in the pure rules: what is booked."""

from tests.mutants.mutant import Mutant

RULES = "tests/book/test_rules.py::"
FOLD = "ledger/book/rules/fold.py"
MOVES = "ledger/book/rules/moves.py"
STATE = "ledger/book/rules/state.py"
DUE = "ledger/book/rules/due.py"
LINES = "ledger/book/rules/lines.py"
REVERSAL = "ledger/book/rules/reversal.py"

MUTANTS = (
    # Keys and facts
    Mutant(
        "fingerprint-skipped",
        "another request under a used key is answered with the old one's posting, and never made",
        FOLD,
        "if stored == given:",
        "if True:",
        (f"{RULES}test_a_key_stands_for_one_request",),
    ),
    Mutant(
        "key-of-the-other-leg-shared",
        "a transfer takes its key in the payee's book, where a client uses the same word for something else",
        FOLD,
        'c.key_hash("leg", key)',
        "first.key_hash",
        (f"{RULES}test_a_transfer_takes_its_key_in_the_payers_book_alone",),
    ),
    Mutant(
        "key-not-known-within-a-batch",
        "one key twice in a unit of work posts twice, or spoils the unit",
        FOLD,
        "self.known[book.wallet_id, key] = Stored(number, fingerprint)",
        "pass",
        ("tests/book/test_door_in_trouble.py::test_a_batch_of_everything_twice_verifies",),
    ),
    Mutant(
        "event-id-not-unique",
        "a job that is reported twice, under two keys, is charged twice",
        FOLD,
        "number = unit.events.get((command.wallet_id, event))",
        "number = None",
        (f"{RULES}test_an_event_is_charged_once_under_whatever_key",),
    ),
    Mutant(
        "event-not-known-within-a-batch",
        "a job that stands twice in one batch is charged twice",
        FOLD,
        "self.events[book.wallet_id, event] = number",
        "pass",
        (f"{RULES}test_an_event_is_charged_once_under_whatever_key",),
    ),
    Mutant(
        "refusal-of-an-undone-group-remembered",
        "an atomic batch that was refused as a whole is refused again, though now it could be paid",
        FOLD,
        "unit.refused, unit.refusals = saved.refused, saved.refusals",
        "pass",
        ("tests/book/test_door.py::test_an_atomic_request_is_posted_whole_or_not_at_all",),
    ),
    Mutant(
        "undone-group-keeps-its-books",
        "an atomic batch that was refused has still moved the balances",
        FOLD,
        "unit.books.update(saved.books)",
        "pass",
        ("tests/book/test_door.py::test_an_atomic_request_is_posted_whole_or_not_at_all",),
    ),
    Mutant(
        "refusal-not-remembered",
        "a request that was refused and given up is posted by a late repetition",
        FOLD,
        "unit.refusals[key] = remembered",
        "pass",
        ("tests/book/test_door.py::test_a_refusal_is_remembered_for_a_day",),
    ),
    # Who may do what
    Mutant(
        "freeze-bypassed-by-use",
        "a frozen wallet goes on paying",
        FOLD,
        "FROZEN_REFUSES: Final = (c.Use, ",
        "FROZEN_REFUSES: Final = (",
        (f"{RULES}test_a_frozen_wallet_refuses_what_its_customer_starts",),
    ),
    Mutant(
        "freeze-of-the-payee-bypassed",
        "credits are moved into a wallet that was frozen for fraud",
        FOLD,
        "for each in books:\n        _check_status(each",
        "for each in books[:1]:\n        _check_status(each",
        (f"{RULES}test_a_frozen_wallet_refuses_what_its_customer_starts",),
    ),
    Mutant(
        "closed-period-open",
        "months whose accounts are closed change afterwards",
        FOLD,
        "if unit.open_from is not None and at < unit.open_from:",
        "if False:",
        ("tests/book/test_door.py::test_closed_periods_take_nothing_but_late_usage",),
    ),
    # Amounts
    Mutant(
        "overdraft-without-a-limit",
        "a customer owes whatever it asks for",
        MOVES,
        "    if amount > available:",
        "    if False:",
        (f"{RULES}test_overdraft_ends_at_its_limit",),
    ),
    Mutant(
        "overdraft-used-by-holds",
        "a hold reserves, and a transfer gives away, credits that are not there",
        MOVES,
        "if amount > book.wallet:",
        "if amount > book.balances.available:",
        (f"{RULES}test_overdraft_is_neither_held_nor_transferred",),
    ),
    Mutant(
        "hold-captured-beyond-its-amount",
        "a capture takes what other holds of the wallet have reserved",
        MOVES,
        "within = min(amount, hold.remaining)",
        "within = amount",
        (f"{RULES}test_a_capture_beyond_the_hold_is_taken_from_the_wallet_if_it_can_pay",),
    ),
    Mutant(
        "capture-beyond-the-hold-unchecked",
        "what goes beyond a hold is taken though the wallet cannot pay it",
        MOVES,
        "if beyond > available:",
        "if False:",
        (f"{RULES}test_a_capture_beyond_the_hold_is_taken_from_the_wallet_if_it_can_pay",),
    ),
    Mutant(
        "debt-not-paid-first",
        "a customer spends new credits while owing for the last ones",
        LINES,
        "amount = min(book.wallet, book.owed)",
        "amount = 0",
        (
            f"{RULES}test_new_credits_pay_what_is_owed_first",
            f"{RULES}test_released_credits_pay_what_is_owed_first",
        ),
    ),
    Mutant(
        "transfer-loses-a-cent",
        "each share of a cost is rounded by itself, so the shares do not add up to what was paid",
        STATE,
        "return self.cost * (gone + amount) // self.amount - self.cost * gone // self.amount",
        "return self.cost * amount // self.amount",
        (
            f"{RULES}test_shares_of_a_cost_add_up_to_it",
            "tests/book/test_door.py::test_a_paid_lot_takes_its_cost_along",
        ),
    ),
    # Lots
    *(
        Mutant(
            f"merge-of-unlike-lots-by-{what}",
            "credits take on the terms of others: they expire, burn or are reversed as those do",
            STATE,
            old,
            "and True",
            (f"{RULES}test_credits_join_a_lot_only_if_it_is_alike[{what}]",),
        )
        for what, old in (
            ("source", "and lot.source == source"),
            ("priority", "and lot.priority == priority"),
            ("expiry", "and lot.expires_at == expires_at"),
        )
    ),
    Mutant(
        "burn-down-without-expiry",
        "lots that never expire are used before those that are about to, which then are lost",
        STATE,
        "(priority, expires_at or _NEVER, cost > 0, lot)",
        "(priority, _NEVER, cost > 0, lot)",
        (f"{RULES}test_lots_burn_in_order[expiry]",),
    ),
    Mutant(
        "burn-down-paid-before-given",
        "what was paid for is used before what was given: the refund of a payment finds nothing",
        STATE,
        "expires_at or _NEVER, cost > 0, lot)",
        "expires_at or _NEVER, False, lot)",
        (f"{RULES}test_lots_burn_in_order[given before paid]",),
    ),
    # What ends by itself
    Mutant(
        "expired-lot-counted",
        "credits are used after they have expired",
        DUE,
        "lot.remaining > 0 and lot.expires_at is not None and lot.expires_at <= now",
        "False",
        (f"{RULES}test_a_lot_ends_at_its_instant",),
    ),
    Mutant(
        "lot-ends-an-instant-late",
        "at the very instant of its end a lot is there for the one who uses it and not for the one who reads it",
        DUE,
        "lot.expires_at is not None and lot.expires_at <= now",
        "lot.expires_at is not None and lot.expires_at < now",
        (f"{RULES}test_a_lot_ends_at_its_instant",),
    ),
    Mutant(
        "pinned-slice-expired",
        "a hold's credits expire under it, and the job that was promised them is not paid",
        DUE,
        "draft.move(WALLET, EXPIRED, lot.free, lot)",
        "draft.move(WALLET, EXPIRED, lot.remaining, lot)",
        (f"{RULES}test_what_a_hold_pins_does_not_expire_with_the_rest_of_its_lot",),
    ),
    Mutant(
        "expired-hold-not-booked-before-post",
        "a hold that has ended is captured, and its credits are locked for ever if nobody does",
        DUE,
        'if hold.state == "open" and hold.expires_at <= now:',
        "if False:",
        (f"{RULES}test_a_hold_ends_at_its_instant_and_gives_its_credits_back",),
    ),
    Mutant(
        "freed-after-expiry-kept",
        "holding and releasing credits makes them outlive their end",
        FOLD,
        "unit.book_due(books[0], freed=True)",
        "pass",
        (f"{RULES}test_what_a_hold_pins_does_not_expire_with_the_rest_of_its_lot",),
    ),
    # Reversals
    Mutant(
        "reversal-beyond-the-original",
        "a refund of 10 is asked for five times and given five times",
        REVERSAL,
        "if amount > left or left == 0:",
        "if False:",
        (f"{RULES}test_reversals_stop_at_the_whole",),
    ),
    Mutant(
        "reversal-forgets-the-last-one",
        "two reversals in one unit of work undo the same credits twice",
        FOLD,
        "original.reversed += amount",
        "pass",
        (f"{RULES}test_reversals_of_one_request_stop_at_the_whole",),
    ),
    Mutant(
        "reversal-of-each-leg",
        "a transfer is undone once in each book",
        FOLD,
        "mirror.reversed = original.reversed",
        "pass",
        (f"{RULES}test_both_legs_of_a_transfer_share_what_is_left_to_reverse",),
    ),
)
