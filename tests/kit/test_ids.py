"""Public ids name one row each, and everything else names none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NotFound
from ledger.kit import ids

WALLETS = st.integers(1, 2**63 - 2)


@given(WALLETS)
def test_a_wallet_id_is_read_back(wallet_id: int) -> None:
    public = ids.wallet_public(wallet_id)

    assert wallet_id == ids.parse_wallet(public)
    assert len("wal_") + 11 == len(public)


@given(WALLETS, st.integers(1, 2**63 - 1))
def test_a_row_id_is_read_back(wallet_id: int, number: int) -> None:
    assert (wallet_id, number) == ids.parse_row("txn", ids.row_public("txn", wallet_id, number), "transaction")


@given(st.text(max_size=40))
def test_any_other_text_names_nothing(text: str) -> None:
    for read in (ids.parse_wallet, lambda text: ids.parse_row("txn", text, "transaction")):
        try:
            found = read(text)
        except NotFound:
            continue
        assert text in (ids.wallet_public(found) if isinstance(found, int) else ids.row_public("txn", *found))


@pytest.mark.parametrize(
    "text",
    ["wal_", "wal_00000000000", "wal_zzzzzzzzzzz", "txn_000000000010", "txn_0000000000100", "wal_٣٣٣٣٣٣٣٣٣٣٣"],
)
def test_ids_that_cannot_be_are_ids_that_are_not(text: str) -> None:
    with pytest.raises(NotFound):
        ids.parse_row("txn", text, "transaction") if text.startswith("txn") else ids.parse_wallet(text)
