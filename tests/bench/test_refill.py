"""The rows of auto-refill, of very little: one charge for each crossing, and every wallet that is due is looked at."""

import pytest

from tests.bench.refill import FIGURES, Size, measure, rows

LITTLE = Size(crossing=3, seconds=0.2, kept=40, due=5)


@pytest.mark.anyio
async def test_every_row_of_auto_refill_has_a_figure(database_url: str) -> None:
    """A time from crossing to charge cannot be nothing; who is due is found by an index."""
    found = await measure(database_url, LITTLE)
    assert list(found) == list(FIGURES)
    assert 0 < found["charge_p50"] <= found["charge_p99"]
    assert found["wallets_not_hot"] == 0
    told = {row.name: row for row in rows(found, LITTLE)}
    assert told["auto-refill, sweep, 5 due of 40"].value == found["sweep_s"] > 0
