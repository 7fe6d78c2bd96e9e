"""The recount sees what it is there to see: a true story passes, and a charge, a month or a budget that is off is found."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from tests.faults.journal import Asked, Record
from tests.faults.judge import Row, key_hash
from tests.faults.priced import Budget, Recount, Sums, compare_months, recount
from tests.model.prices import Price, Prices, Step

WALLET_ID = 238_327
WALLET = "wal_00000000zzz"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATE = NOW - timedelta(days=30)
CHANGE = NOW + timedelta(hours=1)


def prices() -> Prices:
    """Ten are free; then a third of a micro-credit each, nearly, up to five of a month; then a credit each."""
    made = Prices()
    made.free["job", "minutes"] = Fraction(10)
    third = Step(Fraction(5), Fraction("0.000000333333"))
    for begins, beyond in ((LATE - timedelta(days=1), 1), (CHANGE, 2)):
        steps = (third, Step(None, Fraction(beyond)))
        made.add(Price("job", "minutes", (), begins, "graduated", steps))
    return made


def row(number: int, kind: str, amount: int, **more: object) -> Row:
    facts = {
        "wallet": WALLET_ID,
        "number": number,
        "kind": kind,
        "key": key_hash("client:default", f"k{number}"),
        "event": None,
        "actor": "key_1",
        "reverses": None,
        "link_wallet": None,
        "link_number": None,
        "hash": "",
        "balance": 0,
        "amount": amount,
        "effective_at": NOW,
    }
    return Row(**(facts | more))  # type: ignore[arg-type]


def asked(number: int, quantity: str | None, **more: object) -> Asked:
    facts = {"meter": "job/minutes"} if quantity is not None and "amends" not in more else {}
    return Asked(key=f"k{number}", wallet=WALLET, command="usage", quantity=quantity, **(facts | more))  # type: ignore[arg-type]


STORY: list[Record] = [
    asked(2, "14"),
    asked(3, "2"),
    asked(4, "12", occurred_at=LATE),
    asked(6, "1", amends="txn_000000000013"),
    asked(7, "1", occurred_at=CHANGE),
]
BOOK = [
    row(1, "grant", 9_000_000),
    row(2, "usage", 1),  # ten free, 4 × 0.333333
    row(3, "usage", 1_000_000),  # one more third, and one beyond
    row(4, "usage", 1, effective_at=LATE),  # 1.666665 and 0.666666 that are left
    row(5, "void", 1_000_000, reverses=3, key=key_hash("amend:client:default", "k6")),
    row(6, "usage", 0),  # the third again
    row(7, "usage", 2_000_000, effective_at=CHANGE),
    row(8, "usage", 5_000_000),  # not measured
    row(9, "capture", 3_000_000),
    row(10, "usage_refund", 4_000_000, reverses=8),
]
MONTHS = {
    (WALLET_ID, "job", "minutes", "2026-11"): Sums(3_000_001, Fraction(10)),
    (WALLET_ID, "job", "minutes", "2026-10"): Sums(1, Fraction(10)),
}
BUDGETS = [
    Budget(WALLET_ID, None, "month", 10_000_001, LATE + timedelta(days=5)),
    Budget(WALLET_ID, "chat", "day", 8_000_000, LATE),
    Budget(2, None, "day", 1, LATE),
]


def followed(book: list[Row], budgets: list[Budget], months: dict[tuple[int, str, str, str], Sums]) -> Recount:
    found = recount(STORY, book, prices(), budgets)
    compare_months(found, months)
    return found


def changed(place: int, **fields: object) -> list[Row]:
    return [one._replace(**fields) if at == place else one for at, one in enumerate(BOOK)]  # type: ignore[arg-type]


def test_a_true_story_passes() -> None:
    found = followed(BOOK, BUDGETS, MONTHS)
    assert [] == found.findings
    assert (5, 1, 2) == (found.events, found.voids, found.versions)


@pytest.mark.parametrize(
    ("kind", "book", "budgets", "months"),
    [
        ("mispriced", changed(1, amount=0), BUDGETS, MONTHS),
        ("mispriced", changed(3, amount=2), BUDGETS, MONTHS),
        ("mispriced", changed(6, amount=1_000_000), BUDGETS, MONTHS),
        ("mispriced", changed(4, amount=999_999), BUDGETS, MONTHS),
        ("mispriced", changed(2, effective_at=LATE - timedelta(days=9)), BUDGETS, MONTHS),
        ("mispriced", BOOK, BUDGETS, {**MONTHS, (WALLET_ID, "job", "minutes", "2026-10"): Sums(1, Fraction(9))}),
        ("mispriced", BOOK, BUDGETS, {**MONTHS, (WALLET_ID, "job", "minutes", "2026-09"): Sums(1)}),
        ("overspent", BOOK, [BUDGETS[0]._replace(limit_micro=10_000_000)], MONTHS),
        ("overspent", BOOK, [BUDGETS[1]._replace(limit_micro=7_999_999)], MONTHS),
        ("overspent", [*BOOK, row(11, "usage", 4_000_001)], [BUDGETS[1]], MONTHS),
    ],
)
def test_a_changed_story_is_found(
    kind: str, book: list[Row], budgets: list[Budget], months: dict[tuple[int, str, str, str], Sums]
) -> None:
    found = followed(book, budgets, months)
    assert getattr(found, kind), found.findings
