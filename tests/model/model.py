"""The reference ledger: the judge of all drivers. See docs/decisions/0001 for every sentence in it.

``Model.judge(attempts)`` gives what each attempt must answer. The instants that a database reads from
its clock are not guessed: ``recorded(wallet_id, number)`` says when a transaction was recorded there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from ledger.book.commands import (
    Attempt,
    BookDue,
    Capture,
    Inflow,
    PlaceHold,
    Release,
    Reverse,
    SetOverdraft,
    SetStatus,
    Transfer,
    Use,
    Withdraw,
    event_hash,
    fingerprint,
    key_hash,
)
from ledger.errors import BY_CODE
from tests.model import guards, reversal
from tests.model.book import ModelBook, Refusal

POSTINGS_MAX = 1000
SKEW = timedelta(seconds=5)
LATE = timedelta(days=35)
KEPT = timedelta(hours=24)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Recorded = Callable[[int, int], datetime | None]


def undoes(answer: dict[str, Any]) -> bool:
    """Whether an answer undoes an atomic batch: any refusal but that of a fact which stands already."""
    return answer.get("code", "ALREADY_POSTED") != "ALREADY_POSTED"


class Model:
    """All books of a run, and the first instant that is in no closed period."""

    def __init__(self) -> None:
        self.books: dict[int, ModelBook] = {}
        self.open_from = EPOCH
        self.now = EPOCH
        self.recorded: Recorded = lambda wallet_id, number: None

    def open_wallet(self, wallet_id: int) -> None:
        self.books[wallet_id] = ModelBook(wallet_id)

    def know(self, state: Mapping[int, Mapping[str, Any]]) -> None:
        """Take from what is stored when each transaction was recorded."""

        def recorded(wallet_id: int, number: int) -> datetime | None:
            journal = state[wallet_id]["journal"]
            at: datetime | None = journal[number - 1]["recorded_at"] if number <= len(journal) else None
            return at

        self.recorded = recorded

    # Attempts

    def judge(self, attempts: Sequence[Attempt], now: datetime, *, atomic: bool = False) -> list[dict[str, Any]]:
        """What each attempt must answer, in order; the books stand afterwards as they must stand."""
        self.now = now
        if not atomic:
            return [self._attempt(attempt, remember=True) for attempt in attempts]
        for attempt in attempts:
            for wallet_id in self._touched(attempt.command):
                self._book_due(self.books[wallet_id])
        before = {wallet_id: book.copy() for wallet_id, book in self.books.items()}
        answers = [self._attempt(attempt, remember=False) for attempt in attempts]
        if any(undoes(answer) for answer in answers):
            self.books = before
        return answers

    def _attempt(self, attempt: Attempt, *, remember: bool) -> dict[str, Any]:
        command = attempt.command
        for wallet_id in self._touched(command):
            self._book_due(self.books[wallet_id])
        book = self.books.get(command.wallet_id)
        if isinstance(command, SetStatus | SetOverdraft | BookDue):
            return self._unkeyed(book, command)
        if isinstance(command, Reverse):
            command = structs.replace(command, other_id=self._other_id(command))
            attempt = structs.replace(attempt, command=command)
        key, print_ = key_hash(attempt.namespace, attempt.key), fingerprint(command)
        if book is not None:
            old = self._remembered(book, key, print_)
            if old is not None:
                return old
        before = {
            wallet_id: self.books[wallet_id].copy() for wallet_id in command.wallet_ids if wallet_id in self.books
        }
        try:
            if book is None or not all(wallet_id in self.books for wallet_id in command.wallet_ids):
                raise Refusal("NOT_FOUND")
            return self._command(book, attempt, key, print_)
        except Refusal as refusal:
            self.books.update(before)
            answer = {"code": refusal.code, "facts": refusal.facts, "replayed": False}
            if remember and book is not None and BY_CODE[refusal.code].remembered:
                self.books[command.wallet_id].refusals[key] = {**answer, "print": print_, "at": self.now}
            return answer

    def _other_id(self, command: Reverse) -> int | None:
        """The other wallet of what is to be reversed: stored, and never changing."""
        book = self.books.get(command.wallet_id)
        if book is None or not 0 < command.number <= len(book.journal):
            return None
        link = book.journal[command.number - 1]["link"]
        return link[0] if link else None

    def _touched(self, command: Any) -> list[int]:
        other_id = self._other_id(command) if isinstance(command, Reverse) else None
        touched = {*command.wallet_ids, *([other_id] if other_id else [])}
        return sorted(touched & self.books.keys())

    def _unkeyed(self, book: ModelBook | None, command: Any) -> dict[str, Any]:
        if book is None:
            return {"code": "NOT_FOUND", "facts": {}, "replayed": False}
        empty = book.wallet == book.held == book.disputed == book.owed == 0
        if isinstance(command, SetStatus):
            if book.status == "closed" and command.status != "closed":
                return {"code": "WALLET_CLOSED", "facts": {}, "replayed": False}
            if command.status == "closed" and not empty:
                return {"code": "WALLET_NOT_EMPTY", "facts": {}, "replayed": False}
            book.status = command.status
        elif isinstance(command, SetOverdraft):
            if command.limit < book.owed:
                return {"code": "LIMIT_BELOW_OWED", "facts": {}, "replayed": False}
            book.limit = command.limit
        return {"status": book.status, "limit": book.limit, "balances": balances(book)}

    def _remembered(self, book: ModelBook, key: bytes, print_: bytes) -> dict[str, Any] | None:
        conflict = {"code": "IDEMPOTENCY_CONFLICT", "facts": {}, "replayed": False}
        number = book.keys.get(key)
        if number is not None:
            transaction = book.journal[number - 1]
            same = transaction["fingerprint"] == print_
            return {"number": number, "wallet_id": book.wallet_id, "replayed": True} if same else conflict
        refusal = book.refusals.get(key)
        if refusal is not None and self.now < refusal["at"] + KEPT:
            if refusal["print"] != print_:
                return conflict
            return {"code": refusal["code"], "facts": refusal["facts"], "replayed": True}
        return None

    # Guards that all commands share

    def _command(self, book: ModelBook, attempt: Attempt, key: bytes, print_: bytes) -> dict[str, Any]:
        command = attempt.command
        event = event_hash(command.event_id) if isinstance(command, Use) and command.event_id else None
        if event in book.events:
            raise Refusal("ALREADY_POSTED", number=book.events[event], wallet_id=book.wallet_id)
        books = [self.books[wallet_id] for wallet_id in command.wallet_ids]
        guards.status(command, books)
        recorded = self._recorded_at(book)
        effective = self._effective_at(command, recorded)
        facts = {
            "key_hash": key,
            "fingerprint": print_,
            "event_hash": event,
            "actor": attempt.actor,
            "recorded_at": recorded,
            "effective_at": effective,
        }
        number = book.next_number
        answer = {"number": number, "wallet_id": book.wallet_id, "replayed": False}
        getattr(self, self.handlers()[type(command)])(book, command, facts)
        for touched in books:
            self._expire(touched, self.now, recorded)
        return answer

    def _effective_at(self, command: Any, recorded: datetime) -> datetime:
        asked = command.effective_at
        if asked is None:
            return recorded
        if asked > recorded:
            if asked > recorded + SKEW:
                raise Refusal("INVALID_EFFECTIVE_AT")
            return recorded
        if asked < recorded - LATE and not (isinstance(command, Use) and command.backfill):
            raise Refusal("INVALID_EFFECTIVE_AT")
        if isinstance(command, Use):
            return max(asked, self.open_from)
        if asked < self.open_from:
            raise Refusal("PERIOD_CLOSED")
        return asked

    def _recorded_at(self, book: ModelBook) -> datetime:
        seen = self.recorded(book.wallet_id, book.next_number)
        last = book.journal[-1]["recorded_at"] if book.journal else EPOCH
        return seen or max(self.now, last)

    def handlers(self) -> Mapping[type, str]:
        """By the type of a command: the method that carries it out."""
        return HANDLERS

    # What is due

    def _book_due(self, book: ModelBook) -> None:
        """Instant by instant: holds that end, then lots that end or that such a hold freed."""
        while True:
            holds = [it["expires_at"] for it in book.holds.values() if it["state"] == "open"]
            lots = [book.lots[lot]["expires_at"] for lot in book.lots if book.free(lot)]
            due = [at for at in holds + lots if at is not None and at <= self.now]
            if not due:
                return
            instant = min(due)
            for hold, it in sorted(book.holds.items()):
                if it["state"] == "open" and it["expires_at"] == instant:
                    self._end_hold(book, hold, instant)
            self._expire(book, instant, instant)

    def _end_hold(self, book: ModelBook, hold: int, instant: datetime) -> None:
        it = book.holds[hold]
        left = it["amount"] - it["captured"] - it["released"]
        book.unpin(hold, "wallet", left)
        it["released"] += left
        it["state"] = "expired"
        book.pay_debt()
        self._commit_due(book, "release", f"hold:{hold}", instant)

    def _expire(self, book: ModelBook, instant: datetime, effective: datetime) -> None:
        """What is free in lots that have expired at ``instant``."""
        for lot, it in sorted(book.lots.items()):
            part = book.free(lot)
            if part and it["expires_at"] is not None and it["expires_at"] <= instant:
                book.leave(lot, part)
                book.post("wallet", "expired", part, lot)
        if book.lines:
            self._commit_due(book, "expiry", f"expiry:{book.next_number}", effective)

    def _commit_due(self, book: ModelBook, kind: str, key: str, effective: datetime) -> None:
        recorded = self._recorded_at(book)
        book.commit(
            kind,
            effective_at=min(max(effective, self.open_from), recorded),
            recorded_at=recorded,
            actor="system",
            key_hash=key_hash("due", key),
            fingerprint=None,
        )

    # Commands

    def inflow(self, book: ModelBook, command: Inflow, facts: dict[str, Any]) -> None:
        if command.expires_at is not None and command.expires_at <= facts["recorded_at"]:
            raise Refusal("INVALID_EXPIRY")
        guards.limit(book, command.amount)
        book.status = "active" if book.status == "closed" else book.status
        lot = book.new_lot(
            command.source,
            command.amount,
            at=facts["effective_at"],
            priority=command.priority,
            expires_at=command.expires_at,
            cost=command.cost,
            currency=command.currency,
            join=command.join,
        )
        book.post(f"issued:{command.source}", "wallet", command.amount, lot)
        book.pay_debt()
        for line in command.money:
            book.post(line.debit, line.credit, line.amount, asset=line.asset)
        book.commit(command.of_kind, **facts)

    def use(self, book: ModelBook, command: Use, facts: dict[str, Any]) -> None:
        self._take_for(book, f"used:{command.service}", command.amount)
        book.commit("usage", **facts)

    def _take_for(self, book: ModelBook, account: str, amount: int) -> None:
        """Out of lots, then out of the overdraft."""
        guards.enough(amount, book.available)
        from_lots = min(amount, book.wallet)
        book.take(account, from_lots)
        if amount > from_lots:
            book.post("owed", account, amount - from_lots)

    def hold(self, book: ModelBook, command: PlaceHold, facts: dict[str, Any]) -> None:
        guards.enough(command.amount, book.wallet)
        name, left, slices = book.next_number, command.amount, {}
        for lot in book.open_lots():
            part = min(left, book.free(lot))
            if part:
                book.lots[lot]["pinned"] += part
                book.post("wallet", "held", part, lot, name)
                slices[lot] = part
                left -= part
        book.holds[name] = {
            "amount": command.amount,
            "captured": 0,
            "released": 0,
            "state": "open",
            "service": command.service,
            "placed_at": facts["recorded_at"],
            "expires_at": facts["recorded_at"] + timedelta(seconds=command.expires_in_s),
            "slices": slices,
        }
        book.commit("hold", **facts)

    def capture(self, book: ModelBook, command: Capture, facts: dict[str, Any]) -> None:
        hold, left = guards.open_hold(book, command.hold)
        amount = left if command.amount is None else command.amount
        account = f"used:{command.service or hold['service']}"
        backed = min(amount, left)
        guards.enough(amount, backed + book.available)
        book.unpin(command.hold, account, backed)
        hold["captured"] += backed
        if amount > backed:
            self._take_for(book, account, amount - backed)
        if command.final and left > backed:
            book.unpin(command.hold, "wallet", left - backed)
            hold["released"] += left - backed
        if hold["captured"] + hold["released"] == hold["amount"]:
            hold["state"] = "captured"
        book.pay_debt()
        book.commit("capture", **facts)

    def release(self, book: ModelBook, command: Release, facts: dict[str, Any]) -> None:
        hold, left = guards.open_hold(book, command.hold)
        book.unpin(command.hold, "wallet", left)
        hold["released"] += left
        hold["state"] = "released"
        book.pay_debt()
        book.commit("release", **facts)

    def transfer(self, book: ModelBook, command: Transfer, facts: dict[str, Any]) -> None:
        if command.payee_id == command.wallet_id:
            raise Refusal("SAME_WALLET")
        payee = self.books[command.payee_id]
        guards.enough(command.amount, book.wallet)
        guards.limit(payee, command.amount)
        pieces = []
        for lot, part, cost in book.take("transit", command.amount):
            it = book.lots[lot]
            pieces.append((part, it["priority"], it["expires_at"], cost, it["currency"] if cost else None))
        self.move(book, payee, pieces, command.of_kind, facts, book, {})

    def move(
        self,
        giver: ModelBook,
        taker: ModelBook,
        pieces: list[tuple[Any, ...]],
        kind: str,
        facts: dict[str, Any],
        first: ModelBook,
        other_facts: dict[str, Any],
    ) -> None:
        """The credits stand in transit: bring them into the taker's book, and their cost with them.

        ``first`` is the book that has the client's key, the other one has the leg's.
        """
        for part, priority, expires_at, cost, currency in pieces:
            lot = taker.new_lot(
                "transfer",
                part,
                at=facts["effective_at"],
                priority=priority,
                expires_at=expires_at,
                cost=cost,
                currency=currency,
            )
            taker.post("transit", "wallet", part, lot)
        taker.pay_debt()
        for _, _, _, cost, currency in pieces:
            if cost:
                giver.post("deferred_revenue", "transit", cost, asset=currency)
                taker.post("transit", "deferred_revenue", cost, asset=currency)
        second = taker if first is giver else giver
        link = (first.wallet_id, first.next_number), (second.wallet_id, second.next_number)
        leg = {
            **facts,
            **other_facts,
            "event_hash": None,
            "recorded_at": self._recorded_at(second),
            "fingerprint": None,
            "key_hash": key_hash("leg", f"{first.wallet_id}:{first.next_number}"),
        }
        first.commit(kind, link=link[1], **facts)
        second.commit(kind, link=link[0], **leg)

    def withdraw(self, book: ModelBook, command: Withdraw, facts: dict[str, Any]) -> None:
        guards.enough(command.amount, book.wallet)
        book.take("withdrawn:adjustment", command.amount)
        book.commit(command.of_kind, **facts)

    def reverse(self, book: ModelBook, command: Reverse, facts: dict[str, Any]) -> None:
        reversal.reverse(self, book, command, facts)


HANDLERS: dict[type, str] = {
    Inflow: "inflow",
    Use: "use",
    PlaceHold: "hold",
    Capture: "capture",
    Release: "release",
    Transfer: "transfer",
    Withdraw: "withdraw",
    Reverse: "reverse",
}


def balances(book: ModelBook) -> tuple[int, int, int, int, int]:
    return book.wallet, book.held, book.disputed, book.owed, book.limit
