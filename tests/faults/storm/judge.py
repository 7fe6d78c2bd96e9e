"""What became of every event at every receiver: by what receivers wrote down, and by the rows."""

from collections import Counter

from tests.faults.storm.report import Fate, Report
from tests.faults.street import FAILING, Street, rows
from tests.support.waiting import until

PATIENCE_S = 120.0

_ENDPOINTS = """
SELECT endpoint, split_part(split_part(url, ':', 3), '/', 1)::int, warned_at IS NOT NULL, disabled_for
FROM webhook_endpoints"""

_STATES = "SELECT endpoint, state, count(*) FROM webhook_deliveries GROUP BY 1, 2"
_ENDS = """
SELECT endpoint, outcome || coalesce(' ' || status, ''), count(*)
FROM webhook_attempts JOIN webhook_deliveries USING (delivery) GROUP BY 1, 2"""

# Of an endpoint that was disabled meanwhile, what was placed before the last that it was to have.
_NEVER_MADE = """
SELECT count(*) FROM webhook_endpoints e JOIN outbox o ON o.recorded_at >= e.created_at AND o.type = ANY(e.events)
LEFT JOIN (SELECT d.endpoint, max(o.position) AS position FROM webhook_deliveries d
    JOIN outbox o USING (wallet_id, event) GROUP BY 1) last ON last.endpoint = e.endpoint
WHERE (e.disabled_for IS DISTINCT FROM 'gone' OR o.position <= last.position)
    AND NOT EXISTS (SELECT FROM webhook_deliveries d
        WHERE d.endpoint = e.endpoint AND d.wallet_id = o.wallet_id AND d.event = o.event)"""

_NOTICES = "SELECT type, count(*) FROM outbox WHERE type LIKE 'webhook_endpoint.%%' GROUP BY type"


def judge(url: str, street: Street, told: list[str], report: Report) -> None:
    """Fill in the report. What ought to be none is counted, what ought to be told of every failing receiver is asked."""
    _received(street, told, report)
    states: Counter[str] = Counter()
    kinds = {port: kind for kind, port in street.failing.items()}
    fates = {kind: Fate() for kind in FAILING}
    by_endpoint: dict[int, Fate] = {}
    for endpoint, port, warned, disabled_for in rows(url, _ENDPOINTS):
        fate = by_endpoint[endpoint] = fates[kinds[port]] if port in kinds else Fate()
        fate.warned, fate.disabled_for = warned, disabled_for
        if port not in kinds and disabled_for is not None:
            report.findings.append(f"a receiver that takes events was disabled: {disabled_for}")
    for endpoint, state, count in rows(url, _STATES):
        states[state] += count
        by_endpoint[endpoint].deliveries += count
        by_endpoint[endpoint].exhausted += count if state == "exhausted" else 0
    for endpoint, end, count in rows(url, _ENDS):
        by_endpoint[endpoint].attempts += count
        by_endpoint[endpoint].ends[end] = count
    report.fates = fates
    report.events, report.receivers = len(told), len(by_endpoint)
    report.delivered, report.exhausted = states["delivered"], states["exhausted"]
    report.unfinished = states["due"] + states["sending"]
    report.attempts = sum(fate.attempts for fate in by_endpoint.values())
    [(never_made,)] = rows(url, _NEVER_MADE)
    report.lost += never_made
    _told_of(url, report)


def _received(street: Street, told: list[str], report: Report) -> None:
    for receiver in street.healthy:
        came = Counter(each.event["data"]["payment_method_id"] for each in receiver.came)
        report.lost += len(set(told) - came.keys())
        report.doubled += came.total() - len(came)
        if came.keys() - set(told):
            report.findings.append(f"came, and was never told: {sorted(came.keys() - set(told))[:5]}")


def _told_of(url: str, report: Report) -> None:
    """Each that fails is disabled, with a warning before where it did not say itself that it is gone."""
    for kind, fate in report.fates.items():
        expected = (False, "gone") if kind == "410" else (True, "failing")
        if (fate.warned, fate.disabled_for) != expected:
            report.findings.append(f"{kind}: warned {fate.warned}, disabled for {fate.disabled_for}")
        if fate.exhausted != fate.deliveries:
            report.findings.append(f"{kind}: {fate.deliveries - fate.exhausted} of {fate.deliveries} not exhausted")
    expected_notices = {
        "webhook_endpoint.failing": len(FAILING) - 1,
        "webhook_endpoint.disabled": len(FAILING),
    }
    until(lambda: sum(dict(rows(url, _NOTICES)).values()) >= len(FAILING) * 2 - 1, "told of", patience_s=PATIENCE_S)
    notices = dict(rows(url, _NOTICES))
    report.warnings, report.disabled = notices["webhook_endpoint.failing"], notices["webhook_endpoint.disabled"]
    if notices != expected_notices:
        report.findings.append(f"told of {notices}, and not of {expected_notices}")
