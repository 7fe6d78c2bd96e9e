"""The parts of docs/metrics.md that are made of the metrics and of docs/alerts.yml. `python -m tests.docs.metrics`
writes them."""

import re
from typing import Any, Final

import yaml

from ledger.metrics.page import OWN
from ledger.metrics.table import METRICS
from tests.docs.pages import DOCS

PAGE: Final = DOCS / "metrics.md"
ALERTS: Final = DOCS / "alerts.yml"
REGION: Final = re.compile(
    r"(<!-- made of the (metrics|alerts): python -m tests\.docs\.metrics -->\n).*?(<!-- end -->)", re.DOTALL
)

_OWN_LABELS: Final = {
    "credit_ledger_build_info": "`version`",
    "credit_ledger_http_requests_total": "`process`, `method`, `route`, `status`",
    "credit_ledger_http_request_duration_seconds": "`process`, `method`, `route`",
}


def rules() -> list[dict[str, Any]]:
    """The alert rules, as they are written."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def metrics() -> str:
    """A row for each metric."""
    rows = ["| metric | kind | labels | what it says |\n|---|---|---|---|\n"]
    for name, help_ in OWN.items():
        kind = "counter" if name.endswith("_total") else "histogram" if name.endswith("_seconds") else "gauge"
        rows.append(f"| `{name}` | {kind} | {_OWN_LABELS.get(name, '')} | {help_} |\n")
    for metric in METRICS:
        values = f": {', '.join(metric.values)}" if metric.values else ""
        label = "" if metric.label is None else f"`{metric.label}`{values}"
        rows.append(f"| `{metric.name}` | {metric.kind} | {label} | {metric.help} |\n")
    return "".join(rows)


def alerts() -> str:
    """A row for each rule."""
    rows = ["| alert | severity | when | for |\n|---|---|---|---|\n"]
    for rule in rules():
        when = " ".join(rule["expr"].split()).replace("|", "\\|")
        rows.append(f"| `{rule['alert']}` | {rule['labels']['severity']} | `{when}` | {rule.get('for', 'at once')} |\n")
    return "".join(rows)


def written(page: str) -> str:
    """The page with what is made as it must be."""
    made = {"metrics": metrics, "alerts": alerts}
    return REGION.sub(lambda region: region[1] + made[region[2]]() + region[3], page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
