"""The judge: a client's journal against the book, by SQL and arithmetic of its own.

    lost            acknowledged, and not in the book, or not as it was acknowledged
    doubled         one key or one event stands in more than one transaction, or was acknowledged as two
    unrequested     in the book, and nobody asked for it, or not for that
    unrefused       refused for good, and in the book
    wrong answers   500, or anything else that a sound request must never be told

Then the full ``verify``, which recounts prices and budgets too. What nobody was told of (ambiguous to the end) may be in the book or not.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from ledger.book.verify import Report, verify_now
from ledger.budgets.verify import verify_budgets
from ledger.kit.ids import parse_row, parse_wallet, row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.rates.verify import verify_usage
from ledger.refill.verify import verify_refills
from tests.faults.journal import Asked, Record, Told

SHOWN_MAX = 5
"""Findings of each kind that are told in full."""

REMEMBERED = frozenset((402, 409, 422))
RIGHT = frozenset((0, 200, 201, 402, 409, 422, 429, 503))
"""What a sound request may be told; 0 is nothing at all."""

NEVER_TOLD = frozenset(("UNKNOWN_METER", "UNKNOWN_DIMENSION", "PRICE_NOT_FOUND"))
"""Codes of those that say the request was not sound: what is measured here stands in the card before."""

_BOOK = """
SELECT t.wallet_id, t.number, t.kind, uuid_send(t.key_hash), uuid_send(t.event_hash), t.actor, t.reverses,
    t.link_wallet_id, t.link_number, encode(t.hash, 'hex'), t.wallet_after + t.held_after - t.owed_after,
    coalesce(nullif(sum(p.amount) FILTER (WHERE NOT (p.debit = ANY(%(own)s) AND p.credit = ANY(%(own)s))), 0),
        sum(p.amount) FILTER (WHERE NOT (p.debit = 'wallet' AND p.credit = 'owed')), 0)::bigint, t.effective_at
FROM transactions t
LEFT JOIN postings p ON p.wallet_id = t.wallet_id AND p.number = t.number AND p.asset = 'CREDIT'
WHERE %(wallets)s::bigint[] IS NULL OR t.wallet_id = ANY(%(wallets)s)
GROUP BY t.wallet_id, t.number"""

_OWN = ["wallet", "held", "disputed", "owed"]


class Row(NamedTuple):
    """A transaction as the judge reads it from the database."""

    wallet: int
    number: int
    kind: str
    key: bytes
    event: bytes | None
    actor: str
    reverses: int | None
    link_wallet: int | None
    link_number: int | None
    hash: str
    balance: int
    amount: int
    effective_at: datetime

    @property
    def id(self) -> str:
        return row_public("txn", self.wallet, self.number)


@dataclass
class Judgement:
    """What was found. ``ambiguous``: asked for, and never settled; ``absorbed``: repetitions that changed nothing."""

    requested: int = 0
    acknowledged: int = 0
    refused: int = 0
    ambiguous: int = 0
    durable: int = 0
    absorbed: int = 0
    unanswered: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unrequested: list[str] = field(default_factory=list)
    unrefused: list[str] = field(default_factory=list)
    wrong_answers: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    verify: Report | None = None

    @property
    def findings(self) -> list[str]:
        """Everything that must not be, a line each."""
        kinds = ("lost", "doubled", "unrequested", "unrefused", "wrong_answers")
        found = [f"{kind}: {line}" for kind in kinds for line in getattr(self, kind)[:SHOWN_MAX]]
        return found + [f"verify: {fault}" for fault in (self.verify.faults if self.verify else [])]

    @property
    def ok(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        counted = ("requested", "acknowledged", "refused", "ambiguous", "durable", "absorbed", "unanswered")
        told = ", ".join(f"{name} {getattr(self, name)}" for name in counted)
        return f"{told}, lost {len(self.lost)}, doubled {len(self.doubled)}"


def judge(url: str, records: Sequence[Record], *, wallets: Sequence[str] | None = None) -> Judgement:
    """Compare and verify; only these ``wallets`` of the book, or all there are."""
    ids = None if wallets is None else [parse_wallet(wallet) for wallet in wallets]
    found = compare(records, rows(url, ids))
    found.verify = verify_now(url, ids)
    verify_budgets(url, found.verify, ids)
    verify_usage(url, found.verify, ids)
    verify_refills(url, found.verify, ids)
    return found


def check(url: str, records: Sequence[Record], **more: Any) -> Judgement:
    """``judge``, failing with what was found."""
    found = judge(url, records, **more)
    assert found.ok, "\n".join([str(found), *found.findings])
    return found


def rows(url: str, wallets: Sequence[int] | None = None) -> list[Row]:
    """The journal of the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(_BOOK, {"own": _OWN, "wallets": None if wallets is None else list(wallets)})
        return [Row(*row) for row in found]


def compare(records: Sequence[Record], book: Sequence[Row]) -> Judgement:
    """The journal against the rows, without a database."""
    return _Case(records, book).judgement()


def key_hash(namespace: str, key: str) -> bytes:
    return hashlib.sha256(f"{namespace}\x00{key}".encode()).digest()[:16]


def event_hash(event_id: str) -> bytes:
    return hashlib.sha256(b"event\x00" + event_id.encode()).digest()[:16]


class _Case:
    """One comparison: what was asked and told by (wallet, key), and the book by (wallet, number)."""

    def __init__(self, records: Sequence[Record], book: Sequence[Row]) -> None:
        self.found = Judgement(durable=len(book))
        self.book = {(row.wallet, row.number): row for row in book}
        self.by_key = {(row.wallet, row.key): row for row in book}
        self.asked: dict[tuple[int, bytes], Asked] = {}
        self.amended: dict[tuple[int, bytes], Asked] = {}
        self.told: dict[tuple[int, bytes], list[Told]] = defaultdict(list)
        for record in records:
            place = (parse_wallet(record.wallet), key_hash(f"client:{record.client}", record.key))
            if isinstance(record, Asked):
                self.asked[place] = record
                if record.amends is not None:
                    void = key_hash(f"amend:client:{record.client}", record.key)
                    self.amended[place[0], void] = record
            else:
                self.told[place].append(record)

    def judgement(self) -> Judgement:
        for place, asked in self.asked.items():
            self._answers(place, asked, self.told.get(place, []))
        self._unique()
        for row in self.book.values():
            self._requested(row)
        self.found.requested = len(self.asked)
        return self.found

    def _answers(self, place: tuple[int, bytes], asked: Asked, told: list[Told]) -> None:
        found, name = self.found, f"{asked.wallet} {asked.key}"
        for one in told:
            found.codes[one.code or one.outcome] += 1
            found.unanswered += one.status == 0
            if one.status not in RIGHT or one.code in NEVER_TOLD:
                found.wrong_answers.append(f"{name} ({asked.command}) was told {one.status} {one.code}")
        posted = [one for one in told if one.outcome == "posted"]
        final = [one for one in told if one.outcome == "refused"]
        found.acknowledged += bool(posted)
        found.refused += bool(final)
        found.ambiguous += not posted and not final
        found.absorbed += sum(one.replayed for one in posted)
        for one in posted:
            self._acknowledged(asked, one)
        if len({(one.transaction, one.amount, one.hash, one.balance) for one in posted if one.hash}) > 1:
            found.doubled.append(f"{name} was told different results: {posted}")
        if final and (place in self.by_key or posted) and any(one.status in REMEMBERED for one in final):
            found.unrefused.append(f"{name} was refused with {final[0].code}, and is in the book")

    def _acknowledged(self, asked: Asked, told: Told) -> None:
        """That what a client was told stands in the book, as it was told."""
        name = f"{asked.wallet} {asked.key} ({asked.command}) was told {told.transaction}"
        row = self.book.get(parse_row("txn", told.transaction or "", "transaction"))
        if row is None:
            self.found.lost.append(f"{name}, which is not in the book")
            return
        same_event = asked.event_id is not None and row.event == event_hash(asked.event_id)
        if row.key != key_hash(f"client:{asked.client}", asked.key) and not same_event:
            self.found.lost.append(f"{name}, which is another one's")
        if told.hash is not None and told.hash != row.hash:
            self.found.lost.append(f"{name} with the hash {told.hash}, and it is {row.hash}")
        if told.balance is not None and told.balance != format_amount(row.balance):
            self.found.lost.append(f"{name} with the balance {told.balance}, and it is {format_amount(row.balance)}")
        if told.amount is not None and told.amount != format_amount(row.amount):
            self.found.lost.append(f"{name} with the amount {told.amount}, and it is {format_amount(row.amount)}")

    def _unique(self) -> None:
        """One transaction for each key and each event of a wallet. (The database has indexes for it; who knows.)"""
        seen = Counter((row.wallet, row.key) for row in self.book.values())
        seen.update((row.wallet, row.event) for row in self.book.values() if row.event is not None)
        for (wallet, _), count in seen.items():
            if count > 1:
                self.found.doubled.append(f"{wallet_public(wallet)}: one key or event in {count} transactions")

    def _requested(self, row: Row) -> None:
        """That somebody asked for exactly this, or for what it is the other side of, or that its time had come."""
        if row.actor == "system" and row.kind in ("expiry", "release"):
            return
        asked = self.asked.get((row.wallet, row.key))
        if asked is not None:
            self._as_asked(asked, row)
            return
        amended = self.amended.get((row.wallet, row.key))
        if amended is not None:
            self._void_of(amended, row)
            return
        first = self.book.get((row.link_wallet or 0, row.link_number or 0))
        if first is None or row.key != key_hash("leg", f"{first.wallet}:{first.number}"):
            self.found.unrequested.append(f"{row.id} ({row.kind} of {format_amount(row.amount)})")
        elif (first.link_wallet, first.link_number) != (row.wallet, row.number) or first.amount != row.amount:
            self.found.unrequested.append(f"{row.id} is not the other side of {first.id}")

    def _void_of(self, asked: Asked, row: Row) -> None:
        """The void of an amendment is of what is amended, and stands in the book with the new charge or not at all."""
        of = parse_row("txn", asked.amends or "", "transaction")[1]
        charge = self.by_key.get((row.wallet, key_hash(f"client:{asked.client}", asked.key)))
        if (row.kind, row.reverses) != ("void", of) or charge is None or charge.number < row.number:
            self.found.unrequested.append(f"{row.id} is not the void that {asked.key} amends {asked.amends} by")

    def _as_asked(self, asked: Asked, row: Row) -> None:
        of = None if asked.of is None else parse_row("txn", asked.of, "transaction")[1]
        payee = None if asked.payee is None else parse_wallet(asked.payee)
        event = None if asked.event_id is None else event_hash(asked.event_id)
        if asked.amends is not None:
            void = key_hash(f"amend:client:{asked.client}", asked.key)
            if (row.wallet, void) not in self.by_key:
                self.found.unrequested.append(f"{row.id} amends {asked.amends}, which was not voided by it")
        wrong = [
            f"{name} {found!r}, asked for {wanted!r}"
            for name, found, wanted in (
                ("kind", row.kind, asked.command),
                ("amount", row.amount, row.amount if asked.amount is None else asked.amount),
                ("reverses", row.reverses, of),
                ("payee", row.link_wallet, row.link_wallet if payee is None else payee),
                ("event", row.event, event),
            )
            if found != wanted
        ]
        if wrong:
            self.found.unrequested.append(f"{row.id} under {asked.key}: {'; '.join(wrong)}")
