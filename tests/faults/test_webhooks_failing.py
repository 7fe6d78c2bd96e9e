"""T19: webhooks while half of the receivers misbehave: every event is delivered, or visibly exhausted."""

from pathlib import Path

import pytest

from tests.faults.storm.run import storm
from tests.faults.street import EVENTS, FAILING, HEALTHY

pytestmark = pytest.mark.faults

SEED, PACE_PER_S = 1, 20.0


def test_half_of_the_receivers_fail(tmp_path: Path) -> None:
    """Ten that take it and ten that do not, each in another way: the ten have all, the others are disabled in days with
    a warning before, and what waits for them is exhausted. How soon the ten have it is for a quiet machine to tell."""
    report = storm(SEED, EVENTS, PACE_PER_S, tmp_path / "run", print)
    print(f"\n{report}")
    assert report.ok, report.findings
    assert (0, 0, 0) == (report.lost, report.doubled, report.unfinished)
    assert HEALTHY * report.events == report.delivered
    assert FAILING.keys() == report.fates.keys()
    gone = report.fates.pop("410")
    assert 0 < gone.exhausted == gone.deliveries <= EVENTS, "what was told after it was gone is not for it"
    assert all(EVENTS == fate.deliveries == fate.exhausted for fate in report.fates.values())
    assert (len(FAILING) - 1, len(FAILING)) == (report.warnings, report.disabled)
