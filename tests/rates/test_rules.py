"""What events cost, by hand-computed pages: quantities go in, credits come out."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ledger.errors import InvalidQuantity
from ledger.kit.money import AMOUNT_MAX, MICRO, format_amount
from ledger.rates.card import Terms, make_card
from ledger.rates.line import ChargeLine, TierUsed, explain, read
from ledger.rates.numbers import FRACTION, QUANTITY_MAX, parse_quantity
from ledger.rates.prices import Model, Price
from ledger.rates.rules import Charge, Counters, amend, month_of, price, unprice
from ledger.rates.tally import Place, Tally
from tests.rates.cards import (
    LATER,
    card_with,
    graduated,
    meter_with,
    package,
    per_unit,
    price_with,
    terms_with,
    volume,
)

NOVEMBER = date(2026, 11, 1)
STEPS = [("10", "1", "0"), ("30", "0.5", "5"), (None, "0.1", "7")]
"""Up to 10 at 1; up to 30 at 0.5 and 5 on top; beyond at 0.1 and 7 on top."""


def charges(terms: Terms, *quantities: int) -> list[str]:
    """Credits of one event after the other."""
    counters, found = Counters(), []
    for quantity in quantities:
        charge = price(terms, quantity, counters)
        counters = charge.after
        found.append(format_amount(charge.micro))
    return found


PAGES: dict[str, tuple[Model, str | None, list[int], list[str]]] = {
    "each unit the same": (per_unit("0.25"), None, [1, 4, 10], ["0.25", "1", "2.5"]),
    "nothing": (per_unit("0"), None, [7], ["0"]),
    "free first": (per_unit("2"), "10", [4, 4, 4, 4], ["0", "0", "4", "8"]),
    "an event that is half free": (per_unit("2"), "10", [25], ["30"]),
    "all but one is free": (per_unit("2"), "5", [4, 2], ["0", "2"]),
    "a package is paid when it is started": (package("3", 10), None, [1, 8, 1, 1, 30], ["3", "0", "0", "3", "9"]),
    "several packages at once": (package("3", 10), None, [25, 5, 1], ["9", "0", "3"]),
    "packages begin after what is free": (package("3", 10), "5", [5, 10, 1], ["0", "3", "3"]),
    "tier by tier": (graduated(*STEPS), None, [10, 1, 19, 1], ["10", "5.5", "9.5", "7.1"]),
    "one event over all tiers": (graduated(*STEPS), None, [40], ["33"]),
    "a flat amount is paid once": (graduated(*STEPS), None, [11, 1, 1], ["15.5", "0.5", "0.5"]),
    "tiers begin after what is free": (graduated(*STEPS), "6", [6, 10, 1], ["0", "10", "5.5"]),
    "a first tier with a flat amount": (graduated((None, "0", "9")), "2", [2, 1, 1], ["0", "9", "0"]),
    "all at the tier of the total": (volume(*STEPS), None, [10, 1, 19, 1], ["10", "5.5", "9.5", "7.1"]),
    "the whole event at one tier": (volume(*STEPS), None, [40, 1], ["11", "0.1"]),
    "what was charged at a dearer tier stays": (volume(*STEPS), None, [9, 20], ["9", "15"]),
    "a tier that is skipped charges no flat amount": (volume(*STEPS), None, [5, 30], ["5", "10"]),
}
"""Model in credits, free tier, the quantities of a month, and what each is charged."""


@pytest.mark.parametrize("page", PAGES)
def test_a_month_costs_what_the_page_says(page: str) -> None:
    """Event by event."""
    model, free, quantities, expected = PAGES[page]
    assert expected == charges(terms_with(model, free=free), *quantities)


def test_money_becomes_credits_by_the_rate() -> None:
    """A minute at 0.01 USD is a tenth of a credit, and at another rate what that says."""
    dollars = terms_with(per_unit("0.01"), "USD")
    euros = make_card([meter_with()], [price_with(per_unit("0.01"), asset="EUR")], {"EUR": "10.9"})

    assert ["0.1", "12.3"] == charges(dollars, 1, 123)
    assert ["0.109"] == charges(euros.terms(meter_with(), {}, LATER), 1)


def test_a_third_of_a_micro_credit_is_not_lost() -> None:
    """Three events of a third: the third one pays for all, but for what twelve decimals cannot say."""
    terms = terms_with(per_unit("0.000000333333"))
    assert ["0", "0", "0", "0.000001"] == charges(terms, 1, 1, 1, 1)


def test_the_smallest_price_of_the_smallest_quantity_is_carried_exactly() -> None:
    """10^-9 of a unit at 10^-12, at a rate of 10^-9, is the smallest part that a carry counts."""
    card = make_card(
        [meter_with(decimals=9)], [price_with(per_unit("0.000000000001"), asset="VND")], {"VND": "0.000000001"}
    )
    terms = card.terms(meter_with(decimals=9), {}, LATER)
    assert Counters(carry=1, billed=1) == price(terms, 1, Counters()).after
    last = price(terms, 1, Counters(carry=FRACTION - 1, billed=1))
    assert (1, Counters(carry=0, billed=2)) == (last.micro, last.after)


def test_the_free_tier_is_shared_by_all_prices_of_the_meter() -> None:
    """And each month has its own."""
    sizes = {"size": ("small", "large")}
    card = card_with(
        price_with(per_unit("1"), dimensions={"size": "small"}),
        price_with(per_unit("2"), dimensions={"size": "large"}),
        dimensions=sizes,
        free="10",
    )
    meter = card.meter("job")
    small, large = (card.terms(meter, {"size": size}, LATER) for size in sizes["size"])
    tally = Tally()

    def charged(terms: Terms, month: date, quantity: int) -> int:
        return tally.charge(terms, month, quantity).micro // MICRO

    assert [0, 4, 3] == [charged(small, NOVEMBER, 8), charged(large, NOVEMBER, 4), charged(small, NOVEMBER, 3)]
    assert [0, 2] == [charged(large, date(2026, 10, 1), 10), charged(large, date(2026, 10, 1), 1)]


def test_a_free_tier_that_was_cut_below_what_is_used_takes_nothing_back() -> None:
    """Ten were free and used; now five are: the next event pays, no more than it costs."""
    assert ["2"] == [format_amount(price(terms_with(per_unit("1"), free="5"), 2, Counters(free=10)).micro)]


def test_counters_run_on_when_the_price_changes_within_a_month() -> None:
    """The new version's second tier begins where the month's quantity is past the first, flat amounts stay paid."""
    change = datetime(2026, 11, 15, tzinfo=UTC)
    card = card_with(
        price_with(graduated(("10", "1", "3"), (None, "0.5", "0"))),
        price_with(graduated(("10", "2", "4"), (None, "0.2", "0")), version=2, valid_from=change),
    )
    meter, tally, charged = card.meter("job"), Tally(), []
    for occurred_at, quantity in [
        (change - timedelta(days=2), 8),
        (change, 1),
        (change - timedelta(microseconds=1), 1),
        (change + timedelta(days=1), 10),
    ]:
        terms = card.terms(meter, {}, occurred_at)
        charge = tally.charge(terms, month_of(occurred_at), quantity)
        charged.append((read(explain(charge)).version, format_amount(charge.micro)))

    assert [(1, "11"), (2, "2"), (1, "1"), (2, "2")] == charged


def test_packages_begin_anew_where_another_model_ends() -> None:
    """Fifteen units were paid one by one: no package is charged for them; a started one is used up first."""
    units, tens, twenties = (terms_with(model) for model in (per_unit("1"), package("3", 10), package("5", 20)))
    counters, charged = Counters(), []
    for terms, quantity in [(units, 15), (tens, 1), (twenties, 9), (twenties, 1)]:
        charge = price(terms, quantity, counters)
        counters = charge.after
        charged.append(format_amount(charge.micro))

    assert ["15", "3", "0", "5"] == charged


def charge_each(terms: Terms, *quantities: int) -> list[Charge]:
    counters, found = Counters(), []
    for quantity in quantities:
        found.append(price(terms, quantity, counters))
        counters = found[-1].after
    return found


def test_a_void_gives_the_free_part_back() -> None:
    """The next event takes it."""
    terms = terms_with(per_unit("1"), free="10")
    first, second = charge_each(terms, 10, 5)

    after = unprice(first.taken, second.after)

    assert (0, 5) == (first.micro, second.micro // MICRO)
    assert ["0", "2"] == [format_amount(price(terms, quantity, after).micro) for quantity in (10, 12)]


def test_a_void_does_not_price_later_events_again() -> None:
    """The ten at 1 go back; the ten at 0.5 keep their tier, and the next event begins where ten are counted."""
    terms = terms_with(graduated(("10", "1", "0"), (None, "0.5", "0")))
    first, second = charge_each(terms, 10, 10)

    after = unprice(first.taken, second.after)

    assert (10, 5) == (first.micro // MICRO, second.micro // MICRO)
    assert 500_000 == price(terms, 1, after).micro


@pytest.mark.parametrize("model", [graduated(*STEPS), volume(*STEPS)], ids=["graduated", "volume"])
def test_a_flat_amount_is_paid_again_only_if_it_was_given_back(model: Model) -> None:
    """By a void of the event that had entered the tier, not by one of another."""
    terms = terms_with(model)
    first, entering, last = charge_each(terms, 9, 2, 1)

    other_gone = unprice(first.taken, last.after)
    entering_gone = unprice(entering.taken, last.after)

    assert 0 == price(terms, 8, other_gone).parts[-1].flat_pico
    assert 5 * 10**12 == price(terms, 2, entering_gone).parts[-1].flat_pico


def test_a_voided_package_is_not_given_away() -> None:
    """Its event had started it; the second event used it; after the void the third starts one."""
    terms = terms_with(package("3", 10))
    first, second = charge_each(terms, 1, 1)

    third = price(terms, 1, unprice(first.taken, second.after))

    assert [3, 0, 3] == [charge.micro // MICRO for charge in (first, second, third)]


def test_nothing_can_be_voided_twice() -> None:
    """Counters would fall below zero, or a flat amount be missing."""
    charge = price(terms_with(graduated((None, "1", "1"))), 5, Counters())
    gone = unprice(charge.taken, charge.after)

    with pytest.raises(AssertionError, match="more is given back"):
        unprice(charge.taken, gone)
    with pytest.raises(AssertionError, match="given back twice"):
        unprice(charge.taken, msgspec.structs.replace(gone, billed=5))


def test_an_amended_event_costs_what_its_new_quantity_costs() -> None:
    """Twelve become nine: six and a half go back."""
    terms = terms_with(graduated(*STEPS))
    charge = price(terms, 12, Counters())

    amended = amend(terms, charge.taken, 9, charge.after)

    assert (16_000_000, 9_000_000) == (charge.micro, amended.micro)
    assert Counters(billed=9) == amended.after


@pytest.mark.parametrize(
    ("occurred_at", "zone", "expected"),
    [
        ("2026-11-30T23:59:59.999999+00:00", "UTC", date(2026, 11, 1)),
        ("2026-12-01T00:00:00+00:00", "UTC", date(2026, 12, 1)),
        ("2026-12-01T00:30:00+01:00", "UTC", date(2026, 11, 1)),
        ("2026-12-01T00:30:00+00:00", "America/New_York", date(2026, 11, 1)),
        ("2026-11-30T23:30:00+00:00", "Asia/Tokyo", date(2026, 12, 1)),
    ],
)
def test_a_month_begins_at_midnight_of_its_zone(occurred_at: str, zone: str, expected: date) -> None:
    """UTC unless another is named."""
    assert expected == month_of(datetime.fromisoformat(occurred_at), ZoneInfo(zone))


def test_a_tally_says_what_is_to_be_written() -> None:
    """The places that events touched, by month and selector; a refused event touches nothing."""
    terms = terms_with(per_unit("1"), free="5")
    tally = Tally()
    with pytest.raises(InvalidQuantity):
        tally.charge(terms, NOVEMBER, 2 * QUANTITY_MAX)
    assert set() == tally.changed

    tally.charge(terms, NOVEMBER, 7)

    place = Place("job", "minutes", NOVEMBER, "{}")
    assert {place} == tally.changed
    assert (0, 5, (2, 0, 0)) == (tally.carry[place[:2]], tally.free[place[:3]], tally.used[place])


def test_what_cannot_be_counted_is_refused() -> None:
    """A month beyond the largest quantity, and a charge beyond the largest amount."""
    cheap, dear = terms_with(per_unit("0.000000000001")), terms_with(per_unit("1000000000"))

    assert AMOUNT_MAX == price(dear, 1000, Counters()).micro
    with pytest.raises(InvalidQuantity, match="costs more than 1000000000000 credits"):
        price(dear, 1001, Counters())
    full = price(cheap, QUANTITY_MAX, Counters()).after
    with pytest.raises(InvalidQuantity, match="the month has more than 1000000000000000000"):
        price(cheap, 1, full)


def test_a_line_says_how_a_charge_was_worked_out() -> None:
    """2.5 hours are free, and the rest lies in two tiers; USD at 10 credits."""
    model = graduated(("4000", "0.0333", "0"), (None, "0.01", "0.5"))
    fields = {"service": "job", "meter": "minutes", "dimensions": {"size": "large"}}
    card = make_card(
        [meter_with(unit="hour", decimals=3, free="2.5", dimensions={"size": None})],
        [Price(**fields, version=1, valid_from=LATER, asset="USD", model=model)],
    )
    terms = card.terms(card.meter("job"), {"size": "large"}, LATER)
    quantity = parse_quantity("8.501", 3)

    line = read(explain(price(terms, quantity, Counters(carry=FRACTION // 2))))

    assert (
        ChargeLine(
            service="job",
            meter="minutes",
            unit="hour",
            dimensions={"size": "large"},
            version=1,
            model="graduated",
            quantity="8.501",
            free="2.5",
            billable="6.001",
            tiers=(TierUsed("0", "4", "4", "0.0333", None), TierUsed("4", None, "2.001", "0.01", "0.5")),
            asset="USD",
            cost="0.65321",
            credits_per_unit="10",
            cost_credits="6.5321",
            carry_before="0.0000005",
            carry_after="0.0000005",
            charged="6.5321",
        )
        == line
    )
    assert {"from": "0", "to": "4", "quantity": "4", "amount": "0.0333", "flat": None} == msgspec.to_builtins(line)[
        "tiers"
    ][0]


def test_a_line_counts_packages() -> None:
    """Which range of the month they cover, and how many there are; none where a paid one is enough."""
    terms, before = terms_with(package("3", 10)), Counters(billed=12, covered=20)
    assert (TierUsed("20", "30", "1", "3", None),) == read(explain(price(terms, 15, before))).tiers
    assert () == read(explain(price(terms, 8, before))).tiers


def test_a_line_names_only_tiers_that_were_used() -> None:
    """The first one was full before."""
    line = read(explain(price(terms_with(graduated(*STEPS)), 1, Counters(billed=10))))
    assert (TierUsed("10", "30", "1", "0.5", "5"),) == line.tiers
