"""T13: everything that can go wrong between Stripe and us at once, while customers buy; at the end all of it ties."""

from pathlib import Path

import pytest

from tests.faults.sizes import scaled
from tests.faults.stripe.forgers import KINDS
from tests.faults.stripe.run import stripe_faults
from tests.faults.stripe.weather import FAULTS, WEBHOOKS

pytestmark = pytest.mark.faults

SEED, EVENTS, CLIENTS = 1, 600, 16


def test_each_payment_is_booked_once_whatever_happens_on_the_way(tmp_path: Path) -> None:
    report = stripe_faults(SEED, scaled(EVENTS), CLIENTS, tmp_path / "run", print)
    print(f"\n{report}")
    assert report.ok, report.findings
    assert (0, 0) == (report.twice, report.never)
    assert report.charged == report.booked > 0
    assert report.events >= scaled(EVENTS)
    assert FAULTS.keys() == report.faults.keys(), "something did not go wrong: that was no test of it"
    assert WEBHOOKS.keys() == {kind for kind, count in report.mishaps.items() if count}
    assert KINDS.keys() == report.forged.keys()
    assert report.by_poll and report.kills and report.disputes and report.refunds and report.reconciled
