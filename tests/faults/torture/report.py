"""What came of a run: one page for people, ``torture.json`` for programs."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass
class Report:
    """Everything that a run says of itself. ``findings`` is what must be empty."""

    seed: int
    minutes: float
    clients: int
    commit: str = ""
    cores: int = field(default_factory=lambda: os.cpu_count() or 0)
    requests: int = 0
    requests_per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    requested: int = 0
    acknowledged: int = 0
    refused: int = 0
    ambiguous: int = 0
    durable: int = 0
    unanswered: int = 0
    duplicates_absorbed: int = 0
    lost: int = 0
    doubled: int = 0
    priced: int = 0
    voided: int = 0
    versions: int = 0
    months: int = 0
    mispriced: int = 0
    overspent: int = 0
    reads: int = 0
    balances_checked: int = 0
    recovery_median_s: float = 0.0
    recovery_worst_s: float = 0.0
    drained_s: float = 0.0
    verify_ok: bool = False
    verified: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.verify_ok and not self.findings

    def timed(self, took_s: Sequence[float], seconds: float) -> None:
        """The load that was held, faults included."""
        ordered = sorted(took_s)
        if ordered:
            self.requests_per_second = round(len(ordered) / seconds, 1)
            self.p50_ms = round(ordered[len(ordered) // 2] * 1000, 1)
            self.p99_ms = round(ordered[len(ordered) * 99 // 100] * 1000, 1)

    def recovered(self, times_s: Sequence[float]) -> None:
        """Times from setting right to the next good answer."""
        if times_s:
            self.recovery_median_s = round(median(times_s), 2)
            self.recovery_worst_s = round(max(times_s), 2)

    def write(self, path: Path) -> None:
        """For programs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {"ok": self.ok, **asdict(self)}
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        struck = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items())) or "none"
        lines = [
            f"torture: {'held' if self.ok else 'FAILED'}",
            f"  seed {self.seed}, commit {self.commit}, {self.minutes:g} minutes, {self.clients} clients, {self.cores} cores",
            f"  load held     {self.requests_per_second:,} answers/s, p50 {self.p50_ms:,} ms, p99 {self.p99_ms:,} ms",
            f"  faults        {sum(self.faults.values())}: {struck}",
            f"  postings      requested {self.requested:,}, acknowledged {self.acknowledged:,}, refused {self.refused:,},"
            f" ambiguous {self.ambiguous:,}, durable {self.durable:,}",
            f"  answers       {self.requests:,} requests, {self.unanswered:,} postings without an answer at some time,"
            f" duplicates absorbed {self.duplicates_absorbed:,}",
            f"  lost {self.lost}, doubled {self.doubled}",
            f"  priced        {self.priced:,} events by {self.versions} versions of prices, {self.voided:,} of them voided;"
            f" {self.months} months recounted, {self.codes.get('CREDIT_LIMIT_EXCEEDED', 0):,} refused by a budget",
            f"  mispriced {self.mispriced}, budgets overspent {self.overspent}",
            f"  reads         {self.reads:,}, balances compared with the journal {self.balances_checked:,}",
            f"  recovery      median {self.recovery_median_s:.2f} s, worst {self.recovery_worst_s:.2f} s;"
            f" all work done {self.drained_s:.1f} s after the end",
            f"  verify        {'ok' if self.verify_ok else 'FAULTS'}: {self.verified}",
        ]
        return "\n".join([*lines, *(f"  FINDING {finding}" for finding in self.findings)])


def commit() -> str:
    """The commit that is being tortured, marked where files differ from it."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return said.stdout.strip() or "unknown"


def counted(codes: Counter[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(codes.most_common())
