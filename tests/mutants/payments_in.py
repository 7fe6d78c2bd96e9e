"""Faults on the way of money that comes in: links, Stripe's events, and credits for what was paid."""

from tests.mutants.mutant import Mutant

FULFIL = "ledger/payments/fulfil.py"
LINKS = "ledger/payments/links/service.py"
ROWS = "ledger/payments/rows.py"
GATEWAY = "ledger/payments/gateway.py"
API = "ledger/payments/inbox/api.py"
EFFECTS = "ledger/payments/inbox/effects.py"
POLL = "ledger/payments/inbox/poll.py"
SIGNATURE = "ledger/payments/inbox/signature.py"
STORE = "ledger/payments/inbox/store.py"
WORK = "ledger/payments/inbox/work.py"

LINK = "tests/payments/test_links.py::"
ONCE = "tests/payments/test_paid_once.py::"
HOOKS = "tests/payments/inbox/test_webhooks.py::"
REFUSED = f"{HOOKS}test_what_is_refused_is_not_stored"
POLLED = "tests/payments/inbox/test_poll.py::"
WORKED = "tests/payments/inbox/test_work.py::"
REFUNDS = "tests/payments/refunds/test_refunds.py::"
TROUBLE = "tests/payments/refunds/test_trouble.py::"

MUTANTS = (
    # Credits for what was paid
    Mutant(
        "pay-credits-before-money",
        "a bank debit gives its credits days before anybody knows whether it is paid",
        FULFIL,
        'elif session["payment_status"] == "paid":',
        'elif session["status"] == "complete":',
        (f"{LINK}test_a_slow_method_gives_its_credits_when_the_money_is_there",),
    ),
    Mutant(
        "pay-purchase-under-a-fresh-key",
        "webhook, poller and return page book the same purchase, each under its own key",
        FULFIL,
        "key = f\"{intent['id']}:purchase\"",
        "key = f\"{intent['id']}:purchase:{id(sale)}\"",
        (f"{LINK}test_a_link_is_paid_and_gives_credits_once",),
    ),
    Mutant(
        "pay-purchase-over-another",
        "a second purchase takes the place of the first in the payment's row, and the first can never be refunded",
        FULFIL,
        "AND payment = %(payment)s AND state <> 'paid'\"",
        'AND payment = %(payment)s"',
        (f"{ONCE}test_two_sessions_that_are_heard_of_at_once_are_two_payments",),
    ),
    Mutant(
        "pay-second-payment-lost",
        "who pays a link twice has paid the second time for nothing",
        FULFIL,
        'paid_otherwise = payment.state == "paid" and payment.payment_intent != _intent_id(session)',
        "paid_otherwise = False",
        (f"{ONCE}test_a_link_that_is_paid_twice_is_two_payments",),
    ),
    Mutant(
        "pay-refused-purchase-forgotten",
        "what the book refuses is taken for done, and its event never looked at again",
        FULFIL,
        "if isinstance(outcome, Refused):\n        raise RuntimeError(",
        "if isinstance(outcome, Refused):\n        return\n        raise RuntimeError(",
        (f"{ONCE}test_two_sessions_that_are_heard_of_at_once_are_two_payments",),
    ),
    Mutant(
        "pay-another-amount-taken",
        "whatever was paid gives the credits of the whole amount",
        FULFIL,
        "if sale.currency.upper() != payment.currency or total - tax != payment.amount:",
        "if sale.currency.upper() != payment.currency:",
        (f"{ONCE}test_money_that_is_not_what_was_asked_for_gives_no_credits[amount = amount + 1]",),
    ),
    Mutant(
        "pay-another-currency-taken",
        "5,000 yen give the credits of 50 dollars",
        FULFIL,
        "if sale.currency.upper() != payment.currency or total - tax",
        "if total - tax",
        (f"{ONCE}test_money_that_is_not_what_was_asked_for_gives_no_credits[currency = 'EUR']",),
    ),
    Mutant(
        "pay-tax-not-booked",
        "the book has less at Stripe than there is, and owes the state nothing",
        FULFIL,
        "    if tax:\n",
        "    if False:\n",
        (f"{REFUNDS}test_by_credits_and_then_all_that_is_left",),
    ),
    Mutant(
        "pay-tax-is-revenue",
        "credits cost their tax, too: it is earned as they are used",
        FULFIL,
        "cost=payment.amount,",
        "cost=payment.amount + tax,",
        (f"{REFUNDS}test_by_credits_and_then_all_that_is_left",),
    ),
    Mutant(
        "pay-unheard-session-forgotten",
        "a session whose answer was lost is paid, and belongs to nobody",
        FULFIL,
        "if payment is None and named is not None:",
        "if False:",
        (f"{LINK}test_a_session_whose_answer_was_lost_is_the_one_that_is_given",),
    ),
    Mutant(
        "pay-for-something-else",
        "who pays for a shirt on another link of the account has credits for it, too",
        FULFIL,
        'named = (session["metadata"] or {}).get(PAYMENT_ID)',
        'named = session["client_reference_id"]',
        (f"{ONCE}test_what_is_paid_for_something_else_is_no_payment_of_ours",),
    ),
    Mutant(
        "pay-reusable-link-once",
        "of all who pay a reusable link the first gets credits",
        FULFIL,
        'if payment.origin == "reusable" or paid_otherwise:',
        "if paid_otherwise:",
        (f"{LINK}test_a_reusable_link_is_paid_by_any_number",),
    ),
    Mutant(
        "pay-one-session-two-payments",
        "each time that a reusable link's payment is heard of, there is one payment more",
        ROWS,
        "if (await connection.execute(taken)).first() is None:",
        "if (await connection.execute(taken)).first() is None and False:",
        (f"{LINK}test_a_reusable_link_is_paid_by_any_number",),
    ),
    # Links
    Mutant(
        "pay-old-session-left-open",
        "a link is issued anew, and both its sessions can be paid",
        LINKS,
        "return payment\n        payment = await _withdraw(desk, payment)",
        "return payment",
        (f"{LINK}test_a_session_that_expired_is_issued_anew",),
    ),
    Mutant(
        "pay-canceled-session-left-open",
        "a link that was canceled is paid",
        LINKS,
        "if payment.object is not None:\n            payment = await _withdraw(desk, payment)\n        else:",
        "if True:",
        (f"{LINK}test_a_canceled_link_cannot_be_paid",),
    ),
    Mutant(
        "pay-canceled-and-issued",
        "a link that is issued in the moment in which it is canceled is paid",
        LINKS,
        'while payment.state != "canceled":',
        'if payment.state != "canceled":',
        (f"{LINK}test_a_link_that_is_issued_in_the_moment_in_which_it_is_canceled_cannot_be_paid",),
    ),
    Mutant(
        "pay-session-that-may-not-be-expired",
        "a link is issued anew beside a session that can still be paid",
        LINKS,
        "if refused.of_key:",
        "if False:",
        (f"{LINK}test_a_session_that_may_not_be_expired_is_not_followed_by_another",),
    ),
    Mutant(
        "pay-paid-meanwhile-not-seen",
        "a session that cannot be expired, as it is paid, is thrown away",
        LINKS,
        "await settle_session(desk, name)",
        "pass",
        (f"{LINK}test_a_session_that_was_paid_meanwhile_is_not_issued_anew",),
    ),
    Mutant(
        "pay-session-under-a-fresh-key",
        "asked again, as no answer came, Stripe makes a second session of the same link",
        LINKS,
        'key = f"cs:{payment_public(payment)}:{payment.attempt}"',
        'key = f"cs:{payment_public(payment)}:{secrets.token_hex(4)}"',
        (f"{LINK}test_a_session_whose_answer_was_lost_is_the_one_that_is_given",),
    ),
    Mutant(
        "pay-asked-for-twice-as-much",
        "the customer is shown one amount and asked for another",
        LINKS,
        '"quantity": 1,',
        '"quantity": 2,',
        (f"{LINK}test_a_link_is_paid_and_gives_credits_once",),
    ),
    # Webhooks
    Mutant(
        "pay-forged-event-taken",
        "anybody tells us what Stripe has been paid",
        SIGNATURE,
        "if not any(hmac.compare_digest(one, other) for one in made for other in signatures):",
        "if not signatures:",
        (f"{REFUSED}[forged]", f"{REFUSED}[other bytes]", f"{REFUSED}[another secret]"),
    ),
    Mutant(
        "pay-time-not-signed",
        "an event that was overheard is sent again with a time of today",
        SIGNATURE,
        'hmac.new(secret.encode(), at + b"." + body, hashlib.sha256)',
        'hmac.new(secret.encode(), b"." + body, hashlib.sha256)',
        (f"{HOOKS}test_the_sdk_signs_the_same", f"{HOOKS}test_an_event_is_stored_as_it_came"),
    ),
    Mutant(
        "pay-old-event-replayed",
        "an event that was overheard is sent again for ever",
        SIGNATURE,
        "if abs(now_s - int(at)) > TOLERANCE_S:",
        "if int(at) - now_s > TOLERANCE_S:",
        (f"{REFUSED}[replayed]",),
    ),
    Mutant(
        "pay-event-of-tomorrow",
        "an event can be kept and sent when it suits",
        SIGNATURE,
        "if abs(now_s - int(at)) > TOLERANCE_S:",
        "if now_s - int(at) > TOLERANCE_S:",
        (f"{REFUSED}[from the future]",),
    ),
    Mutant(
        "pay-empty-secret",
        "a comma too many in the settings, and anybody can sign",
        SIGNATURE,
        "for secret in secrets if secret]",
        "for secret in secrets]",
        (f"{HOOKS}test_a_comma_too_many_is_no_secret",),
    ),
    Mutant(
        "pay-no-secret",
        "where none is set the endpoint is there all the same",
        API,
        "if request.services.stripe is None or not any(secrets):",
        "if request.services.stripe is None:",
        (f"{HOOKS}test_where_nothing_is_set_there_is_nothing",),
    ),
    Mutant(
        "pay-event-of-the-other-mode",
        "money of Stripe's test mode is taken for real",
        API,
        "if told.livemode != live:",
        "if False:",
        (f"{REFUSED}[of live mode]", f"{HOOKS}test_a_live_key_takes_live_events"),
    ),
    Mutant(
        "pay-live-key-not-known",
        "a live key takes events of test mode, and none of its own",
        GATEWAY,
        'self.live = key.startswith(("sk_live_", "rk_live_"))',
        "self.live = False",
        (f"{HOOKS}test_a_live_key_takes_live_events",),
    ),
    Mutant(
        "pay-event-of-another-account",
        "what happens in somebody else's account is looked for in ours",
        EFFECTS,
        "if told.account is not None:",
        "if False:",
        (f"{HOOKS}test_what_nobody_is_interested_in_is_kept[charge.updated-thing1-acct_of_somebody-ignored]",),
    ),
    Mutant(
        "pay-event-answered-and-not-stored",
        "Stripe is told that it is stored, and never sends it again",
        API,
        'await store.put(request.services.database, [letter], "webhook")',
        "str(letter)",
        (f"{HOOKS}test_an_event_is_stored_as_it_came",),
    ),
    # What is done about events
    Mutant(
        "pay-failed-event-done",
        "an event whose work failed is never tried again",
        WORK,
        "done = [event.event for event in piece if not failed[event.event]]",
        "done = [event.event for event in piece]",
        (f"{WORKED}test_one_that_fails_holds_up_no_other",),
    ),
    Mutant(
        "pay-half-an-event-done",
        "of two things that an event asks for, one failed, and it counts as done",
        WORK,
        "for job in each if (error := self._ended[job]) is not None]",
        "for job in each[:1] if (error := self._ended[job]) is not None]",
        (f"{WORKED}test_an_event_that_asks_for_two_things_is_done_when_both_are",),
    ),
    Mutant(
        "pay-claimed-for-ever",
        "what a process died with is never done by another",
        STORE,
        "tries = tries + 1, due_at = ledger_now() + make_interval(secs => %(lease)s)",
        "tries = tries + 1, due_at = ledger_now() + make_interval(secs => %(lease)s + 1e9)",
        (f"{WORKED}test_what_somebody_died_with_is_done_when_the_lease_ends",),
    ),
    Mutant(
        "pay-claimed-without-a-lease",
        "several work on the same event",
        STORE,
        "tries = tries + 1, due_at = ledger_now() + make_interval(secs => %(lease)s)",
        "tries = tries + 1, due_at = due_at + 0 * make_interval(secs => %(lease)s)",
        (f"{WORKED}test_what_somebody_died_with_is_done_when_the_lease_ends",),
    ),
    Mutant(
        "pay-undone-event-forgotten",
        "what could not be done in three months is deleted",
        STORE,
        "WHERE state IN ('done', 'ignored')",
        "WHERE state IN ('done', 'ignored', 'failed')",
        (f"{WORKED}test_what_is_done_is_forgotten_after_ninety_days",),
    ),
    Mutant(
        "pay-fees-not-heard-of",
        "what Stripe keeps of a payment is never booked by its event",
        EFFECTS,
        '**_each("charge.updated", Effect(itself, book_charge)),',
        "",
        ("tests/payments/reconcile/test_by_events.py::test_what_stripe_keeps_is_booked_by_the_event_that_tells_of_it",),
    ),
    # The poller
    Mutant(
        "pay-poll-first-page",
        "of more than a hundred events that never came the others are lost",
        POLL,
        "if not page.has_more:",
        "if True:",
        (f"{POLLED}test_events_are_found_once",),
    ),
    Mutant(
        "pay-poll-without-overlap",
        "an event that Stripe lists a minute late is never found",
        POLL,
        "since = seen - OVERLAP",
        "since = seen",
        (f"{POLLED}test_nothing_is_asked_for_that_is_older_than_the_cursor",),
    ),
    Mutant(
        "pay-poll-does-again",
        "what was done is done again whenever it is listed",
        STORE,
        "ON CONFLICT (event) DO NOTHING",
        "ON CONFLICT (event) DO UPDATE SET state = excluded.state, due_at = excluded.due_at",
        (f"{POLLED}test_what_was_stored_stays_as_it_is",),
    ),
    Mutant(
        "pay-poll-moves-on-first",
        "an hour whose events could not be listed is passed over",
        POLL,
        "        piece = await _piece(",
        "        await _move(desk.database, now)\n        piece = await _piece(",
        (f"{POLLED}test_while_stripe_is_away_the_cursor_stays",),
    ),
    # Answers
    Mutant(
        "pay-overloaded-is-refused",
        "Stripe has no time, and a refund that it would pay is called off",
        GATEWAY,
        "status not in (408, 409, 424, 429)",
        "status not in (408, 409, 424)",
        (f"{TROUBLE}test_whatever_stripe_does_the_refund_lands_once[429 all the time]",),
    ),
    Mutant(
        "pay-call-in-a-transaction",
        "a wallet is locked for as long as somebody else's server likes",
        GATEWAY,
        'assert not in_transaction(), "a call to Stripe while a transaction is open"',
        "pass",
        ("tests/payments/methods/test_customers.py::test_no_call_is_made_while_a_transaction_is_open",),
    ),
)
