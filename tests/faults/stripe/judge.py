"""What Stripe has done, held against what the book says: by Stripe's own lists, SQL, and arithmetic of its own."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ledger.payments.inbox.effects import EFFECTS
from tests.faults.stack import Stack
from tests.faults.stripe.at_stripe import AtStripe
from tests.faults.stripe.report import Report, Tally

MICRO_PER_CENT = 100_000
"""Ten credits for a dollar."""

SHOWN = 5
COMMAND_S = 3_600

UNDONE = {
    "events to work on": "SELECT event FROM stripe_events WHERE state = 'new'",
    "payments on their way": "SELECT payment::text FROM payments WHERE state = 'processing'",
    "refunds pending": "SELECT number::text FROM payment_refunds WHERE state = 'pending'",
    "what could not be booked": "SELECT object FROM stripe_problems",
    "events not told": "SELECT wallet_id::text FROM outbox WHERE position IS NULL",
}
"""By what it is: empty when all work is done."""

_PURCHASES = """
SELECT n.body, (SELECT sum(p.amount) FROM postings p WHERE p.wallet_id = t.wallet_id AND p.number = t.number
    AND p.asset = 'CREDIT' AND p.debit = 'issued:purchase')
FROM transactions t JOIN notes n USING (wallet_id, number) WHERE t.kind = 'purchase'"""

_CLEARING = """
SELECT coalesce(sum(CASE 'stripe_clearing' WHEN debit THEN amount ELSE -amount END), 0)::bigint
FROM postings WHERE 'stripe_clearing' IN (debit, credit)"""


class Judge:
    """Adds what is wrong to the report's findings."""

    def __init__(self, stack: Stack, stripe: AtStripe, report: Report) -> None:
        self._stack = stack
        self._stripe = stripe
        self._report = report

    async def undone(self) -> dict[str, int]:
        """What is still to be done, by what it is."""
        counts = {what: len(await self._sql(query)) for what, query in UNDONE.items()}
        return {what: count for what, count in counts.items() if count}

    async def unheard(self, events: Iterable[str]) -> set[str]:
        """Which of these events are not in the inbox."""
        known = await self._sql("SELECT event FROM stripe_events")
        return set(events) - {row[0] for row in known}

    async def wanted_events(self) -> set[str]:
        """Events of Stripe that ask for something."""
        return {event["id"] for event in await self._stripe.everything("/v1/events") if event["type"] in EFFECTS}

    async def tallied(self) -> Tally:
        """Money: both sides, and the service's own reconciliation, which must find nothing to mend."""
        [[book]] = await self._sql(_CLEARING)
        money = await self._stripe.ask("/money")
        payouts = await self._stripe.everything("/v1/payouts")
        leaving = sum(payout["amount"] for payout in payouts if payout["status"] in ("pending", "in_transit"))
        told = await self._command("reconcile")
        tally = Tally(book, money["total"], leaving, told["ok"], told["checked"]["mended"])
        self._found("reconcile", [str(one) for one in told["differences"]])
        if not tally.ties:
            self._report.findings.append(f"money: {tally}")
        self._report.payouts = len(payouts)
        return tally

    async def reconciled(self) -> int:
        """How many reconciliations came to their end."""
        [[count]] = await self._sql("SELECT count(*) FROM reconciliations")
        return int(count)

    async def purchases(self) -> None:
        """Each charge is one purchase of what was paid; each link was paid once."""
        report = self._report
        money = await self._stripe.ask("/money")
        charges = {one["payment_intent"]: one for one in money["charges"] if one["status"] == "succeeded"}
        booked: Counter[str] = Counter()
        wrong = []
        for body, credits in await self._sql(_PURCHASES):
            intent = json.loads(body)["facts"]["stripe_intent"]
            booked[intent] += 1
            if intent not in charges or credits != charges[intent]["amount"] * MICRO_PER_CENT:
                wrong.append(f"{intent} for {credits} micro-credits")
        report.charged, report.booked = len(charges), booked.total()
        twice, never = [name for name, count in booked.items() if count > 1], charges.keys() - booked.keys()
        report.twice, report.never = len(twice), len(never)
        self._found("credited twice", twice)
        self._found("never credited", never)
        self._found("credited otherwise", wrong)
        sessions = await self._stripe.everything("/v1/checkout/sessions", status="complete")
        paid = Counter(one["client_reference_id"] for one in sessions if one["payment_status"] == "paid")
        self._found("paid twice", [name for name, count in paid.items() if count > 1])
        self._found("charged without a session", charges.keys() - {one["payment_intent"] for one in sessions})

    async def refunds_and_disputes(self) -> None:
        """Each refund that we asked for is one at Stripe."""
        report = self._report
        refunds = await self._stripe.everything("/v1/refunds")
        disputes = await self._stripe.everything("/v1/disputes")
        report.refunds = len(refunds)
        report.disputes = dict(Counter(one["status"] for one in disputes))
        ours = Counter(named for one in refunds if (named := (one["metadata"] or {}).get("refund_id")))
        self._found("refunded twice", [name for name, count in ours.items() if count > 1])
        here = set(await self._sql("SELECT refund, amount FROM payment_refunds WHERE state = 'succeeded'"))
        paid_back = {(one["id"], one["amount"]) for one in refunds if one["status"] == "succeeded"}
        self._found("refunds that differ", {str(name) for name, _ in here ^ paid_back})
        known = dict(await self._sql("SELECT dispute, status FROM payment_disputes"))
        there = {one["id"]: one["status"] for one in disputes}
        self._found("disputes that differ", {name for name, _ in known.items() ^ there.items()})

    async def inbox(self, forged: Mapping[str, str]) -> Counter[str]:
        """All that is in it came from Stripe, and nothing of what was forged; gives how many of each kind are there."""
        report = self._report
        rows = await self._sql("SELECT event, via, state FROM stripe_events")
        events = {event["id"] for event in await self._stripe.everything("/v1/events")}
        report.events = len(events)
        via = Counter(row[1] for row in rows)
        report.by_webhook, report.by_poll = via["webhook"], via["poll"]
        report.states = dict(Counter(row[2] for row in rows))
        self._found("stored and not of Stripe", {row[0] for row in rows} - events)
        self._found("given up", [row[0] for row in rows if row[2] == "failed"])
        return Counter(forged[row[0]] for row in rows if row[0] in forged)

    async def verify(self) -> None:
        """The service's own word on every book."""
        told = await self._command("verify")
        self._report.verify_ok, self._report.verified = told["ok"], told["checked"]
        self._found("verify", [str(fault) for fault in told.get("faults", [])])

    def _found(self, what: str, which: Collection[str]) -> None:
        if which:
            self._report.findings.append(f"{what}: {len(which)}, such as {', '.join(sorted(which)[:SHOWN])}")

    async def _sql(self, query: str) -> list[Any]:
        return await asyncio.to_thread(self._stack.sql, query)

    async def _command(self, name: str) -> Any:
        argv = [sys.executable, "-m", "ledger.cli", name, "--json", "--database-url", self._stack.url]
        environ = os.environ | self._stripe.environ() | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = await asyncio.to_thread(
            subprocess.run, argv, env=environ, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
        assert done.returncode in (0, 1) and done.stdout, f"{name} ended with {done.returncode}: {done.stderr[-2000:]}"
        return json.loads(done.stdout)
