"""The journal as a CSV file: one record a side of each posting, and sums at the end.

RFC 4180, UTF-8, lines end with CR LF. Every record has the columns of ``COLUMNS``; the first says what it is:

    record    what it is
    posting   a side of a posting: ``amount`` of ``asset`` on ``side`` of ``account``
    total     at the end, for each asset and side: the sum of all amounts above
    trailer   the last record: the file is whole. ``number`` and ``line`` count transactions and ``posting`` records,
              ``recorded_at`` is the instant whose state the file shows

A file without a trailer is not whole: what broke it breaks the connection too. Debits and credits of an asset are
equal in every posting, so they are in the totals. Amounts are exact decimals; text that a spreadsheet would run as a
formula is neutralised (``ledger.finance.spreadsheet``); an empty cell is a thing that is not there.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ledger.book.commands import Notes
from ledger.finance.spreadsheet import neutral
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import format_amount

COLUMNS: Final = (
    "record",
    "transaction_id",
    "number",
    "line",
    "side",
    "account",
    "asset",
    "amount",
    "kind",
    "effective_at",
    "recorded_at",
    "wallet_id",
    "owner_id",
    "actor",
    "reverses",
    "linked_to",
    "lot_id",
    "hold_id",
    "key",
    "event_id",
    "description",
    "metadata",
)

_notes = msgspec.json.Decoder(Notes).decode
_json = msgspec.json.Encoder(order="deterministic").encode

Cell = str | int | None


class Line(NamedTuple):
    """A posting with what its transaction says. ``notes``: as stored; None when erased."""

    wallet_id: int
    number: int
    line: int
    debit: str
    credit: str
    asset: str
    amount: int
    lot: int | None
    hold: int | None
    kind: str
    effective_at: datetime
    recorded_at: datetime
    actor: str
    reverses: int | None
    link_wallet_id: int | None
    link_number: int | None
    notes: str | None
    owner_id: str | None


class Journal:
    """Makes the parts of one file, and keeps the sums that its end tells."""

    def __init__(self) -> None:
        self.records = 0
        self.transactions = 0
        self._sums: dict[str, list[int]] = {}
        self._last: tuple[int, int] | None = None
        self._shared: tuple[Sequence[Cell], Sequence[Cell]] = ((), ())

    def header(self) -> bytes:
        """The first record: the names of the columns."""
        return encode([COLUMNS])

    def part(self, lines: Iterable[Line]) -> bytes:
        """The records of some postings; those of a transaction come one after the other."""
        records: list[Sequence[Cell]] = []
        for line in lines:
            if (line.wallet_id, line.number) != self._last:
                self._begin(line)
            head, facts = self._shared
            amount = format_amount(line.amount, line.asset)
            lot = None if line.lot is None else row_public("lot", line.wallet_id, line.lot)
            hold = None if line.hold is None else row_public("hld", line.wallet_id, line.hold)
            tail = (line.asset, amount, *facts[:8], lot, hold, *facts[8:])
            records.append((*head, line.line, "debit", neutral(line.debit), *tail))
            records.append((*head, line.line, "credit", neutral(line.credit), *tail))
            sums = self._sums.setdefault(line.asset, [0, 0])
            sums[0] += line.amount
            sums[1] += line.amount
        self.records += len(records)
        return encode(records)

    def _begin(self, line: Line) -> None:
        """What all records of a transaction share, made once."""
        wallet_id = line.wallet_id
        self._last = wallet_id, line.number
        self.transactions += 1
        notes = Notes() if line.notes is None else _notes(line.notes)
        reverses = None if line.reverses is None else row_public("txn", wallet_id, line.reverses)
        linked = None
        if line.link_wallet_id is not None and line.link_number is not None:
            linked = row_public("txn", line.link_wallet_id, line.link_number)
        self._shared = (
            ("posting", row_public("txn", wallet_id, line.number), line.number),
            (
                line.kind,
                shown(line.effective_at),
                shown(line.recorded_at),
                wallet_public(wallet_id),
                _text(line.owner_id),
                _text(line.actor),
                reverses,
                linked,
                _text(notes.key),
                _text(notes.event_id),
                _text(notes.description),
                _json(notes.metadata).decode() if notes.metadata else None,
            ),
        )

    def end(self, at: datetime) -> bytes:
        """The totals and the trailer: ``at`` is the instant whose state the file shows."""
        records = []
        for asset, sums in sorted(self._sums.items()):
            for side, amount in zip(("debit", "credit"), sums, strict=True):
                records.append(_record(record="total", side=side, asset=asset, amount=format_amount(amount, asset)))
        counts = {"number": str(self.transactions), "line": str(self.records)}
        records.append(_record(record="trailer", recorded_at=shown(at), **counts))
        return encode(records)


def encode(records: Iterable[Sequence[Cell]]) -> bytes:
    """Records as RFC 4180 has them, in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue().encode()


def shown(at: datetime) -> str:
    """An instant in UTC, to the microsecond: equal lengths, so that text sorts as time does."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _text(value: str | None) -> str | None:
    return None if value is None else neutral(value)


def _record(**cells: str) -> list[Cell]:
    return [cells.get(name) for name in COLUMNS]
