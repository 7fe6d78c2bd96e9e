"""One book, recomputed from its postings: the chain, the balances, lots and holds.

Rows are plain tuples in the column order of ``rows.py``; times are microseconds. Memory is that of the
book's lots, its open holds and what was reversed in it, not of its postings.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec

from ledger.book.chart import DISPUTED, HELD, OWED, WALLET
from ledger.book.commands import key_hash
from ledger.book.hashing import VERSION, genesis
from ledger.book.verify.effects import EMPTY_KINDS, FINAL_KINDS, SETTLES, SHAPES, Effect, effect_of
from ledger.book.verify.rows import EPOCH_US, HoldRow, LotRow, WalletRow
from ledger.kit.money import CREDIT

_pack = msgspec.msgpack.Encoder().encode
_sha256 = hashlib.sha256
_empty = hashlib.sha256().copy
_json = msgspec.json.Decoder().decode
_OWN = tuple((own, CREDIT) for own in (WALLET, HELD, DISPUTED, OWED))
_NONE: frozenset[int] = frozenset()

Say = Callable[[str, int | None, str, object, object], None]
"""``say(kind, number, place, expected, found)`` reports a fault."""

Moved = dict[tuple[str, str], int]
"""What went into each account, by asset; negative where it came out."""

Leg = tuple[int, int, int | None, int | None, dict[str, int]]
"""A transaction that touches ``transit``: wallet, number, the linked one, and what went in by asset."""


class Lot:
    """A lot as the postings so far make it."""

    __slots__ = ("amount", "born", "expires_at", "pinned", "remaining", "row")

    def __init__(self, row: LotRow | None, born: int) -> None:
        self.row = row
        self.expires_at = None if row is None else row.expires_at
        self.born = born
        self.amount = 0
        self.remaining = 0
        self.pinned = 0


class Hold:
    """A hold as the postings so far make it, with what it pins of each lot."""

    __slots__ = ("amount", "captured", "released", "row", "slices")

    def __init__(self, row: HoldRow | None) -> None:
        self.row = row
        self.amount = 0
        self.captured = 0
        self.released = 0
        self.slices: defaultdict[int, int] = defaultdict(int)


def share(cost: int, amount: int, start: int, end: int) -> int:
    """The part of a lot's cost that belongs to its credits from ``start`` to ``end``."""
    return cost * end // amount - cost * start // amount


def _lot_terms(row: LotRow) -> list[object]:
    expires_at = None if row.expires_at is None else row.expires_at + EPOCH_US
    return [row.source, row.priority, row.effective_at + EPOCH_US, expires_at, row.cost, row.currency]


def _hold_terms(row: HoldRow) -> list[object]:
    return [row.amount, row.service, row.placed_at + EPOCH_US, row.expires_at + EPOCH_US]


class Book:
    """Feed ``transaction`` in order, then ``close``. Whatever does not follow is said to ``say``."""

    __slots__ = (
        "disputed",
        "hash",
        "head",
        "held",
        "holds",
        "leg",
        "lot",
        "lot_name",
        "lots",
        "made",
        "number",
        "originals",
        "owed",
        "recorded",
        "reversed_numbers",
        "rows",
        "say",
        "settled",
        "unbacked",
        "undone",
        "wallet",
    )

    def __init__(self, head: WalletRow, lots: dict[int, LotRow], reversed_numbers: set[int], say: Say) -> None:
        self.head = head
        self.say = say
        self.rows = lots
        self.reversed_numbers = reversed_numbers
        self.originals: dict[int, tuple[str, Moved]] = {}
        self.undone: dict[int, Moved] = {}
        self.lots: dict[int, Lot] = {}
        self.holds: dict[int, Hold] = {}
        self.number = 0
        self.hash = genesis(head.wallet_id)
        self.made = _NONE
        self.recorded = -EPOCH_US
        self.wallet = self.held = self.disputed = self.owed = 0
        self.settled: set[int] = set()
        self.unbacked = 0
        """Of what is disputed: what was spent before, so that no lot has it."""
        self.leg: Leg | None = None
        self.lot: Lot | None = None
        self.lot_name = 0

    def plain_use(self, row: tuple[Any, ...], posting: tuple[Any, ...]) -> bool:
        """The short way for the use of one lot, which most transactions are: True where all that ``transaction``
        checks is right. Else nothing was done, and ``transaction`` is to look at it."""
        (
            wallet_id,
            number,
            kind,
            key,
            fingerprint,
            event,
            actor,
            effective,
            recorded,
            reverses,
            link_wallet_id,
            link_number,
            wallet_after,
            held_after,
            disputed_after,
            owed_after,
            limit_after,
            terms,
            digest,
            stored_hash,
            _,
        ) = row
        _, _, line, debit, credit, asset, amount, name, lot_after, of_hold, balance_after = posting
        lot = self.lot if name == self.lot_name else self._turn_to(name)
        if (
            lot is None
            or kind != "usage"
            or number != self.number + 1
            or not (wallet_after == balance_after - held_after == self.wallet - amount)
            or wallet_after < 0
            or amount < 1
            or not (lot.pinned <= lot_after == lot.remaining - amount)
            or held_after != self.held
            or disputed_after != self.disputed
            or not (0 == owed_after == self.owed)
            or not (effective <= recorded >= self.recorded)
            or line != 1
            or not (None is reverses is link_wallet_id is link_number is terms is of_hold)
            or (lot.expires_at is not None and lot.expires_at <= effective)
            or not effect_of(debit, credit, asset).plain_use
        ):
            return False
        encoded = _pack(
            (
                VERSION,
                wallet_id,
                number,
                kind,
                key,
                fingerprint,
                event,
                actor,
                effective + EPOCH_US,
                recorded + EPOCH_US,
                None,
                None,
                None,
                (wallet_after, held_after, disputed_after, owed_after, limit_after),
                digest,
                (posting[2:],),
                None,
            )
        )
        hashed = _empty()
        hashed.update(self.hash + encoded)
        if hashed.digest() != stored_hash:
            return False
        self.number = number
        self.hash = stored_hash
        self.recorded = recorded
        self.wallet = wallet_after
        lot.remaining = lot_after
        if number in self.reversed_numbers:
            self.originals[number] = (kind, {(credit, asset): amount})
        return True

    def _turn_to(self, name: int) -> Lot | None:
        """The lot that plain uses take from, until it is empty."""
        lot = self.lots.get(name)
        if lot is not None:
            self.lot_name, self.lot = name, lot
        return lot

    def transaction(self, row: tuple[Any, ...], postings: list[tuple[Any, ...]], hold: HoldRow | None) -> None:
        """Check one transaction (``rows.TRANSACTION``) with its postings and the hold it placed."""
        (
            wallet_id,
            number,
            kind,
            key,
            fingerprint,
            event,
            actor,
            effective,
            recorded,
            reverses,
            link_wallet_id,
            link_number,
            wallet_after,
            held_after,
            disputed_after,
            owed_after,
            limit_after,
            terms,
            digest,
            stored_hash,
        ) = row
        say = self.say
        if number != self.number + 1:
            say("number", number, "number", self.number + 1, number)
        encoded = _pack(
            (
                VERSION,
                wallet_id,
                number,
                kind,
                key,
                fingerprint,
                event,
                actor,
                effective + EPOCH_US,
                recorded + EPOCH_US,
                reverses,
                link_wallet_id,
                link_number,
                (wallet_after, held_after, disputed_after, owed_after, limit_after),
                digest,
                [posting[2:] for posting in postings],
                terms,
            )
        )
        computed = _sha256(self.hash + encoded).digest()
        if computed != stored_hash:
            say("hash", number, "hash", computed.hex(), stored_hash.hex())
        self.number = number
        self.hash = stored_hash
        if recorded < self.recorded:
            say("recorded_at", number, "recorded_at", f"at least {self.recorded}", recorded)
        self.recorded = recorded
        if effective > recorded:
            say("effective_at", number, "effective_at", f"at most {recorded}", effective)
        self.leg = None
        if hold is not None:
            self.holds[number] = Hold(hold)
        owed_before = self.owed
        self.made = _NONE if terms is None else self._terms(number, terms, hold)
        self._postings(number, kind, effective, postings)
        owed = self.owed
        found = (self.wallet, self.held, self.disputed, owed)
        stored = (wallet_after, held_after, disputed_after, owed_after)
        if stored != found:
            say("balance", number, "balances after it", found, stored)
        if owed:
            if self.wallet:
                say("debt_first", number, "balances after it", "wallet or owed zero", found)
            if owed > limit_after and owed > owed_before and kind in ("usage", "capture"):
                say("overdraft", number, "owed after it", f"at most {limit_after}", owed)
        if number in self.reversed_numbers or reverses is not None:
            self._reversal(number, kind, reverses, postings)
        if link_number is not None or kind in ("transfer", "reversal", "allocation"):
            self._legs(number, (link_wallet_id, link_number), postings)
        if kind in ("hold", "capture", "release"):
            self._close_holds(number, kind, key, postings)

    def _terms(self, number: int, terms: str, hold: HoldRow | None) -> frozenset[int]:
        """Lots and hold must stand in their tables with the terms that the journal gave them; the new lots."""
        found = _json(terms)
        for lot, *given in found["lots"]:
            row = self.rows.get(lot)
            stored = None if row is None else _lot_terms(row)
            if stored != given:
                self.say("terms", number, f"lot {lot}", given, stored)
        placed = None if hold is None else _hold_terms(hold)
        if found["hold"] != placed:
            self.say("terms", number, "hold", found["hold"], placed)
        return frozenset(lot for lot, *_ in found["lots"])

    def _postings(self, number: int, kind: str, effective: int, postings: list[tuple[Any, ...]]) -> None:
        say = self.say
        wallet, held, disputed, owed = self.wallet, self.held, self.disputed, self.owed
        shapes = SHAPES.get(kind)
        expected_line = 0
        for _, _, line, debit, credit, asset, amount, lot_number, lot_after, hold, balance_after in postings:
            expected_line += 1
            if line != expected_line:
                say("line", number, f"line {line}", expected_line, line)
                expected_line = line
            effect = effect_of(debit, credit, asset)
            known, credits, to_wallet, to_held, to_disputed, to_owed, _, _, _, in_lot, in_hold, shape, _ = effect
            if not known or amount <= 0:
                found = (debit, credit, asset, amount)
                say("posting", number, f"line {line}", "known accounts, amount > 0", found)
            if credits:
                if shapes is not None and shape not in shapes:
                    say("shape", number, f"line {line}", f"what {kind} may post", f"{debit} → {credit}")
                if to_wallet:
                    wallet += to_wallet * amount
                if to_held:
                    held += to_held * amount
                if to_disputed:
                    disputed += to_disputed * amount
                    if lot_number is None:
                        self.unbacked += to_disputed * amount
                if to_owed:
                    owed += to_owed * amount
                if wallet < 0 or held < 0 or disputed < 0 or owed < 0:
                    say("negative", number, f"line {line}", "balances ≥ 0", (wallet, held, disputed, owed))
            if lot_number is not None:
                remaining = self._lot(number, effective, line, lot_number, effect, amount)
                if remaining != lot_after:
                    say("lot_after", number, f"line {line}", remaining, lot_after)
            elif in_lot and not to_disputed:
                say("posting", number, f"line {line}", "a lot", "none")
            if in_hold:
                self._hold(number, line, hold, lot_number, effect, amount)
            if wallet + held - owed != balance_after:
                say("balance_after", number, f"line {line}", wallet + held - owed, balance_after)
        if not expected_line and kind not in EMPTY_KINDS:
            say("empty", number, "postings", "at least one", "none")
        self.wallet, self.held, self.disputed, self.owed = wallet, held, disputed, owed

    def _lot(self, number: int, effective: int, line: int, name: int, effect: Effect, amount: int) -> int:
        """What remains in the lot after the line."""
        _, _, to_wallet, _, _, _, to_remaining, to_pinned, grows, _, _, shape, _ = effect
        lot = self.lots.get(name)
        if lot is None:
            if name != len(self.lots) + 1:
                self.say("lot_number", number, f"line {line}", len(self.lots) + 1, name)
            if name not in self.made:
                self.say("terms", number, f"line {line}", f"terms of the new lot {name}", "none")
            lot = self.lots[name] = Lot(self.rows.get(name), number)
            lot.amount = to_remaining * amount
        else:
            if grows:
                lot.amount += amount
                if lot.row is not None and lot.row.cost:
                    self.say("lot_joined", number, f"line {line}", "no growth of a paid lot", f"lot {name}")
            expires_at = lot.expires_at
            if (
                expires_at is not None
                and (
                    (to_remaining > 0 and shape[0] not in ("used", "withdrawn"))
                    or (to_wallet < 0 and shape[1] != "owed")
                )
                and (expires_at <= effective) != (shape[1] == "expired")
            ):
                self.say("expiry", number, f"line {line}", "a lot that has not expired", f"lot {name}")
        remaining = lot.remaining = lot.remaining + to_remaining * amount
        pinned = lot.pinned
        if to_pinned:
            pinned = lot.pinned = pinned + to_pinned * amount
        if not 0 <= pinned <= remaining <= lot.amount:
            self.say(
                "lot_range",
                number,
                f"line {line}",
                "0 ≤ pinned ≤ remaining ≤ amount",
                f"lot {name}: {pinned}, {remaining}, {lot.amount}",
            )
        return remaining

    def _hold(self, number: int, line: int, name: int, lot: int, effect: Effect, amount: int) -> None:
        hold = self.holds.get(name)
        if hold is None:
            self.say("hold", number, f"line {line}", "an open hold with a row", name)
            hold = self.holds[name] = Hold(None)
        hold.slices[lot] += effect.hold * amount
        if effect.hold > 0:
            hold.amount += amount
            if name != number:
                self.say("hold", number, f"line {line}", f"hold {number}", name)
        elif effect.wallet:
            hold.released += amount
        else:
            hold.captured += amount
        if hold.slices[lot] < 0:
            self.say("slice", number, f"line {line}", "a slice ≥ 0", f"lot {lot}: {hold.slices[lot]}")

    def _close_holds(self, number: int, kind: str, key: bytes, postings: list[tuple[Any, ...]]) -> None:
        for name in {posting[9] for posting in postings if posting[9] is not None}:
            hold = self.holds.get(name)
            if hold is None or hold.captured + hold.released < hold.amount:
                continue
            if kind == "release":
                kind = "expired" if key == key_hash("due", f"hold:{name}") else "released"
            elif kind == "capture":
                kind = "captured"
            self._compare_hold(name, hold, kind)
            del self.holds[name]

    def _compare_hold(self, name: int, hold: Hold, state: str) -> None:
        row = hold.row
        if row is None:
            return
        expected = (hold.amount, hold.captured, hold.released, state)
        found = (row.amount, row.captured, row.released, row.state)
        if expected != found:
            self.say("hold", name, f"hold {name}", expected, found)

    def _reversal(self, number: int, kind: str, reverses: int | None, postings: list[tuple[Any, ...]]) -> None:
        """Of no account, and never in all, may more come back than the original moved."""
        moved: Moved = {}
        for _, _, _, debit, credit, asset, amount, _, _, _, _ in postings:
            moved[debit, asset] = moved.get((debit, asset), 0) - amount
            moved[credit, asset] = moved.get((credit, asset), 0) + amount
        for own in _OWN:
            moved.pop(own, None)
        if number in self.reversed_numbers:
            self.originals[number] = (kind, moved)
        if reverses is None:
            return
        original = self.originals.get(reverses)
        if kind in SETTLES:
            if original is None or original[0] != "dispute" or reverses in self.settled:
                what = "none" if original is None else original[0]
                self.say("reversal", number, f"settles {reverses}", "a dispute that is open", what)
            self.settled.add(reverses)
            return
        if original is None or original[0] in FINAL_KINDS:
            what = "none" if original is None else original[0]
            self.say("reversal", number, f"reverses {reverses}", "a transaction that may be reversed", what)
            return
        undone = self.undone.setdefault(reverses, {})
        for place, amount in moved.items():
            undone[place] = undone.get(place, 0) + amount
            limit = -original[1].get(place, 0)
            if not (0 <= undone[place] <= limit or limit <= undone[place] <= 0):
                self.say("reversal", number, f"reverses {reverses}, {place[0]}", f"at most {limit}", undone[place])

    def _legs(self, number: int, link: tuple[int | None, int | None], postings: list[tuple[Any, ...]]) -> None:
        """Gather what goes into transit, and check that lots moved with their share of the cost."""
        into: defaultdict[str, int] = defaultdict(int)
        shares: defaultdict[str, int] = defaultdict(int)
        for _, _, _, debit, credit, asset, amount, name, lot_after, _, _ in postings:
            if "transit" not in (debit, credit):
                continue
            sign = 1 if credit == "transit" else -1
            into[asset] += sign * amount
            lot = self.lots.get(name)
            if asset == "CREDIT" and lot is not None and lot.row is not None and lot.row.currency is not None:
                row = lot.row
                if sign > 0:
                    used = row.amount - lot_after
                    shares[lot.row.currency] += share(row.cost, row.amount, used - amount, used)
                else:
                    shares[lot.row.currency] -= row.cost
        if not into and link[1] is None:
            return
        self.leg = (self.head.wallet_id, number, link[0], link[1], dict(into))
        money = {asset: amount for asset, amount in into.items() if asset != "CREDIT"}
        expected = {asset: amount for asset, amount in shares.items() if amount}
        if money != expected:
            self.say("cost_share", number, "money in transit", expected, money)

    def close(self, slices: dict[tuple[int, int], int]) -> None:
        """Compare what the postings give with the rows of wallet, lots, open holds and slices."""
        head = self.head
        say = self.say
        if head.number != self.number:
            say("head", self.number, "wallets.number", self.number, head.number)
        if bytes(head.head_hash) != self.hash:
            say("head_hash", self.number, "wallets.head_hash", self.hash.hex(), head.head_hash.hex())
        if self.number and head.last_at != self.recorded:
            say("head", self.number, "wallets.last_at", self.recorded, head.last_at)
        own = (self.wallet, self.held, self.disputed, self.owed)
        if own != (head.wallet, head.held, head.disputed, head.owed):
            say(
                "balance",
                None,
                "wallets",
                own,
                (head.wallet, head.held, head.disputed, head.owed),
            )
        if head.last_lot != len(self.lots):
            say("head", None, "wallets.last_lot", len(self.lots), head.last_lot)
        self._close_lots()
        expected: defaultdict[tuple[int, int], int] = defaultdict(int)
        for name, hold in self.holds.items():
            self._compare_hold(name, hold, "open")
            for lot, pinned in hold.slices.items():
                expected[name, lot] += pinned
        for place in sorted(expected.keys() | slices.keys()):
            if expected[place] != slices.get(place, 0):
                name, lot_name = place
                say("slice", name, f"hold {name}, lot {lot_name}", expected[place], slices.get(place, 0))
        self._close_due()

    def _close_lots(self) -> None:
        free = pinned = 0
        for name, lot in self.lots.items():
            free += lot.remaining - lot.pinned
            pinned += lot.pinned
            row = lot.row
            expected = (lot.amount, lot.remaining, lot.pinned)
            if row is None:
                self.say("lot", lot.born, f"lot {name}", expected, "no row")
            elif (row.amount, row.remaining, row.pinned) != expected:
                self.say("lot", None, f"lot {name}", expected, (row.amount, row.remaining, row.pinned))
        for name in sorted(self.rows.keys() - self.lots.keys()):
            self.say("lot", None, f"lot {name}", "no row", self.rows[name][1:])
        backed = (self.wallet, self.held + self.disputed - self.unbacked)
        if (free, pinned) != backed:
            self.say("lots_total", None, "lots", backed, (free, pinned))

    def _close_due(self) -> None:
        """The job finds a wallet by ``due_at``: nothing may fall due before it."""
        times = [hold.row.expires_at for hold in self.holds.values() if hold.row is not None]
        times += [
            lot.row.expires_at
            for lot in self.lots.values()
            if lot.row is not None and lot.row.expires_at is not None and lot.remaining > lot.pinned
        ]
        first = min(times, default=None)
        if first is not None and (self.head.due_at is None or self.head.due_at > first):
            self.say("due", None, "wallets.due_at", f"at most {first}", self.head.due_at)
