"""One run: load and strikes together, then everything set right, drained, judged and verified."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ledger.embedded.errors import EmbeddedError
from ledger.kit.ids import parse_wallet
from ledger.kit.money import format_amount
from tests.faults.journal import Journal, read
from tests.faults.judge import judge, rows
from tests.faults.priced import compare_months, recount, stored_months
from tests.faults.stack import LINES, Stack, new_home
from tests.faults.torture.load import Load
from tests.faults.torture.report import Report, commit, counted
from tests.faults.torture.strikes import Strikes

RECOVERY_S = 60.0
DRAIN_S = 180.0

_TO_DO = """
SELECT (SELECT count(*) FROM lots WHERE open AND expires_at <= ledger_now() AND remaining > pinned)
    + (SELECT count(*) FROM holds WHERE state = 'open' AND expires_at <= ledger_now())"""


def torture(seed: int, minutes: float, clients: int, data: Path, say: Callable[[str], None]) -> Report:
    """Run it; the journal, and after a failure the logs, are left in ``data``."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    with Stack(new_home(), "api", "worker", "beat", through=LINES) as stack:
        report = asyncio.run(_run(stack, Report(seed, minutes, clients, commit()), data, say))
        if not report.ok:
            shutil.copytree(stack.home / "logs", data / "logs", dirs_exist_ok=True)
    return report


async def _run(stack: Stack, report: Report, data: Path, say: Callable[[str], None]) -> Report:
    journal = Journal(data / "journal.jsonl")
    load, strikes = Load(stack, journal, report.seed), Strikes(stack, report.seed)
    await load.open()
    began = time.monotonic()
    working = asyncio.create_task(load.run(report.clients))
    await _strike(stack, load, strikes, report, began + report.minutes * 60, say)
    await asyncio.to_thread(strikes.heal)
    for part in (stack.postgres, stack.api):
        await asyncio.to_thread(part.wait_ready)
    load.stop()
    await working
    report.timed(load.took_s, time.monotonic() - began)
    journal.close()
    await _drain(stack, report)
    await asyncio.to_thread(_judge, stack, load, report, journal.path)
    return report


async def _strike(
    stack: Stack, load: Load, strikes: Strikes, report: Report, until: float, say: Callable[[str], None]
) -> None:
    """Break one thing after the other; each must be overcome before the next."""
    struck: Counter[str] = Counter()
    recoveries_s: list[float] = []
    while time.monotonic() < until:
        kind, pause_s = strikes.draw()
        await asyncio.sleep(pause_s)
        try:
            healed_at = await strikes.carry_out(kind)
        except (EmbeddedError, AssertionError) as error:
            report.findings.append(f"liveness: {kind}: {error}")
            healed_at = time.monotonic()
        struck[kind] += 1
        recovery_s = await load.good_since(healed_at, RECOVERY_S)
        say(f"{kind}: {'NOT OVERCOME' if recovery_s is None else f'{recovery_s:.2f} s'}")
        if recovery_s is None:
            report.findings.append(f"liveness: no good answer within {RECOVERY_S:.0f} s after: {kind}")
        else:
            recoveries_s.append(recovery_s)
        for name in await asyncio.to_thread(strikes.heal):
            report.findings.append(f"liveness: {name} was dead after: {kind}")
    report.faults = dict(struck)
    report.recovered(recoveries_s)


async def _drain(stack: Stack, report: Report) -> None:
    """Until everything due is booked."""
    began = time.monotonic()
    left = 1
    while left and time.monotonic() - began < DRAIN_S:
        await asyncio.sleep(0.2)
        [[left]] = await asyncio.to_thread(stack.sql, _TO_DO)
    report.drained_s = round(time.monotonic() - began, 1)
    if left:
        report.findings.append(f"liveness: {left} ends are still to be booked after {DRAIN_S:.0f} s")


def _judge(stack: Stack, load: Load, report: Report, path: Path) -> None:
    records = read(path)
    found = judge(stack.url, records)
    assert found.verify is not None
    report.requests = load.requests
    report.requested, report.acknowledged, report.refused = found.requested, found.acknowledged, found.refused
    report.ambiguous, report.durable, report.unanswered = found.ambiguous, found.durable, found.unanswered
    report.duplicates_absorbed = found.absorbed
    report.lost, report.doubled = len(found.lost), len(found.doubled)
    report.codes = counted(found.codes)
    report.verify_ok, report.verified = found.verify.ok, found.verify.checked
    report.findings += found.findings + [f"liveness: {line}" for line in load.unsettled[:5]]
    report.reads = sum(load.reads.values())
    report.findings += [f"wrong answers: a read was told {status}" for status in load.reads.keys() - {0, 200, 503}]
    journal = rows(stack.url)
    priced = recount(records, journal, load.market.prices, load.market.budgets)
    compare_months(priced, stored_months(stack.url))
    report.priced, report.voided, report.versions = priced.events, priced.voids, priced.versions
    report.months = len(priced.months)
    report.mispriced, report.overspent = len(priced.mispriced), len(priced.overspent)
    report.findings += priced.findings
    book = {(row.wallet, row.number): row for row in journal}
    for wallet, number, balance in load.balances:
        row = book.get((parse_wallet(wallet), number))
        report.balances_checked += 1
        if row is None or format_amount(row.balance) != balance:
            report.findings.append(f"wrong read: {wallet} had {balance} at {number}, and the journal says otherwise")
