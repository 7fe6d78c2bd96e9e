"""Faults in Stripe's balance here: fees, movements, payouts, the reconciliation, and the tables of payments."""

from tests.mutants.mutant import Mutant

MOVEMENTS = "ledger/payments/money/movements.py"
POSTING = "ledger/payments/money/posting.py"
CHARGES = "ledger/payments/money/charges.py"
PAYOUTS = "ledger/payments/money/payouts.py"
COMPARE = "ledger/payments/reconcile/compare.py"
RECONCILE = "ledger/payments/reconcile/service.py"
OURS = "ledger/payments/reconcile/ours.py"
SCHEMA = "migrations/versions/0008_payments.py"

LINES = "tests/payments/money/test_movements.py::"
BOOKED = "tests/payments/money/test_posting.py::"
PAID_OUT = "tests/payments/money/test_payouts.py::"
RECONCILED = "tests/payments/reconcile/test_reconcile.py::"
TABLES = "tests/payments/test_tables.py::"

MUTANTS = (
    # Fees and movements
    Mutant(
        "pay-fee-is-a-gain",
        "what Stripe keeps is booked as given to us",
        MOVEMENTS,
        "into_clearing(fees, -movement.fee, movement.currency)",
        "into_clearing(fees, movement.fee, movement.currency)",
        (f"{LINES}test_lines", f"{LINES}test_lines_move_what_stripe_moves"),
    ),
    Mutant(
        "pay-money-goes-the-wrong-way",
        "what leaves Stripe's balance comes into the book's",
        MOVEMENTS,
        "return (MoneyLine(other, STRIPE_CLEARING, currency, -amount),) if amount else ()",
        "return (MoneyLine(STRIPE_CLEARING, other, currency, -amount),) if amount else ()",
        (f"{LINES}test_lines",),
    ),
    Mutant(
        "pay-fee-of-a-dispute-is-usual",
        "what disputes cost is hidden among the fees of payments",
        MOVEMENTS,
        "fees = DISPUTE_FEES\n",
        "fees = STRIPE_FEES\n",
        (f"{LINES}test_lines",),
    ),
    Mutant(
        "pay-charge-booked-twice",
        "the amount of a payment comes in by its purchase and by its movement",
        MOVEMENTS,
        "    CHARGE: None,",
        "    CHARGE: STRIPE_FEES,",
        (f"{LINES}test_lines",),
    ),
    Mutant(
        "pay-other-currency-booked",
        "100 euros are 100 dollars",
        POSTING,
        "if movement.currency != desk.currency:",
        "if False:",
        ("tests/payments/money/test_currencies.py::test_money_in_another_currency_is_kept_with_the_reason",),
    ),
    Mutant(
        "pay-movement-claimed-twice",
        "one movement of Stripe's balance is two transactions",
        POSTING,
        "ON CONFLICT (movement) DO UPDATE SET wallet_id = excluded.wallet_id, number = excluded.number\n"
        "WHERE stripe_movements.number IS NULL",
        "ON CONFLICT (movement) DO UPDATE SET wallet_id = excluded.wallet_id, number = excluded.number",
        (f"{BOOKED}test_a_movement_is_no_second_transaction",),
    ),
    Mutant(
        "pay-early-fee-lost",
        "a charge that is heard of before its payment is forgotten, and its fee with it",
        CHARGES,
        'await problems.keep(desk.database, charge_id, "charge", "no payment that is booked has this charge")',
        "pass",
        (
            "tests/payments/money/test_charges.py::test_a_charge_that_is_heard_of_early_is_kept_until_its_payment_is_booked",
        ),
    ),
    # Payouts
    Mutant(
        "pay-payout-before-it-arrives",
        "money is at the bank that may come back",
        PAYOUTS,
        'if payout["status"] not in ON_ITS_WAY:',
        "if True:",
        (f"{PAID_OUT}test_a_payout_is_booked_when_it_has_arrived_and_ties_to_its_parts",),
    ),
    Mutant(
        "pay-failed-payout-not-booked",
        "a payout that failed is at the bank for ever",
        PAYOUTS,
        "key = f\"{payout_id}:{'paid' if movement.amount < 0 else 'failed'}\"",
        'key = f"{payout_id}:paid"',
        (f"{PAID_OUT}test_a_payout_that_fails_goes_back",),
    ),
    Mutant(
        "pay-payout-always-ties",
        "a payout whose parts do not add up to it is called right",
        PAYOUTS,
        'difference = sum(part.net for part in parts) - payout["amount"]',
        "difference = 0 * len(parts)",
        (f"{PAID_OUT}test_a_payout_that_is_short_does_not_tie",),
    ),
    Mutant(
        "pay-payout-of-gross-parts",
        "fees are no part of a payout: none ties",
        PAYOUTS,
        "sum(part.net for part in parts)",
        "sum(part.amount for part in parts)",
        (f"{PAID_OUT}test_a_payout_is_booked_when_it_has_arrived_and_ties_to_its_parts",),
    ),
    # Reconciliation
    *(
        Mutant(f"pay-reconcile-skips-{name}", "a difference of just this kind is never told", file, old, new, (test,))
        for name, file, old, new, test in (
            (
                "clearing",
                RECONCILE,
                "if clearing.difference != format_amount(0, desk.currency):",
                "if False:",
                f"{RECONCILED}test_money_that_nothing_explains_is_told",
            ),
            (
                "what-stripe-does-not-know",
                RECONCILE,
                "if not await theirs.exists(desk, kind, name)]",
                "if False and not await theirs.exists(desk, kind, name)]",
                f"{RECONCILED}test_what_is_not_the_same_is_told",
            ),
            (
                "amounts-of-movements",
                COMPARE,
                "elif not _same(movement, booked):",
                "elif False:",
                f"{RECONCILED}test_what_is_not_the_same_is_told",
            ),
            (
                "what-was-booked",
                COMPARE,
                "elif booked.cleared != (there := _cleared(movement, booked)):",
                "elif (there := _cleared(movement, booked)) is None:",
                f"{RECONCILED}test_a_row_that_says_more_than_its_transaction_is_told",
            ),
            (
                "what-is-refunded",
                COMPARE,
                '(REFUNDED, refunded, charge["amount_refunded"])',
                "(REFUNDED, refunded, refunded)",
                f"{RECONCILED}test_a_row_that_says_more_than_its_transaction_is_told",
            ),
            (
                "amounts-of-refunds",
                COMPARE,
                'if here != amount:\n            yield _by_amount("refund"',
                'if False:\n            yield _by_amount("refund"',
                f"{RECONCILED}test_a_row_that_says_more_than_its_transaction_is_told",
            ),
            (
                "refunds-that-wait",
                OURS,
                "WHERE state = 'pending' AND requested_at",
                "WHERE state = 'failed' AND requested_at",
                f"{RECONCILED}test_a_refund_that_does_not_come_to_an_end_is_told",
            ),
            (
                "unbooked-money",
                OURS,
                "THEN -m.fee ELSE m.net END",
                "THEN -m.fee ELSE 0 END",
                f"{RECONCILED}test_a_charge_that_no_payment_has_is_told_until_it_has_one",
            ),
        )
    ),
    # The tables
    *(
        Mutant(f"pay-table-{name}", why, SCHEMA, old, new, (f"{TABLES}{test}",))
        for name, why, old, new, test in (
            (
                "refunded",
                "more would be refunded than was paid",
                '"refunded BETWEEN 0 AND coalesce(paid, 0)"',
                '"true"',
                "test_a_row_keeps_its_rules[payments-wrong0-refunded]",
            ),
            (
                "disputed",
                "more would be disputed than was paid",
                '"disputed BETWEEN 0 AND coalesce(paid, 0)"',
                '"true"',
                "test_a_row_keeps_its_rules[payments-wrong2-disputed]",
            ),
            (
                "booked",
                "a payment would be paid that no purchase books",
                "\"(state = 'paid') = (number IS NOT NULL AND paid IS NOT NULL)\"",
                '"true"',
                "test_a_row_keeps_its_rules[payments-wrong9-booked]",
            ),
            (
                "lost",
                "more would be lost than was refunded",
                "amount > 0 AND credits_micro >= 0 AND lost BETWEEN 0 AND amount",
                "amount > 0 AND credits_micro >= 0",
                "test_a_row_keeps_its_rules[payment_refunds-wrong13-amounts]",
            ),
            (
                "settled",
                "a dispute would be settled that never took anything",
                "amount > 0 AND (settled_number IS NULL OR number IS NOT NULL)",
                "amount > 0",
                "test_a_row_keeps_its_rules[payment_disputes-wrong15-amounts]",
            ),
            (
                "net",
                "a movement would be of another amount than Stripe's balance moved",
                '"net = amount - fee"',
                '"true"',
                "test_a_row_keeps_its_rules[stripe_movements-wrong16-net]",
            ),
            (
                "events-twice",
                "an event is done as often as it comes",
                'sa.PrimaryKeyConstraint("event", name=op.f("stripe_events_pkey")),',
                "",
                "test_a_row_stands_once[stripe_events]",
            ),
            (
                "movements-twice",
                "one movement of Stripe's balance is in the book twice",
                'sa.PrimaryKeyConstraint("movement", name=op.f("stripe_movements_pkey")),',
                "",
                "test_a_row_stands_once[stripe_movements]",
            ),
        )
    ),
)
