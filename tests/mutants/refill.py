"""Faults by which an automatic refill would charge too much, twice, unasked, or never."""

from tests.mutants.mutant import Mutant

DECIDE = "ledger/refill/rules/decide.py"
OUTCOMES = "ledger/refill/rules/outcomes.py"
PART = "ledger/refill/part.py"
LOOK = "ledger/refill/charge/look.py"
CARD = "ledger/refill/charge/card.py"
STEPS = "ledger/refill/charge/steps.py"
ATTEMPTS = "ledger/refill/attempts.py"
STORE = "ledger/refill/store.py"
CHANGES = "ledger/refill/changes.py"
SERVICE = "ledger/refill/service.py"
UNKNOWN = "ledger/refill/charge/unknown.py"

RULES = "tests/refill/test_decide.py::"
DECLINED = "tests/refill/test_outcomes.py::"
STORIES = "tests/refill/test_stories.py::"
SET = "tests/refill/test_settings.py::"
RACES = "tests/refill/test_races.py::"
BACK = "tests/refill/test_given_back.py::"
LOST = "tests/refill/test_unknown.py::"

MUTANTS = (
    # What is decided
    Mutant(
        "refill-at-the-threshold",
        "a card is charged though the wallet has what was asked for",
        DECIDE,
        "if standing.position_micro < terms.threshold_micro:",
        "if standing.position_micro <= terms.threshold_micro:",
        (f"{RULES}test_it_fires_strictly_below_the_threshold",),
    ),
    Mutant(
        "refill-while-one-is-under-way",
        "a second card payment begins beside the first",
        DECIDE,
        "if not standing.on or standing.under_way:",
        "if not standing.on:",
        (f"{RULES}test_nothing_is_told_where_nothing_would_begin",),
    ),
    Mutant(
        "refill-count-cap-off-by-one",
        "one charge more in a month than was agreed to",
        DECIDE,
        "if standing.made + 1 > terms.maximum_per_month:",
        "if standing.made > terms.maximum_per_month:",
        (f"{RULES}test_the_first_guard_is_told",),
    ),
    Mutant(
        "refill-money-cap-before-the-charge",
        "the last charge of a month goes beyond the cap",
        DECIDE,
        "if standing.spent + amount > terms.monthly_spend_cap:",
        "if standing.spent > terms.monthly_spend_cap:",
        (f"{RULES}test_the_first_guard_is_told",),
    ),
    Mutant(
        "refill-up-to-beyond-what-was-shown",
        "a debt is charged that nobody agreed to",
        DECIDE,
        "amount = min(terms.amount, max(terms.least,",
        "amount = max(terms.amount, max(terms.least,",
        (f"{RULES}test_prices",),
    ),
    Mutant(
        "refill-card-that-is-dead-is-tried",
        "a stolen card is charged again and again",
        OUTCOMES,
        'return "hard" if advice_code in HARD_ADVICE else "soft"',
        'return "soft"',
        (f"{DECLINED}test_declines",),
    ),
    Mutant(
        "refill-tried-for-ever",
        "a declined card is charged every hour",
        OUTCOMES,
        "return PAUSES[tries - 1] if tries <= len(PAUSES) else None",
        "return PAUSES[min(tries, len(PAUSES)) - 1]",
        (f"{DECLINED}test_two_more_tries_an_hour_and_a_day_later",),
    ),
    # What is written with the posting
    Mutant(
        "refill-without-a-cooldown",
        "six charges within ten minutes",
        PART,
        "rests_until = self._now + kept.terms.cooldown",
        "rests_until = self._now",
        (f"{STORIES}test_the_next_one_waits_for_the_cooldown_and_the_caps",),
    ),
    Mutant(
        "refill-does-not-count",
        "the caps are never reached",
        PART,
        "self._count(_counting(kept, month, begun=fire.amount))",
        "pass",
        (f"{STORIES}test_the_next_one_waits_for_the_cooldown_and_the_caps",),
    ),
    Mutant(
        "refill-goes-on-in-a-dispute",
        "a card is charged whose owner disputes the last charge",
        PART,
        'if transaction.kind == "dispute":',
        'if transaction.kind == "disputed":',
        (f"{STORIES}test_a_dispute_pauses_and_a_person_resumes",),
    ),
    Mutant(
        "refill-charges-what-was-refunded",
        "who is given the money of a refill back is charged again",
        PART,
        'return "refunded" if of_refill or left_micro < kept.terms.threshold_micro else None',
        "return None",
        (f"{BACK}test_a_refund_of_a_refill_is_not_followed_by_another_charge",),
    ),
    Mutant(
        "refill-charges-for-a-refunded-purchase",
        "who gives bought credits back is charged for others at once",
        PART,
        'return "refunded" if of_refill or left_micro < kept.terms.threshold_micro else None',
        'return "refunded" if of_refill else None',
        (f"{BACK}test_a_purchase_that_is_refunded_is_not_made_good_by_a_charge",),
    ),
    Mutant(
        "refill-in-a-wallet-that-was-closed",
        "a card is charged after its owner closed the wallet",
        PART,
        'if transaction.kind == "purchase" and kept.closed:',
        "if False:",
        (f"{BACK}test_late_money_that_opens_a_closed_wallet_is_no_consent",),
    ),
    Mutant(
        "refill-unknown-and-again",
        "whether the card was charged is not known, and it is charged again",
        UNKNOWN,
        "attempts.suspending(attempt, REASON, on=on),",
        "attempts.suspending(attempt, REASON, on=False),",
        (f"{LOST}test_a_payment_that_nobody_knows_is_handed_to_a_person",),
    ),
    Mutant(
        "refill-unknown-at-once",
        "a key that is wrong for a minute ends refills for good",
        UNKNOWN,
        "if now - since >= LIMIT:",
        "if True:",
        (f"{LOST}test_a_payment_that_nobody_knows_is_handed_to_a_person",),
    ),
    Mutant(
        "refill-unknown-counts-twice",
        "money that is heard of late takes two places in the caps",
        PART,
        "FROM refill_attempts JOIN n USING (wallet_id, attempt) WHERE state = 'unknown'",
        "FROM refill_attempts JOIN n USING (wallet_id, attempt) WHERE state = 'none'",
        (f"{LOST}test_money_that_is_heard_of_afterwards_is_credited_and_counts_once",),
    ),
    Mutant(
        "refill-paid-and-not-ended",
        "one refill in a wallet's life",
        PART,
        "under_way=None if not late else state.under_way,",
        "",
        (f"{STORIES}test_the_next_one_waits_for_the_cooldown_and_the_caps",),
    ),
    # The last look
    Mutant(
        "refill-charged-though-switched-off",
        "who switched it off a moment before is charged",
        LOOK,
        "if not state.enabled:",
        "if False:",
        (f"{STORIES}test_switched_off_it_charges_nothing",),
    ),
    Mutant(
        "refill-charged-by-old-settings",
        "an amount is charged that is not agreed to any more",
        LOOK,
        "if attempt.consent != kept.consent:",
        "if False:",
        (f"{RACES}test_the_last_look_and_what_changes_meanwhile_are_one_after_the_other",),
    ),
    Mutant(
        "refill-not-needed-and-charged",
        "a wallet that was topped up meanwhile is charged",
        LOOK,
        'return "cancel", "not_needed", None',
        "return None",
        (f"{STORIES}test_what_is_not_needed_any_more_is_not_charged",),
    ),
    Mutant(
        "refill-of-last-month",
        "a charge counts in a month in which it was not made",
        LOOK,
        "    if month == attempt.month:\n        return attempt",
        "    if month:\n        return attempt",
        (f"{RACES}test_what_began_last_month_counts_in_the_month_in_which_it_is_charged",),
    ),
    Mutant(
        "refill-dead-card-is-charged",
        "a card that never works is tried for every wallet",
        LOOK,
        "if await cards.rests(connection, method.fingerprint):",
        "if False:",
        (f"{SET}test_switching_it_on_again_gives_the_card_another_chance",),
    ),
    # Asking Stripe
    Mutant(
        "refill-charged-late",
        "a worker that stood still charges what somebody else has ended",
        CARD,
        "    if time.monotonic() > until:",
        "    if False:",
        (f"{RACES}test_a_last_look_of_long_ago_is_not_good_any_more",),
    ),
    Mutant(
        "refill-intent-kept-by-whoever",
        "an intent is charged of an attempt that was canceled meanwhile",
        ATTEMPTS,
        'return kept if (kept.state, kept.tries) == ("charging", found.tries) else None',
        "return kept",
        (f"{RACES}test_who_was_away_makes_no_charge_for_what_was_canceled_meanwhile",),
    ),
    Mutant(
        "refill-link-beside-the-intent",
        "a person pays by the link, and the card is charged as well",
        CARD,
        "        await desk.stripe.call(lambda client: client.v1.payment_intents.cancel(name))",
        "        pass",
        (f"{STORIES}test_a_card_whose_holder_must_be_there_becomes_a_link",),
    ),
    Mutant(
        "refill-authentication-is-a-failure",
        "cards of a whole country pause auto-refill",
        STEPS,
        'await _hand_over(desk, attempt, reason, declined, known, counts=means != "action")',
        "await _hand_over(desk, attempt, reason, declined, known, counts=False)",
        (f"{STORIES}test_a_declined_card_is_tried_again_and_then_a_person_is_asked",),
    ),
    Mutant(
        "refill-tried-again-as-it-was-declined",
        "Stripe tells of a decline, and the card is tried again at once, three times within seconds",
        ATTEMPTS,
        "WHERE intent = %(intent)s AND state IN ('charging', 'processing') AND ended_at IS NULL",
        "WHERE intent = %(intent)s AND ended_at IS NULL",
        ("tests/refill/test_heard.py::test_a_decline_that_is_heard_of_is_no_reason_to_try_again",),
    ),
    # What people do
    Mutant(
        "refill-resumed-by-itself",
        "what was paused for failures goes on with the next posting",
        PART,
        "on = state.enabled and state.paused_for is None",
        "on = state.enabled",
        (f"{STORIES}test_a_dispute_pauses_and_a_person_resumes",),
    ),
    Mutant(
        "refill-off-and-still-on",
        "whoever switches it off is charged all the same",
        STORE,
        "UPDATE refills SET enabled = false,",
        "UPDATE refills SET enabled = enabled,",
        (f"{STORIES}test_switched_off_it_charges_nothing",),
    ),
    Mutant(
        "refill-change-over-a-change",
        "a cap that somebody lowers is raised by another one's change at the same time",
        STORE,
        "WHERE (r.consent, r.enabled) = (%(seen_consent)s::bigint, %(seen_enabled)s::boolean)",
        "WHERE r.consent > 0",
        (f"{SET}test_of_two_changes_at_once_none_is_undone_by_the_other",),
    ),
    Mutant(
        "refill-cap-that-was-named",
        "a cap that somebody named is raised, as another setting changes",
        SERVICE,
        "if kept is not None and kept.cap_given:",
        "if False:",
        (f"{SET}test_a_cap_that_was_named_is_never_raised_by_another_change",),
    ),
    Mutant(
        "refill-consent-of-nobody",
        "nobody knows who agreed",
        CHANGES,
        "given_by = actor if isinstance(data.consent, UnsetType) else data.consent.given_by",
        "given_by = actor",
        (f"{SET}test_every_change_is_a_consent_with_what_was_shown",),
    ),
)
