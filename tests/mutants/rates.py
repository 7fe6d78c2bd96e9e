"""Faults in the rate card: what is charged."""

from tests.mutants.mutant import Mutant

PRICES = "tests/rates/test_properties.py::"
PAGES = "tests/rates/test_rules.py::"
CARDS = "tests/rates/test_card.py::"
FILES = "tests/rates/test_card_file.py::"
CHANGES = "tests/rates/test_changes.py::"
STORED = "tests/rates/test_store.py::"
RULES = "ledger/rates/rules.py"
CARD = "ledger/rates/card.py"
CHECKS = "ledger/rates/checks.py"

MUTANTS = (
    # What an event costs
    Mutant(
        "carry-dropped",
        "what is less than a micro-credit is never charged, however often it is used",
        RULES,
        "before.carry + cost * terms.factor",
        "cost * terms.factor",
        (f"{PRICES}test_all_charges_are_the_whole_part_of_all_costs",),
    ),
    Mutant(
        "free-tier-not-counted",
        "each event has the month's free tier anew",
        RULES,
        "before.free + free, billed",
        "free, billed",
        (f"{PRICES}test_the_free_tier_is_free_once_a_month",),
    ),
    Mutant(
        "free-tier-of-one-more",
        "an event has more free than it used, and the rest is billed below zero",
        RULES,
        "left < quantity else quantity",
        "left <= quantity + 1 else quantity",
        (f"{PAGES}test_a_month_costs_what_the_page_says",),
    ),
    Mutant(
        "flat-amount-each-time",
        "a tier's flat amount is charged with every event in it",
        RULES,
        "tier.flat_pico and not before.flats & bit",
        "tier.flat_pico",
        (f"{PAGES}test_a_month_costs_what_the_page_says",),
    ),
    Mutant(
        "volume-tier-one-early",
        "a total that just fills a tier is priced at the next",
        RULES,
        "billed <= tier.up_to:",
        "billed < tier.up_to:",
        (f"{PAGES}test_a_month_costs_what_the_page_says",),
    ),
    Mutant(
        "package-for-what-is-paid",
        "after another model packages are charged for units that were paid one by one",
        RULES,
        "max(before.covered, before.billed)",
        "before.covered",
        (f"{PAGES}test_packages_begin_anew_where_another_model_ends",),
    ),
    Mutant(
        "month-of-another-zone",
        "an event given with an offset counts in the wrong month",
        RULES,
        "occurred_at.astimezone(zone).date()",
        "occurred_at.date()",
        (f"{PAGES}test_a_month_begins_at_midnight_of_its_zone",),
    ),
    # Voids
    Mutant(
        "void-keeps-the-free-part",
        "a voided event has used up the free tier",
        RULES,
        "counters.free - taken.free",
        "counters.free",
        (f"{PAGES}test_a_void_gives_the_free_part_back",),
    ),
    Mutant(
        "void-keeps-the-package",
        "after a void a package is used that nobody paid",
        RULES,
        "counters.covered - taken.covered",
        "counters.covered",
        (f"{PAGES}test_a_voided_package_is_not_given_away",),
    ),
    Mutant(
        "void-keeps-the-flat-amount",
        "after a void a tier is entered without its flat amount",
        RULES,
        "counters.flats & ~taken.flats",
        "counters.flats",
        (f"{PAGES}test_a_flat_amount_is_paid_again_only_if_it_was_given_back",),
    ),
    # Which price
    Mutant(
        "price-ends-late",
        "at its last instant an old price is still found",
        CARD,
        "occurred_at < terms.valid_to",
        "occurred_at <= terms.valid_to",
        (f"{CARDS}test_a_price_is_valid_from_its_first_instant_until_before_its_last",),
    ),
    Mutant(
        "specific-price-last",
        "a price for one dimension is found before one for two",
        CARD,
        "-len(each[0])",
        "len(each[0])",
        (f"{CARDS}test_the_most_specific_price_wins",),
    ),
    Mutant(
        "tie-broken-by-a-tie",
        "two prices apply to one event, and which one depends on their order",
        CHECKS,
        "len(each[0]) > len(one[0]) and",
        "len(each[0]) >= len(one[0]) and",
        (f"{CARDS}test_a_bad_price_is_refused",),
    ),
    Mutant(
        "key-twice-in-a-file",
        "the last of two prices under one key is taken in silence",
        "ledger/rates/card_file.py",
        "if name in members:",
        "if False:",
        (f"{FILES}test_a_bad_file_is_refused_and_says_where",),
    ),
    # Changes of the card
    Mutant(
        "card-not-locked",
        "of two who change the card at once one does not see the other, and is lost or refused",
        "ledger/rates/store.py",
        ".with_for_update()",
        "",
        (f"{STORED}test_two_writers_at_once",),
    ),
    Mutant(
        "price-changed-afterwards",
        "a new version begins in the past, and what is late costs something else than what was in time",
        "ledger/rates/changes.py",
        "if price.valid_from < now and",
        "if False and",
        (f"{CHANGES}test_what_occurred_keeps_its_price", f"{STORED}test_a_new_price_leaves_what_occurred_before"),
    ),
    Mutant(
        "old-card-kept",
        "a process goes on with the card that it read first",
        "ledger/rates/service.py",
        "if found.version > self._current.version:",
        "if self._current.version == 0:",
        (f"{STORED}test_a_process_with_an_old_card_notices",),
    ),
    Mutant(
        "joined-read-is-enough",
        "a read that began before the newest version was there is taken for one that has it",
        "ledger/rates/service.py",
        "for _ in range(2):",
        "for _ in range(1):",
        (f"{STORED}test_a_read_that_began_before_is_not_enough",),
    ),
)
