"""The catalogue: its patterns, and that nothing else can be told."""

from datetime import UTC, datetime

import msgspec
import pytest

from ledger.events.catalogue import CATALOGUE, TYPES, checked, is_known, payload_of, types_of
from ledger.events.payloads import LinkExpired, UsageSpike

AT = datetime(2026, 11, 21, 1, 13, 22, tzinfo=UTC)
WHERE = {"id": "evt_1", "at": AT, "wallet_id": None, "number": 1, "transaction_id": None}


@pytest.mark.parametrize(
    ("pattern", "known"),
    [("*", True), ("balance.*", True), ("balance.low", True), ("payment_link.*", True), ("payment.*", True)]
    + [(wrong, False) for wrong in ("", "balance", "balance.", "balance.l*", ".*", "**", "Balance.low", "balanc.*")],
)
def test_a_pattern_is_known_where_it_means_a_type(pattern: str, known: bool) -> None:
    assert known is is_known(pattern)


def test_a_family_is_what_stands_before_the_dot() -> None:
    """``payment.*`` has nothing of ``payment_link``."""
    assert {type_ for type_ in TYPES if type_.startswith("payment.")} == set(types_of("payment.*"))
    assert TYPES == types_of("*") and ("usage.spike",) == types_of("usage.spike")


def test_types_are_named_once() -> None:
    assert len(CATALOGUE) == len(set(TYPES))


def test_only_what_a_type_tells_can_be_told() -> None:
    ended = LinkExpired(payment_id="pay_1", credits="5", amount="1.00", currency="USD")
    assert ("payment_link.expired", ended) == (
        checked(payload_of("payment_link.expired", ended, **WHERE))[0].type,
        checked(payload_of("payment_link.expired", ended, **WHERE))[1],
    )
    with pytest.raises(AssertionError, match=r"usage\.spike does not tell LinkExpired"):
        payload_of("usage.spike", ended, **WHERE)
    with pytest.raises(KeyError, match="other"):
        payload_of("other", ended, **WHERE)


def test_an_event_that_is_not_of_the_catalogue_is_found() -> None:
    spike = UsageSpike(window="hour", window_start=AT, used="940", usual="12.5")
    payload = payload_of("usage.spike", spike, **WHERE)
    checked(payload)
    for right, wrong in (('"hour"', '"minute"'), ('"used"', '"user"'), ('"usual":', '"more":1,"usual":')):
        with pytest.raises(msgspec.ValidationError):
            checked(payload.replace(right, wrong))
