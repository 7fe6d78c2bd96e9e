"""A book of the model: dictionaries and lists, and the few moves all commands are made of.

Written from docs/decisions/0001 alone. Nothing here is fast and nothing is clever.
"""

from datetime import UTC, datetime
from typing import Any

from ledger.book.commands import PRIORITY_DEFAULT
from ledger.kit.money import AMOUNT_MAX
from tests.model.limits import Limit
from tests.model.prices import Account

FAR = datetime.max.replace(tzinfo=UTC)


class Refusal(Exception):
    """The command is refused. ``facts`` are those that the decision record names."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def share(cost: int, amount: int, start: int, end: int) -> int:
    return cost * end // amount - cost * start // amount


class ModelBook:
    """One wallet. ``journal`` has a dictionary per transaction; nothing in it changes afterwards."""

    def __init__(self, wallet_id: int) -> None:
        self.wallet_id = wallet_id
        self.wallet = 0
        self.held = 0
        self.disputed = 0
        self.owed = 0
        self.limit = 0
        self.status = "active"
        self.lots: dict[int, dict[str, Any]] = {}
        self.holds: dict[int, dict[str, Any]] = {}
        self.journal: list[dict[str, Any]] = []
        self.keys: dict[bytes, int] = {}
        self.events: dict[bytes, int] = {}
        self.refusals: dict[bytes, dict[str, Any]] = {}
        self.lines: list[list[Any]] = []
        self.account = Account()
        self.limits: dict[int, Limit] = {}

    def copy(self) -> "ModelBook":
        other = ModelBook(self.wallet_id)
        other.__dict__.update(self.__dict__)
        other.lots = {name: dict(lot) for name, lot in self.lots.items()}
        other.holds = {name: {**hold, "slices": dict(hold["slices"])} for name, hold in self.holds.items()}
        other.journal = list(self.journal)
        other.account = self.account.copy()
        for name in ("keys", "events", "refusals", "limits"):
            setattr(other, name, dict(getattr(self, name)))
        other.lines = []
        return other

    @property
    def available(self) -> int:
        return self.wallet + max(0, self.limit - self.owed)

    @property
    def next_number(self) -> int:
        return len(self.journal) + 1

    def free(self, lot: int) -> int:
        return int(self.lots[lot]["remaining"] - self.lots[lot]["pinned"])

    def burn_order(self, lot: int) -> tuple[Any, ...]:
        it = self.lots[lot]
        return it["priority"], it["expires_at"] or FAR, it["cost"] > 0, lot

    def open_lots(self) -> list[int]:
        return sorted((lot for lot in self.lots if self.free(lot) > 0), key=self.burn_order)

    # Moves

    def post(
        self,
        debit: str,
        credit: str,
        amount: int,
        lot: int | None = None,
        hold: int | None = None,
        asset: str = "CREDIT",
    ) -> None:
        """Write a line and move the balances; what it does to its lot was done before."""
        assert amount > 0
        if asset == "CREDIT":
            for account in ("wallet", "held", "disputed"):
                moved = ((credit == account) - (debit == account)) * amount
                setattr(self, account, getattr(self, account) + moved)
            self.owed += ((debit == "owed") - (credit == "owed")) * amount
        assert min(self.wallet, self.held, self.disputed, self.owed) >= 0
        lot_after = None if lot is None else self.lots[lot]["remaining"]
        balance = self.wallet + self.held - self.owed
        self.lines.append([debit, credit, asset, amount, lot, lot_after, hold, balance])

    def take(self, credit: str, amount: int) -> list[tuple[int, int, int]]:
        """``wallet → credit`` lot by lot; gives (lot, amount, share of its cost) of each line."""
        taken = []
        for lot in self.open_lots():
            part = min(amount, self.free(lot))
            if part == 0:
                break
            taken.append((lot, part, self.leave(lot, part)))
            self.post("wallet", credit, part, lot)
            amount -= part
        assert amount == 0
        return taken

    def leave(self, lot: int, amount: int) -> int:
        """Credits leave a lot; their share of its cost."""
        it = self.lots[lot]
        used = it["amount"] - it["remaining"]
        it["remaining"] -= amount
        return share(it["cost"], it["amount"], used, used + amount)

    def new_lot(
        self,
        source: str,
        amount: int,
        *,
        at: datetime,
        priority: int = PRIORITY_DEFAULT,
        expires_at: datetime | None = None,
        cost: int = 0,
        currency: str | None = None,
        join: bool = True,
    ) -> int:
        """A lot, or the oldest open one that is alike and does not grow too large."""
        alike = [
            name
            for name, lot in sorted(self.lots.items())
            if lot["remaining"] > 0
            and (lot["source"], lot["priority"], lot["expires_at"], lot["cost"]) == (source, priority, expires_at, 0)
        ]
        if join and cost == 0 and alike and self.lots[alike[0]]["amount"] + amount <= AMOUNT_MAX:
            self.lots[alike[0]]["amount"] += amount
            self.lots[alike[0]]["remaining"] += amount
            return alike[0]
        name = len(self.lots) + 1
        self.lots[name] = {
            "source": source,
            "amount": amount,
            "remaining": amount,
            "pinned": 0,
            "priority": priority,
            "effective_at": at,
            "expires_at": expires_at,
            "cost": cost,
            "currency": currency if cost else None,
        }
        return name

    def pay_debt(self) -> None:
        self.take("owed", min(self.wallet, self.owed))

    def unpin(self, hold: int, credit: str, amount: int) -> None:
        """``held → credit`` out of the hold's slices, in burn-down order of their lots."""
        slices = self.holds[hold]["slices"]
        for lot in sorted(slices, key=self.burn_order):
            part = min(amount, slices[lot])
            if part == 0:
                continue
            slices[lot] -= part
            self.lots[lot]["pinned"] -= part
            if credit != "wallet":
                self.leave(lot, part)
            self.post("held", credit, part, lot, hold)
            amount -= part
        assert amount == 0

    def commit(self, kind: str, *, effective_at: datetime, recorded_at: datetime, **facts: Any) -> dict[str, Any]:
        """Close the transaction whose lines were posted."""
        assert len(self.lines) > 0 or kind in ("usage", "void"), "only what is free has no lines"
        if len(self.lines) > 1000:
            raise Refusal("TOO_MANY_POSTINGS")
        transaction = {
            "number": self.next_number,
            "kind": kind,
            "effective_at": effective_at,
            "recorded_at": recorded_at,
            "reverses": None,
            "link": None,
            "event_hash": None,
            **facts,
            "after": (self.wallet, self.held, self.disputed, self.owed, self.limit),
            "postings": tuple((line, *rest) for line, rest in enumerate(map(tuple, self.lines), start=1)),
        }
        self.lines = []
        self.journal.append(transaction)
        if facts.get("key_hash") is not None:
            self.keys[facts["key_hash"]] = transaction["number"]
        if facts.get("event_hash") is not None:
            self.events[facts["event_hash"]] = transaction["number"]
        return transaction
