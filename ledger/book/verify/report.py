"""What verify says: how much it checked, and the first fault of each kind with its place."""

import json
from typing import Any

import msgspec

from ledger.kit.ids import wallet_public


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something stored that does not follow from the postings before it.

    ``number`` is the first transaction where it shows (None where it belongs to none); ``place`` says
    where in it, or names the row (``line 2``, ``lot 7``, ``head``, ``anchor 3``). ``wallet_id`` is None for what is
    of no book.
    """

    kind: str
    wallet_id: int | None
    number: int | None
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        book = "" if self.wallet_id is None else f"{wallet_public(self.wallet_id)}, "
        at = "" if self.number is None else f"transaction {self.number}, "
        return f"{self.kind}: {book}{at}{self.place}: expected {self.expected}, found {self.found}"


class Report(msgspec.Struct):
    """``faults`` has the first of each kind, in the order in which they were met; ``counts`` how many
    there are of each. One wrong amount makes all balances after it wrong: begin with the first."""

    checked: dict[str, int]
    faults: list[Fault]
    counts: dict[str, int]
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.faults

    @classmethod
    def empty(cls) -> "Report":
        names = ("wallets", "transactions", "postings", "lots", "holds", "events", "notes", "leaves", "anchors")
        return cls(checked=dict.fromkeys(names, 0), faults=[], counts={})

    def add(self, fault: Fault) -> None:
        seen = self.counts.get(fault.kind, 0)
        self.counts[fault.kind] = seen + 1
        if not seen:
            self.faults.append(fault)

    def say(
        self, wallet_id: int | None, kind: str, number: int | None, place: str, expected: object, found: object
    ) -> None:
        """``add`` in one line."""
        self.add(
            Fault(
                kind=kind,
                wallet_id=wallet_id,
                number=number,
                place=place,
                expected=str(expected),
                found=str(found),
            )
        )

    def join(self, other: "Report") -> None:
        """Take up what another report says of other books."""
        for what, count in other.checked.items():
            self.checked[what] += count
        for fault in other.faults:
            if fault.kind not in self.counts:
                self.faults.append(fault)
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count

    def to_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "checked": self.checked,
            "faults": [
                {
                    "kind": fault.kind,
                    "count": self.counts[fault.kind],
                    "wallet_id": None if fault.wallet_id is None else wallet_public(fault.wallet_id),
                    "number": fault.number,
                    "place": fault.place,
                    "expected": fault.expected,
                    "found": fault.found,
                }
                for fault in self.faults
            ],
            "seconds": round(self.seconds, 3),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False)
