"""The page of metrics is made of them, and the alert rules name what is shown, with the limits that the code has."""

import re
from typing import Any

import pytest

from ledger.book.anchor.metrics import UNSEALED_S_MAX
from ledger.kit.metrics import COUNT_MAX
from ledger.metrics.page import OWN
from ledger.metrics.table import METRICS
from ledger.refill.metrics import LATE_S, RATE_OF_AT_LEAST, RATE_PERCENT_MIN
from tests.docs.metrics import PAGE, REGION, rules, written

LIMITS = {
    "AutoRefillFailing": [f"< {RATE_PERCENT_MIN / 100}", f">= {RATE_OF_AT_LEAST}"],
    "AutoRefillLate": [f"> {LATE_S}"],
    "JournalUnsealed": [f"> {UNSEALED_S_MAX}"],
}
"""Those that doctor has, too."""

SHOWN = {
    *(name for name in OWN if not name.endswith("duration_seconds")),
    *(metric.name for metric in METRICS),
    "credit_ledger_http_request_duration_seconds_bucket",
    "process_open_fds",
    "process_max_fds",
}


def test_the_page_is_made_of_the_metrics_and_the_rules() -> None:
    """`python -m tests.docs.metrics` writes it."""
    page = PAGE.read_text()
    assert ["metrics", "alerts"] == [region[2] for region in REGION.finditer(page)]
    assert written(page) == page


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_names_what_is_shown(rule: dict[str, Any]) -> None:
    """By its name, with labels and values that it has; and says how bad it is, what is wrong, and where to look."""
    named = re.findall(r"\b(?:credit_ledger|process)_\w+", rule["expr"])
    assert named and set(named) <= SHOWN
    for name, label, value in re.findall(r'(credit_ledger_\w+)\{(\w+)="([^"]*)"\}', rule["expr"]):
        [metric] = [metric for metric in METRICS if metric.name == name]
        assert (metric.label, True) == (label, value in metric.values)
    for name in re.findall(r"max by \((\w+)\)", rule["expr"]):
        assert name in {metric.label for metric in METRICS if metric.name in named}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "description"} == set(rule["annotations"])
    assert re.fullmatch(r"\d+[mhd]", rule.get("for", "0m"))
    for limit in LIMITS.get(rule["alert"], ()):
        assert re.search(rf"{re.escape(limit)}(\s|$)", rule["expr"]), limit


def test_names_are_as_prometheus_wants_them() -> None:
    """Each once, of the ledger, with the unit last; a counter is a total; a help says up to where it counts."""
    names = [metric.name for metric in METRICS] + list(OWN)
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert re.fullmatch(r"credit_ledger_[a-z_]+[a-z]", metric.name)
        assert ("_age" in metric.name) == metric.name.endswith("_age_seconds")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert (f"LIMIT {COUNT_MAX}" in metric.query) == (f"counted up to {COUNT_MAX:,}" in metric.help), metric.name
    assert set(LIMITS) <= {rule["alert"] for rule in rules()}
