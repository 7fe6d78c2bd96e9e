"""T32: the whole stack under a mixed load and random faults, for a short while, and every seed that ever failed."""

import json
from pathlib import Path

import pytest

from tests.faults.sizes import scaled
from tests.faults.torture.run import torture

pytestmark = pytest.mark.faults

SHORT = {"seed": 1, "minutes": 0.4 * scaled(1), "clients": 8}
FAILED = [json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "seeds").glob("*.json"))]


@pytest.mark.parametrize("run", [SHORT, *FAILED], ids=lambda run: f"seed-{run['seed']}")
def test_nothing_is_lost_or_doubled_whatever_breaks(run: dict[str, int], tmp_path: Path) -> None:
    report = torture(run["seed"], run["minutes"], run["clients"], tmp_path / "torture", print)
    print(f"\n{report}")
    assert report.ok, report.findings
    assert report.faults, "nothing broke: that was no test"
    assert report.acknowledged
