"""The table for people and ``bench.json`` for programs: the same rows."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure. ``ratio`` is value ÷ baseline; ``aim`` says which of them must be how much; ``holds`` is None where
    nothing is claimed, or where a baseline was too weak to be compared with (``note`` says so)."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    aim: str | None = None
    holds: bool | None = None
    note: str | None = None
    against: str | None = None


def table(rows: list[Row]) -> str:
    """The rows in columns."""
    head = ("figure", "value", "unit", "baseline", "ratio", "aim", "holds", "baseline is; notes")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if place in (1, 3, 4) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    told = "; ".join(text for text in (row.against, row.note) if text)
    holds = {None: "void" if row.aim else "", True: "yes", False: "NO"}[row.holds]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (row.name, _number(row.value), row.unit, _number(row.baseline), ratio, row.aim or "", holds, told)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}".rstrip("0").rstrip(".")


def write(path: Path, rows: list[Row], facts: dict[str, Any], rounds: dict[str, list[float]]) -> None:
    """Write for programs: where it was taken, the rows, and every round's value of every figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {**facts, "rows": [asdict(row) for row in rows], "rounds": rounds}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
