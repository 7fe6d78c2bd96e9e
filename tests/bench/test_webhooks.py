"""The rows of webhooks, of very little: every event comes to every receiver that answers, and has its time."""

import pytest

from tests.bench.webhooks import FIGURES, Size, measure, rows

LITTLE = Size(single=5, backlog=20, client_s=0.2, stream_s=0.8, rounds=1)


@pytest.mark.anyio
async def test_every_row_of_webhooks_has_a_figure(database_url: str) -> None:
    """A time from commit to attempt cannot be nothing, and neither can a rate."""
    found = await measure(database_url, LITTLE)
    assert list(found) == list(FIGURES)
    assert all(value > 0 for value in found.values()), found
    told = {row.name: row for row in rows(found)}
    assert told["webhooks, deliveries of a backlog to 20 endpoints"].value == found["backlog_20"]
    beside = told["webhooks, first attempt where half of 20 fail, p99"]
    assert beside.holds is (found["beside_failing_p99"] <= 2 * found["well_p99"])
