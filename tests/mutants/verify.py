"""Faults in verify: each check that is skipped must be missed by a test of its own."""

from tests.mutants.mutant import Mutant

BOOK = "ledger/book/verify/book.py"
EVENTS = "ledger/book/verify/events.py"
LOG = "tests/book/test_verify_events.py::"
CHECK = "ledger/book/verify/check.py"
QUICK = "ledger/book/verify/quick.py"
KINDS = "tests/book/test_verify_kinds.py::test_tampering_is_found"
STORY = "tests/book/test_verify.py::test_tampering_is_found"
SHORT = "tests/book/test_verify_short.py::test_the_short_way"
FAULTS = f"{SHORT}_leaves_faults_to_the_long_way"

SKIPPED = {
    "chain": (BOOK, "if computed != stored_hash:", f"{STORY}[changed account]"),
    "recorded-at": (BOOK, "if recorded < self.recorded:", f"{STORY}[recorded before its time]"),
    "effective-at": (BOOK, "if effective > recorded:", f"{KINDS}[counts after it was recorded]"),
    "balances-after": (BOOK, "if stored != found:", f"{STORY}[balances after a transaction]"),
    "debt-first": (BOOK, "if self.wallet:", f"{KINDS}[debt beside credits]"),
    "overdraft": (
        BOOK,
        'if owed > limit_after and owed > owed_before and kind in ("usage", "capture"):',
        f"{KINDS}[overdraft beyond its limit]",
    ),
    "line-number": (BOOK, "if line != expected_line:", f"{STORY}[inserted posting]"),
    "accounts": (BOOK, "if not known or amount <= 0:", f"{STORY}[account beside the chart]"),
    "shape": (
        BOOK,
        "if shapes is not None and shape not in shapes:",
        f"{KINDS}[usage that went elsewhere]",
    ),
    "negative": (BOOK, "if wallet < 0 or held < 0 or disputed < 0 or owed < 0:", f"{KINDS}[more than there was]"),
    "lot-after": (BOOK, "if remaining != lot_after:", f"{STORY}[changed amount]"),
    "balance-after": (BOOK, "if wallet + held - owed != balance_after:", f"{STORY}[balance after a line]"),
    "empty": (BOOK, "if not expected_line and kind not in EMPTY_KINDS:", f"{KINDS}[transaction without postings]"),
    "lot-number": (BOOK, "if name != len(self.lots) + 1:", f"{KINDS}[lot out of order]"),
    "stored-terms-of-a-lot": (
        BOOK,
        "if stored != given:",
        "tests/book/test_corners.py::test_verify_sees_a_lot_whose_terms_were_changed[priority = 1]",
    ),
    "stored-terms-of-a-hold": (BOOK, 'if found["hold"] != placed:', f"{STORY}[service of a hold]"),
    "state-of-a-hold": (BOOK, "if expected != found:", f"{STORY}[state of a hold]"),
    "stored-lot": (
        BOOK,
        "elif (row.amount, row.remaining, row.pinned) != expected:",
        f"{STORY}[remaining of a lot]",
    ),
    "due": (
        BOOK,
        "if first is not None and (self.head.due_at is None or self.head.due_at > first):",
        f"{STORY}[due time of the wallet]",
    ),
    "terms-of-a-lot": (BOOK, "if name not in self.made:", f"{KINDS}[lot that nobody made]"),
    "lot-joined": (BOOK, "if lot.row is not None and lot.row.cost:", f"{KINDS}[paid lot that grew]"),
    "expiry": (
        BOOK,
        'and (expires_at <= effective) != (shape[1] == "expired")',
        f"{KINDS}[lot that had expired]",
    ),
    "lot-range": (
        BOOK,
        "if not 0 <= pinned <= remaining <= lot.amount:",
        f"{KINDS}[more than was in the lot]",
    ),
    "cost-share": (BOOK, "if money != expected:", f"{STORY}[cost of a lot]"),
    "reversal-limit": (
        BOOK,
        "if not (0 <= undone[place] <= limit or limit <= undone[place] <= 0):",
        f"{STORY}[reversal beyond the original]",
    ),
    "head": (BOOK, "if head.number != self.number:", f"{KINDS}[number of the wallet]"),
    "head-hash": (BOOK, "if bytes(head.head_hash) != self.hash:", f"{STORY}[head of the chain]"),
    "wallet-balance": (
        BOOK,
        "if own != (head.wallet, head.held, head.disputed, head.owed):",
        f"{STORY}[balance of the wallet]",
    ),
    "last-lot": (BOOK, "if head.last_lot != len(self.lots):", f"{KINDS}[last lot of the wallet]"),
    "slices": (BOOK, "if expected[place] != slices.get(place, 0):", f"{STORY}[slice of a hold]"),
    "lots-total": (
        BOOK,
        "if (free, pinned) != backed:",
        f"{KINDS}[line without its lot]",
    ),
    "notes": (CHECK, "if found != digest:", f"{STORY}[notes]"),
    "positions": (EVENTS, "if (placed, first, newest) != expected:", f"{LOG}test_a_gap_in_the_positions_is_found"),
    "all-events": (
        EVENTS,
        "if told != no_more + stored:",
        f"{LOG}test_a_lost_row_that_had_no_position_yet_is_found",
    ),
    "link-back": (
        CHECK,
        "elif other[:2] != (wallet_id, number):",
        "tests/book/test_verify_kinds.py::test_legs_that_are_linked_across_are_found",
    ),
    "amount-of-the-other-leg": (CHECK, "elif other[2] != expected:", f"{STORY}[amount of the other leg]"),
    "names-of-two-legs": (
        CHECK,
        "if leg[:2] != other[2:4] or leg[2:4] != other[:2]:",
        "tests/book/test_verify_kinds.py::test_legs_that_are_linked_across_are_found",
    ),
    "a-second-first-line": (
        QUICK,
        "if len(self.first) != expected:",
        "tests/book/test_verify_reading.py::test_no_row_stands_for_another",
    ),
    "a-second-note": (
        QUICK,
        "if len(noted) != expected:",
        "tests/book/test_verify_reading.py::test_no_row_stands_for_another",
    ),
    "other-leg": (CHECK, "if other is None:", f"{STORY}[one leg of a transfer]"),
}
"""The condition that is never true any more, and the tampering that nobody sees then."""

PASSED_OVER = {
    "kind": ('or kind != "usage"', f"{FAULTS}[kind]"),
    "number": ("or number != self.number + 1", f"{FAULTS}[number]"),
    "balances": (
        "or not (wallet_after == balance_after - held_after == self.wallet - amount)",
        f"{FAULTS}[balance after it]",
    ),
    "negative": ("or wallet_after < 0", f"{FAULTS}[more than is free]"),
    "amount": ("or amount < 1", f"{FAULTS}[nothing]"),
    "lot": ("or not (lot.pinned <= lot_after == lot.remaining - amount)", f"{FAULTS}[lot after it]"),
    "held": ("or held_after != self.held", f"{FAULTS}[held]"),
    "disputed": ("or disputed_after != self.disputed", f"{FAULTS}[disputed]"),
    "owed": ("or not (0 == owed_after == self.owed)", f"{FAULTS}[owed]"),
    "times": ("or not (effective <= recorded >= self.recorded)", f"{FAULTS}[time runs back]"),
    "line": ("or line != 1", f"{FAULTS}[line]"),
    "links": (
        "or not (None is reverses is link_wallet_id is link_number is terms is of_hold)",
        "tests/book/test_verify_short.py::test_the_short_way_passes_over_no_column",
    ),
    "expiry": ("or (lot.expires_at is not None and lot.expires_at <= effective)", f"{FAULTS}[expired lot]"),
    "accounts": ("or not effect_of(debit, credit, asset).plain_use", f"{FAULTS}[account]"),
    "chain": (
        "if hashed.digest() != stored_hash:",
        "tests/book/test_verify_short.py::test_a_hash_that_does_not_follow_is_left_to_the_long_way",
    ),
}
"""Conditions of the short way that are never true any more, and what it then takes for a plain use."""


def _never(condition: str) -> str:
    """``if … :`` with a condition that is false; a part of a longer one likewise."""
    word = condition.partition(" ")[0]
    return f"{word} False" if word in ("and", "or") else f"{word} False and ({condition[len(word) + 1 : -1]}):"


MUTANTS = tuple(
    Mutant(
        f"verify-skips-{name}",
        "a book that is wrong in just this is called right",
        file,
        condition,
        _never(condition),
        (test,),
    )
    for name, (file, condition, test) in (
        *SKIPPED.items(),
        *((f"shortly-{name}", (BOOK, *passed)) for name, passed in PASSED_OVER.items()),
    )
) + (
    Mutant(
        "verify-forgets-what-was-reversed",
        "a use that is reversed later has no original, and sound books are called wrong",
        BOOK,
        "self.originals[number] = (kind, {(credit, asset): amount})",
        "pass",
        ("tests/book/test_verify_short.py::test_both_ways_come_to_the_same",),
    ),
    Mutant(
        "verify-skips-the-last-event",
        "the newest event of a book is lost, and nobody knows",
        EVENTS,
        "if newest != last or count",
        "if count",
        (f"{LOG}test_a_last_row_that_was_lost_is_found",),
    ),
    Mutant(
        "verify-skips-events-in-between",
        "an event of a book is lost, and nobody knows",
        EVENTS,
        "if newest != last or count != newest - first + 1 or",
        "if newest != last or",
        (f"{LOG}test_a_row_in_the_middle_that_was_lost_is_found",),
    ),
    Mutant(
        "verify-skips-the-first-event",
        "the oldest event of a book is lost, and passes for one that was deleted in time",
        EVENTS,
        "or (first > 1 and not some_gone):",
        "or False:",
        (f"{LOG}test_a_first_row_that_was_lost_is_found",),
    ),
    Mutant(
        "verify-takes-no-event-for-gone",
        "every night sound books are called wrong, since old events were deleted",
        EVENTS,
        "or (first > 1 and not some_gone):",
        "or first > 1:",
        (f"{LOG}test_a_prefix_that_is_gone_is_fine",),
    ),
    Mutant(
        "verify-misses-old-anchors-events",
        "every night sound anchors are called wrong, since old events were deleted",
        "ledger/book/verify/anchors.py",
        "if anchor.number >= told_from:",
        "if anchor.number >= 1:",
        (f"{LOG}test_the_event_of_an_anchor_may_be_gone_and_may_not_be_lost",),
    ),
    Mutant(
        "verify-takes-legs-of-any-amount",
        "two legs that name each other are never asked whether they cancel",
        CHECK,
        "return given == {asset: amount for asset, amount in other[4].items() if amount}",
        "return True",
        (f"{STORY}[amount of the other leg]",),
    ),
    Mutant(
        "verify-takes-another-lot",
        "the lot of the use before is taken for the lot of this one",
        BOOK,
        "if name == self.lot_name else",
        "if self.lot is not None else",
        ("tests/book/test_verify_short.py::test_each_use_is_of_its_own_lot",),
    ),
    Mutant(
        "verify-skips-unique-keys",
        "a key or a job that was posted twice is called right, where the index was gone",
        CHECK,
        "HAVING count(*) > 1",
        "HAVING count(*) > 2",
        (f"{STORY}[key used twice]", f"{KINDS}[event charged twice]"),
    ),
    Mutant(
        "verify-skips-stray-postings",
        "a line that belongs to no transaction is never looked at",
        CHECK,
        'self.say(row[0], "stray_posting"',
        'False and self.say(row[0], "stray_posting"',
        (f"{STORY}[posting without a transaction]",),
    ),
)
