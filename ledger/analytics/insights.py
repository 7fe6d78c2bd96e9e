"""What stands out in a wallet's use, and what to do about it: data first, one sentence for people. Pure.

Each insight has a stable ``code``. Those of change come in pairs, so that two wallets with opposite histories are told
opposite things:

    code                        when, comparing a period with the one before it
    service_dominates           a service has more than 30 % of the spend
    spend_accelerating          the spend grew by a quarter or more
    spend_slowing               the period before had spent a quarter more, or even more than that
    cost_per_operation_rising   a service's operations cost a fifth more, each
    cost_per_operation_falling  they had cost a fifth more before
    service_idle                a service that had used credits used none
    service_new                 a service that had used none did
    runway_low                  the credits last less than 14 days (critical: less than 3)
    runway_ample                they last 90 days or more
    refunded_share_high         5 % or more of what was charged came back, as it does for failed jobs
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from ledger.analytics.rules import Row, Sums, breakdown, grouped, percent_of, total
from ledger.kit.money import MICRO, format_amount

Severity = Literal["critical", "warning", "info"]

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
"""The worst first."""

DOMINANT_PERCENT: Final = 30
SPEND_CHANGE_PERCENT: Final = 25
COST_CHANGE_PERCENT: Final = 20
REFUNDED_PERCENT: Final = 5

OPERATIONS_MIN: Final = 10
"""Fewer operations than that say nothing about the cost of one."""

SPEND_MIN: Final = MICRO
"""A service or a wallet that spent less than a credit in both periods is not worth a word."""

RUNWAY_CRITICAL_DAYS: Final = 3
RUNWAY_LOW_DAYS: Final = 14
RUNWAY_AMPLE_DAYS: Final = 90


class Insight(msgspec.Struct, frozen=True):
    """``facts``: what it was concluded from; amounts in credits and percentages as decimal strings."""

    code: str
    severity: Severity
    facts: dict[str, str | int]
    advice: str


def insights(now: Sequence[Row], before: Sequence[Row], runway_days: int | None = None) -> list[Insight]:
    """What this period and the one before it (which must be as long) show; the worst first.

    ``runway_days``: how long the credits last at the recent rate; None where nothing is used.
    """
    found = [
        *_runway(runway_days),
        *_spend(total(now).spent_micro, total(before).spent_micro),
        *_refunds(now),
        *_dominant(now),
        *_services(grouped(now, "service"), grouped(before, "service")),
    ]
    return sorted(found, key=lambda insight: SEVERITIES.index(insight.severity))


def _runway(days: int | None) -> Iterator[Insight]:
    if days is None:
        return
    facts: dict[str, str | int] = {"days": days}
    last = f"the credits last {days} {'day' if days == 1 else 'days'}"
    if days < RUNWAY_LOW_DAYS:
        severity: Severity = "critical" if days < RUNWAY_CRITICAL_DAYS else "warning"
        yield Insight("runway_low", severity, facts, f"At the recent rate {last}: buy more, or turn auto-refill on.")
    elif days >= RUNWAY_AMPLE_DAYS:
        advice = f"At the recent rate {last}: the next purchase or refill can be smaller, or later."
        yield Insight("runway_ample", "info", facts, advice)


def _spend(now: int, before: int) -> Iterator[Insight]:
    if before <= 0 or now <= 0 or max(now, before) < SPEND_MIN:
        return
    facts = _change(now, before)
    if _grew(before, now, SPEND_CHANGE_PERCENT):
        advice = f"The spend grew by {facts['percent']} %: see which services moved most, and set a budget for them."
        yield Insight("spend_accelerating", "warning", facts, advice)
    elif _grew(now, before, SPEND_CHANGE_PERCENT):
        fell = str(facts["percent"]).lstrip("-")
        advice = f"The spend fell by {fell} %: if that was not meant, check that the jobs still run."
        yield Insight("spend_slowing", "info", facts, advice)


def _refunds(now: Sequence[Row]) -> Iterator[Insight]:
    for part in breakdown(now, "service"):
        charged, refunded = part.sums.charged_micro, part.sums.refunded_micro
        if charged < SPEND_MIN or 100 * refunded < REFUNDED_PERCENT * charged:
            continue
        percent = str(percent_of(refunded, charged))
        facts: dict[str, str | int] = {
            "service": _text(part.key),
            "percent": percent,
            "refunded": format_amount(refunded),
            "charged": format_amount(charged),
        }
        advice = f"{percent} % of what {part.key} charged came back: find out why its jobs fail before sending more."
        yield Insight("refunded_share_high", "warning", facts, advice)


def _dominant(now: Sequence[Row]) -> Iterator[Insight]:
    for part in breakdown(now, "service"):
        spent = part.sums.spent_micro
        if spent < SPEND_MIN or part.percent <= DOMINANT_PERCENT:
            continue
        facts: dict[str, str | int] = {
            "service": _text(part.key),
            "percent": str(part.percent),
            "credits": format_amount(spent),
        }
        share = f"{part.key} is {part.percent} % of the spend"
        advice = f"{share}: savings begin there, and a budget of its own would bound it."
        meters = breakdown([row for row in now if row.service == part.key and row.meter is not None], "meter")
        if len(meters) > 1:
            facts["meter"] = _text(meters[0].key)
            advice = f"{share}: savings begin there, with {meters[0].key} first."
        yield Insight("service_dominates", "info", facts, advice)


def _services(now: dict[str | None, Sums], before: dict[str | None, Sums]) -> Iterator[Insight]:
    nothing = total(())
    for service in sorted(now.keys() | before.keys(), key=_text):
        current, earlier = now.get(service, nothing), before.get(service, nothing)
        if max(current.spent_micro, earlier.spent_micro) < SPEND_MIN:
            continue
        yield from _presence(_text(service), current, earlier)
        yield from _cost(_text(service), current, earlier)


def _presence(service: str, now: Sums, before: Sums) -> Iterator[Insight]:
    if now.charged_micro == 0:
        facts: dict[str, str | int] = {"service": service, "before": format_amount(before.spent_micro)}
        advice = f"{service} used nothing in this period: check that it still runs, or drop what is set aside for it."
        yield Insight("service_idle", "info", facts, advice)
    elif before.charged_micro == 0:
        facts = {"service": service, "now": format_amount(now.spent_micro)}
        advice = f"{service} is new: if it is here to stay, set a budget for it."
        yield Insight("service_new", "info", facts, advice)


def _cost(service: str, now: Sums, before: Sums) -> Iterator[Insight]:
    if min(now.operations, before.operations) < OPERATIONS_MIN or min(now.spent_micro, before.spent_micro) <= 0:
        return
    # Crosswise, so that no quotient is rounded before it is compared.
    new, old = now.spent_micro * before.operations, before.spent_micro * now.operations
    facts = {"service": service, **_change(now.cost_per_operation_micro or 0, before.cost_per_operation_micro or 0)}
    facts["percent"] = str(percent_of(new - old, old))
    if _grew(old, new, COST_CHANGE_PERCENT):
        advice = f"An operation of {service} costs {facts['percent']} % more: look for larger jobs or a dearer size."
        yield Insight("cost_per_operation_rising", "warning", facts, advice)
    elif _grew(new, old, COST_CHANGE_PERCENT):
        fell = str(facts["percent"]).lstrip("-")
        advice = f"An operation of {service} costs {fell} % less: see what was changed, and do the same elsewhere."
        yield Insight("cost_per_operation_falling", "info", facts, advice)


def _change(now: int, before: int) -> dict[str, str | int]:
    return {
        "now": format_amount(now),
        "before": format_amount(before),
        "percent": str(percent_of(now - before, before)),
    }


def _grew(less: int, more: int, percent: int) -> bool:
    """Whether ``more`` is at least so much above ``less``: the same question both ways round."""
    return 100 * more >= (100 + percent) * less


def _text(key: str | None) -> str:
    return key or ""
