"""Faults on the way of money that goes back: refunds and disputes."""

from tests.mutants.mutant import Mutant

SERVICE = "ledger/payments/refunds/service.py"
SEND = "ledger/payments/refunds/send.py"
REFUND = "ledger/payments/refunds/converge.py"
REFUND_ROWS = "ledger/payments/refunds/store.py"
DISPUTE = "ledger/payments/disputes/converge.py"
DISPUTE_RULES = "ledger/payments/disputes/rules.py"
DISPUTE_ROWS = "ledger/payments/disputes/store.py"

ASKED = "tests/payments/refunds/test_refunds.py::"
ONCE = "tests/payments/refunds/test_once.py::"
TROUBLE = "tests/payments/refunds/test_trouble.py::"
HEARD = "tests/payments/refunds/test_converging.py::"
DISPUTED = "tests/payments/disputes/test_disputes.py::"
STEPS = "tests/payments/disputes/test_rules.py::"
BOOKED = "tests/payments/money/test_posting.py::"
SET_ASIDE = f"{DISPUTED}test_what_is_unspent_is_set_aside_and_the_rest_is_owed"

MUTANTS = (
    # Refunds that are asked for
    Mutant(
        "pay-refund-while-disputed",
        "the bank has taken the money back, and we give it back once more",
        SERVICE,
        "if payment.disputed:",
        "if False:",
        (f"{ASKED}test_what_cannot_be_refunded_says_why",),
    ),
    Mutant(
        "pay-refund-all-twice",
        "what is left of a payment is all of it, whatever was refunded before",
        SERVICE,
        "money = payment.paid - payment.refunded if whole else money",
        "money = payment.paid if whole else money",
        (f"{ASKED}test_by_credits_and_then_all_that_is_left",),
    ),
    Mutant(
        "pay-refunds-not-added-up",
        "several refunds together are more than was paid",
        REFUND_ROWS,
        "UPDATE payments SET refunded = refunded + money, version = version + 1 FROM moved",
        "UPDATE payments SET refunded = refunded, version = version + 1 FROM moved",
        (
            f"{ASKED}test_those_who_refund_at_once_refund_no_more_than_was_paid",
            f"{ASKED}test_by_force_what_is_spent_is_a_loss",
        ),
    ),
    Mutant(
        "pay-refund-beyond-what-was-paid",
        "those who refund at once refund more than was paid, until the table itself refuses it with a 500",
        REFUND_ROWS,
        "AND refunded + money <= paid",
        "AND money <= paid",
        (f"{ASKED}test_those_who_refund_at_once_refund_no_more_than_was_paid",),
    ),
    Mutant(
        "pay-refund-of-what-the-tax-gives-back",
        "Stripe is asked for a cent more than the book owes, where a refund's part of the tax is less than nothing",
        REFUND_ROWS,
        "sum(CASE 'refund_payable' WHEN credit THEN amount WHEN debit THEN -amount END)",
        "sum(amount) FILTER (WHERE credit = 'refund_payable')",
        (f"{ASKED}test_tax_that_rounding_takes_back_is_not_refunded",),
    ),
    Mutant(
        "pay-refund-under-a-fresh-key",
        "two who ask Stripe for the same refund get two",
        SEND,
        'return f"refund:{refund.wallet_id}:{refund.number}{again}"',
        'return f"refund:{id(again)}:{id(object())}:{hash(str(object()))}"',
        (f"{ONCE}test_those_who_ask_stripe_at_once_ask_under_one_key",),
    ),
    Mutant(
        "pay-refund-not-looked-for",
        "a refund whose answer was lost is paid again when Stripe has forgotten its key",
        SEND,
        "told = await _found(desk, refund) if refund.tries > 1 else None",
        "told = None",
        (f"{ONCE}test_what_stripe_made_two_days_ago_is_found_when_its_key_is_forgotten",),
    ),
    Mutant(
        "pay-refund-of-the-first-that-is-there",
        "another refund of the payment is taken for ours, and ours is never paid",
        SEND,
        'if (one["metadata"] or {}).get(REFUND_ID) == ours:',
        'if one["metadata"] is not None:',
        (f"{HEARD}test_a_refund_of_the_dashboard_that_is_faster_wins",),
    ),
    Mutant(
        "pay-refund-stuck-behind-an-error",
        "an error that Stripe repeats under its key is asked for again for ever",
        SEND,
        "attempt += 1",
        "pass",
        (f"{TROUBLE}test_whatever_stripe_does_the_refund_lands_once[500, and nothing was done]",),
    ),
    Mutant(
        "pay-refused-refund-not-undone",
        "Stripe will not pay, and the credits are gone all the same",
        SEND,
        "await converge.undo(desk, refund, str(refused))",
        "pass",
        (f"{TROUBLE}test_what_stripe_refuses_is_undone",),
    ),
    Mutant(
        "pay-refund-called-off-unknown",
        "a key that means something else says nothing about the refund, and its credits are given back",
        SEND,
        "if refused.of_key or isinstance(refused.__cause__, stripe.IdempotencyError):",
        "if refused.of_key:",
        (f"{ONCE}test_a_key_that_was_used_for_something_else_is_no_word_about_the_refund",),
    ),
    # Refunds that are heard of
    Mutant(
        "pay-own-refund-taken-for-anothers",
        "a refund that was asked for here takes its credits a second time when it is heard of",
        REFUND,
        "refund = await store.load(connection, wallet_id, number)",
        "refund = None and await store.load(connection, wallet_id, number)",
        (f"{ASKED}test_what_is_unspent_is_refunded_and_no_more",),
    ),
    Mutant(
        "pay-refund-believed-by-its-metadata",
        "a second refund that names the first is never counted",
        REFUND,
        'return refund if mine and refund is not None and refund.refund in (None, told["id"]) else None',
        "return refund if mine else None",
        (f"{ONCE}test_a_refund_that_says_to_be_one_that_is_paid_is_one_more",),
    ),
    Mutant(
        "pay-refund-of-somebody-else",
        "a refund that names somebody else's is booked as theirs",
        REFUND,
        "mine = refund is not None and (refund.wallet_id, refund.payment) == (payment.wallet_id, payment.payment)",
        "mine = refund is not None and bool(payment.payment)",
        (f"{ONCE}test_a_refund_that_says_to_be_somebody_elses_is_not",),
    ),
    Mutant(
        "pay-dashboard-refund-of-everything",
        "of a refund that was made at Stripe all of the payment is booked",
        REFUND,
        'money=told["amount"],',
        "money=payment.paid - payment.refunded,",
        (f"{HEARD}test_a_refund_of_the_dashboard_takes_what_is_unspent_and_the_rest_is_a_loss",),
    ),
    Mutant(
        "pay-dashboard-refund-refused",
        "money has left, and the book says that it may not",
        REFUND,
        "force=True,",
        "force=False,",
        (f"{HEARD}test_a_refund_of_the_dashboard_takes_what_is_unspent_and_the_rest_is_a_loss",),
    ),
    Mutant(
        "pay-dashboard-refunds-are-one",
        "the second refund of a payment that is made at Stripe is taken for the first",
        REFUND,
        "key = f\"{told['id']}:refund\"",
        'key = f"{payment.payment_intent}:refund"',
        (f"{HEARD}test_a_refund_of_the_dashboard_takes_what_is_unspent_and_the_rest_is_a_loss",),
    ),
    Mutant(
        "pay-failed-refund-keeps-credits",
        "Stripe could not pay the refund, and the credits stay taken",
        REFUND,
        'if refund is not None and told["status"] in ENDED:',
        "if False and refund is not None:",
        (f"{HEARD}test_a_refund_that_fails_gives_everything_back",),
    ),
    Mutant(
        "pay-refund-taken-after-it-failed",
        "a refund that had failed before it was heard of takes credits",
        REFUND,
        'if refund is None and told["status"] not in ENDED:',
        "if refund is None:",
        (f"{HEARD}test_a_refund_that_had_failed_before_it_was_heard_of_takes_no_credits",),
    ),
    Mutant(
        "pay-money-back-not-booked",
        "what left and came back under one key is booked as having left",
        REFUND,
        'key = f"{refund_id}:{effect}"',
        'key = f"{refund_id}:moved"',
        (f"{HEARD}test_a_refund_that_fails_gives_everything_back",),
    ),
    Mutant(
        "pay-failed-refund-counted",
        "what could not be refunded can never be refunded again",
        REFUND_ROWS,
        "UPDATE payments SET refunded = refunded - undone.amount,",
        "UPDATE payments SET refunded = refunded - 0 * undone.amount,",
        (f"{HEARD}test_a_refund_that_fails_gives_everything_back",),
    ),
    Mutant(
        "pay-failed-refund-counted-off-twice",
        "a refund that fails twice makes room for one that was never paid for",
        REFUND_ROWS,
        "AND number = %(number)s AND state <> 'failed'",
        "AND number = %(number)s",
        (f"{ONCE}test_a_refund_is_counted_once_by_whoever_undoes_it",),
    ),
    # Disputes
    Mutant(
        "pay-dispute-of-what-was-refunded",
        "credits that a refund took are taken again by a dispute, and owed",
        DISPUTE_RULES,
        "return min(withdrawn * bought_micro // paid, bought_micro - refunded_micro)",
        "return withdrawn * bought_micro // paid",
        (f"{STEPS}test_the_credits_of_a_withdrawal_are_its_part_of_what_is_left",),
    ),
    Mutant(
        "pay-dispute-less-a-refund-that-was-never-made",
        "credits whose money the bank took are the customer's, as a refund of them was refused",
        DISPUTE_ROWS,
        ".where(_r.refund.is_not(None), _r.state",
        ".where(_r.state",
        (f"{DISPUTED}test_a_refund_that_never_reached_stripe_leaves_no_credits_beside_a_dispute",),
    ),
    Mutant(
        "pay-dispute-lost-again",
        "a dispute that came to its end is written off once more",
        DISPUTE_RULES,
        'return Step("lose") if status == "lost" and stage.open else None',
        'return Step("lose") if status == "lost" else None',
        (f"{STEPS}test_the_next_step_is_the_first_that_is_not_in_the_book",),
    ),
    Mutant(
        "pay-dispute-won-again",
        "money of a dispute that was lost comes back, and credits with it that were written off",
        DISPUTE_RULES,
        'return "win" if stage.open else "recover"',
        'return "win"',
        (f"{STEPS}test_the_next_step_is_the_first_that_is_not_in_the_book",),
    ),
    Mutant(
        "pay-dispute-difference-turned",
        "what is missing of the money that came back is a gain",
        DISPUTE_RULES,
        "if missing > 0 else",
        "if missing < 0 else",
        (f"{STEPS}test_what_is_missing_of_what_came_back_is_lost",),
    ),
    Mutant(
        "pay-dispute-always-won",
        "a dispute that is lost gives its credits back",
        DISPUTE,
        "won=back is not None,",
        "won=True,",
        (f"{SET_ASIDE}[lost]",),
    ),
    Mutant(
        "pay-dispute-whole-payment",
        "a dispute about a part of a payment writes off all of it",
        DISPUTE,
        "stage.open and stage.booked.get(one.movement) == stage.number)",
        "stage.open)",
        (f"{SET_ASIDE}[won]",),
    ),
    Mutant(
        "pay-dispute-by-an-old-look",
        "a refund and a dispute at the same time are about the same credits",
        DISPUTE_ROWS,
        "AND payment = %(payment)s AND version = %(version)s",
        "AND payment = %(payment)s AND %(version)s >= 0",
        (f"{BOOKED}test_what_a_dispute_was_decided_by_may_not_have_changed",),
    ),
    Mutant(
        "pay-dispute-never-over",
        "a payment whose dispute was won can never be refunded",
        DISPUTE,
        "riders.append(store.disputed(payment, -withdrawn))",
        "pass",
        (f"{SET_ASIDE}[won]",),
    ),
    Mutant(
        "pay-early-dispute-lost",
        "a dispute that is heard of before its payment is forgotten",
        DISPUTE,
        'await problems.keep(desk.database, dispute_id, "dispute", "no payment that is booked has its charge")',
        "pass",
        (f"{DISPUTED}test_a_dispute_that_is_heard_of_early_is_not_lost",),
    ),
)
