"""What came of a storm: one page for people, ``webhook-storm.json`` for programs."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RATIO_MAX = 2.0
"""Receivers that fail may make the others wait this much longer, and not more."""


@dataclass
class Waits:
    """From the answer to a posting until the event stands at a receiver. ``worst_p99_ms``: of the slowest receiver."""

    deliveries: int = 0
    per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    worst_p99_ms: float = 0.0
    by_receiver: list[tuple[float, float]] = field(default_factory=list)
    """p50 and p99 of each, in milliseconds."""

    @classmethod
    def of(cls, waits_s: Sequence[Sequence[float]], seconds: float) -> "Waits":
        """Of the waits at each receiver, within so many seconds in all."""
        every = [wait for one in waits_s for wait in one]
        by_receiver = [(_ms(one, 50), _ms(one, 99)) for one in waits_s]
        return cls(
            len(every),
            round(len(every) / seconds, 1),
            _ms(every, 50),
            _ms(every, 99),
            max(p99 for _, p99 in by_receiver),
            by_receiver,
        )

    def __str__(self) -> str:
        return (
            f"{self.deliveries:9,}{self.per_s:9,.0f}/s{self.p50_ms:10,.1f} ms{self.p99_ms:10,.1f} ms"
            f"{self.worst_p99_ms:10,.1f} ms"
        )


@dataclass
class Fate:
    """What became of the deliveries to receivers that fail in one way. ``ends``: how their attempts ended."""

    deliveries: int = 0
    exhausted: int = 0
    attempts: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    warned: bool = False
    disabled_for: str | None = None


@dataclass
class Report:
    """Everything that a run says of itself. ``findings`` is what must be empty."""

    seed: int
    wanted: int
    pace_per_s: float
    commit: str = ""
    cores: int = field(default_factory=lambda: os.cpu_count() or 0)
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)
    load_after: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seconds: float = 0.0
    events: int = 0
    receivers: int = 0
    alone: Waits = field(default_factory=Waits)
    beside: Waits = field(default_factory=Waits)
    fates: dict[str, Fate] = field(default_factory=dict)
    delivered: int = 0
    exhausted: int = 0
    unfinished: int = 0
    lost: int = 0
    doubled: int = 0
    attempts: int = 0
    warnings: int = 0
    disabled: int = 0
    moved_h: float = 0.0
    drained_s: float = 0.0
    verify_ok: bool = False
    verified: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.verify_ok and not (self.findings or self.lost or self.doubled or self.unfinished)

    @property
    def ratios(self) -> tuple[float, float]:
        """Of p50 and of p99 beside receivers that fail, to those without."""
        return (
            round(self.beside.p50_ms / max(self.alone.p50_ms, 0.1), 2),
            round(self.beside.p99_ms / max(self.alone.p99_ms, 0.1), 2),
        )

    @property
    def fair(self) -> bool:
        """Whether those that take events hardly notice the others."""
        return self.ratios[1] < RATIO_MAX

    def write(self, path: Path) -> None:
        """For programs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {"ok": self.ok, "fair": self.fair, "ratios": self.ratios, **asdict(self)}
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        p50, p99 = self.ratios
        held = f"{'all is delivered or exhausted' if self.ok else 'FAILED'}, {'fair' if self.fair else 'NOT FAIR'}"
        lines = [
            f"webhook storm: {held}",
            f"  seed {self.seed}, commit {self.commit}, {self.pace_per_s:g} events a second, {self.cores} cores,"
            f" load average {self.load_before[0]:.1f} before and {self.load_after[0]:.1f} after, {self.seconds:.0f} s",
            f"  {'to those that take them':24}{'deliveries':>12}{'':>8}{'p50':>13}{'p99':>13}{'worst p99':>13}",
            f"  {'alone':24}{self.alone}",
            f"  {'beside those that fail':24}{self.beside}",
            f"  {'ratio':24}{'':20}{p50:10.2f}{p99:13.2f}      aim: less than {RATIO_MAX:g}",
            f"  {'those that fail':22}{'deliveries':>11}{'exhausted':>11}{'attempts':>10}  {'warned':8}{'disabled':10}ended",
            *(
                f"  {kind:22}{fate.deliveries:11,}{fate.exhausted:11,}{fate.attempts:10,}"
                f"  {'yes' if fate.warned else 'no':8}{fate.disabled_for or 'no':10}{_listed(fate.ends)}"
                for kind, fate in self.fates.items()
            ),
            f"  events {self.events:,} to {self.receivers} receivers: deliveries {self.delivered:,} delivered,"
            f" {self.exhausted:,} exhausted, {self.unfinished:,} unfinished; {self.attempts:,} attempts",
            f"  lost {self.lost}, doubled {self.doubled}",
            f"  {self.warnings} warnings and {self.disabled} ends were told of;"
            f" the clock was moved by {self.moved_h:g} hours, which took {self.drained_s:.0f} s",
            f"  verify {'ok' if self.verify_ok else 'FAULTS'}: {self.verified}",
        ]
        return "\n".join([*lines, *(f"  FINDING {finding}" for finding in self.findings)])


def _ms(waits_s: Sequence[float], place: int) -> float:
    """The ``place``-th of a hundred of these seconds, in milliseconds."""
    return round(sorted(waits_s)[min(len(waits_s) - 1, len(waits_s) * place // 100)] * 1000, 1) if waits_s else 0.0


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {end}" for end, count in sorted(counts.items())) or "none"
