"""Rows of use in a few words."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from ledger.analytics.rules import Row
from ledger.kit.money import MICRO

MONDAY = date(2026, 3, 2)


def row(service: str = "chat", credits: int = 1, *, day: int = 0, hour: int = 9, **more: Any) -> Row:
    """An hour of a service: ``credits`` whole ones, ``refunded`` of them, ``day`` counted from a Monday."""
    refunded = more.pop("refunded", 0) * MICRO
    on = MONDAY + timedelta(day)
    return Row(day=on, hour=hour, service=service, credits_micro=credits * MICRO, refunded_micro=refunded, **more)


def any_rows(max_size: int = 12) -> st.SearchStrategy[list[Row]]:
    """Rows of few services and amounts of every size, refunded in part."""
    charged = st.integers(0, 10**15)
    amounts = charged.flatmap(lambda most: st.tuples(st.just(most), st.one_of(st.just(0), st.integers(0, most))))
    return st.lists(
        st.builds(
            lambda amount, **rest: Row(credits_micro=amount[0], refunded_micro=amount[1], **rest),
            amounts,
            day=st.dates(date(2026, 1, 1), date(2026, 3, 31)),
            hour=st.integers(0, 23),
            service=st.sampled_from(["chat", "gpu", "store"]),
            meter=st.sampled_from([None, "small", "large"]),
            user=st.sampled_from([None, "ann", "bob"]),
            operations=st.integers(0, 1_000),
            sessions=st.integers(0, 5),
        ),
        max_size=max_size,
    )
