"""What came of a run: one page for people, ``stripe-faults.json`` for programs."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ledger.kit.money import format_amount


@dataclass
class Tally:
    """How an account of Stripe's is held against ours, in cents: the clearing account of all books, what Stripe says that
    it holds, and what of that is on its way to the bank."""

    book: int = 0
    stripe: int = 0
    on_its_way: int = 0
    reconciled: bool = False
    mended: int = 0

    @property
    def ties(self) -> bool:
        """Whether all of it is explained, and reconciling had nothing to book."""
        return self.reconciled and not self.mended and self.book == self.stripe + self.on_its_way

    def __str__(self) -> str:
        on_its_way = f" + {_usd(self.on_its_way)} on its way to the bank" if self.on_its_way else ""
        return (
            f"{_usd(self.book)} in clearing, Stripe has {_usd(self.stripe)}{on_its_way};"
            f" reconcile {'ok' if self.reconciled else 'NOT OK'}, {self.mended} booked by it"
        )


@dataclass
class Report:
    """Everything that a run says of itself. ``findings`` is what must be empty."""

    seed: int
    wanted: int
    clients: int
    commit: str = ""
    cores: int = field(default_factory=lambda: os.cpu_count() or 0)
    seconds: float = 0.0
    events: int = 0
    mishaps: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)
    by_webhook: int = 0
    by_poll: int = 0
    states: dict[str, int] = field(default_factory=dict)
    forged: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    did: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    charged: int = 0
    booked: int = 0
    twice: int = 0
    never: int = 0
    refunds: int = 0
    disputes: dict[str, int] = field(default_factory=dict)
    payouts: int = 0
    ticks: dict[str, int] = field(default_factory=dict)
    reconciled: int = 0
    """How many reconciliations by workers came to an end; others met a fault, or died with their worker."""

    before: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)
    drained_s: float = 0.0
    verify_ok: bool = False
    verified: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.verify_ok and self.before.ties and self.after.ties and not self.findings

    def write(self, path: Path) -> None:
        """For programs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"ok": self.ok, **asdict(self)}, indent=2, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        struck = {**dict.fromkeys(("duplicate", "twin", "reorder", "drop", "delay"), 0), **self.mishaps}
        delivered = self.deliveries.get("delivered", 0)
        told = (
            ("told by webhook", delivered, self.by_webhook, 0),
            ("  of these twice", struck["duplicate"], "", ""),
            ("  by two events", struck["twin"], "", ""),
            ("  out of order", struck["reorder"], "", ""),
            ("  three days late", struck["delay"], "", ""),
            ("lost; found by polling", struck["drop"], self.by_poll, 0),
            *((kind, *counts) for kind, counts in sorted(self.forged.items())),
        )
        lines = [
            f"Stripe fault run: {'everything ties' if self.ok else 'FAILED'}",
            f"  seed {self.seed}, commit {self.commit}, {self.clients} customers at a time, {self.cores} cores,"
            f" {self.seconds:.0f} s",
            f"  {'events':24}{'sent':>9}{'stored':>9}{'refused':>9}",
            *(f"  {name:24}{_cell(sent)}{_cell(stored)}{_cell(refused)}" for name, sent, stored, refused in told),
            f"  events        {self.events:,} at Stripe; in the inbox {_listed(self.states)}",
            f"  Stripe failed {sum(self.faults.values()):,} times: {_listed(self.faults)}",
            f"  kill -9       {_listed(self.kills)}",
            f"  customers     {_listed(self.did)}",
            f"  answers       {_listed(self.told)}",
            f"  charged at Stripe {self.charged:,}, purchases in the book {self.booked:,};"
            f" credited twice {self.twice}, never {self.never}",
            f"  refunds {self.refunds:,}; disputes {_listed(self.disputes)}; payouts {self.payouts}",
            f"  given to workers, besides what beat does: {_listed(self.ticks)}; {self.reconciled} reconciliations ended",
            f"  after the load       {self.before}",
            f"  five days later      {self.after}",
            f"  all work done {self.drained_s:.1f} s after the load",
            f"  verify        {'ok' if self.verify_ok else 'FAULTS'}: {self.verified}",
        ]
        return "\n".join([*lines, *(f"  FINDING {finding}" for finding in self.findings)])


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"


def _cell(count: int | str) -> str:
    return f"{count:9,}" if isinstance(count, int) else f"{count:>9}"


def _usd(cents: int) -> str:
    return f"${format_amount(cents, 'USD')}"
