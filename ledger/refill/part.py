"""Auto-refill in a unit of work: what is begun and ended of the refills of its wallets, and told. Pure, on what was
loaded.

The order: what was paid ends its attempt; what a person has to look at pauses; then it is decided whether a refill
begins.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from ledger.book.chart import DEFERRED_REVENUE, STRIPE_CLEARING
from ledger.book.commands import Transaction
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.rules.move import Move
from ledger.budgets.periods import period_of
from ledger.events.payloads import PauseReason, RefillBlocked, RefillCompleted, RefillPaused
from ledger.kit.arrays import columns, dates, flags, numbers, texts, times, words
from ledger.kit.ids import row_public
from ledger.kit.money import CREDIT, format_amount
from ledger.payments.fulfil import AUTO_REFILL
from ledger.refill.rules.decide import Blocked, Decision, Fire, Quiet, Standing, Terms, decide

LOOK_AGAIN: Final = timedelta(minutes=10)
"""How often a wallet is looked at where nobody knows when what is in the way will be over."""

_WRITE: Final = """
UPDATE refills r SET attempt = n.attempt, under_way = n.under_way, rests_until = n.rests_until, failures = n.failures,
    paused_for = n.paused_for, paused_at = n.paused_at, told = n.told, next_at = n.next_at
FROM unnest(%(wallets)s::bigint[], %(attempts)s::bigint[], %(under_way)s::bigint[], %(rests_until)s::timestamptz[],
    %(failures)s::int[], %(paused_for)s::text[], %(paused_at)s::timestamptz[], %(told)s::text[],
    %(next_at)s::timestamptz[])
    AS n(wallet_id, attempt, under_way, rests_until, failures, paused_for, paused_at, told, next_at)
WHERE r.wallet_id = n.wallet_id"""

_END: Final = """
WITH n AS (
    SELECT * FROM unnest(%(wallets)s::bigint[], %(attempts)s::bigint[], %(late)s::boolean[], %(at)s::timestamptz[])
        AS n(wallet_id, attempt, late, at)),
unknown AS (
    SELECT wallet_id, month, count(*) AS made, sum(amount)::bigint AS spent
    FROM refill_attempts JOIN n USING (wallet_id, attempt) WHERE state = 'unknown' GROUP BY wallet_id, month),
given_back AS (
    UPDATE refill_months m SET count = m.count - u.made, spent = m.spent - u.spent FROM unknown u
    WHERE m.wallet_id = u.wallet_id AND m.month = u.month)
UPDATE refill_attempts a SET state = 'succeeded', late = n.late, due_at = NULL, reason = NULL,
    ended_at = coalesce(a.ended_at, n.at)
FROM n WHERE a.wallet_id = n.wallet_id AND a.attempt = n.attempt"""
"""(One of which nobody knew whether it was paid counts when it is known, like all that is late, and not twice.)"""

_BEGIN: Final = """
INSERT INTO refill_attempts (wallet_id, attempt, state, cause, number, position_micro, threshold_micro, credits_micro,
    amount, currency, consent, month, began_at, due_at)
SELECT n.wallet_id, n.attempt, 'due', n.cause, n.number, n.position_micro, n.threshold_micro, n.credits_micro, n.amount,
    n.currency, n.consent, n.month, n.at, n.at
FROM unnest(%(wallets)s::bigint[], %(attempts)s::bigint[], %(causes)s::text[], %(numbers)s::bigint[],
    %(positions)s::bigint[], %(thresholds)s::bigint[], %(credits)s::bigint[], %(amounts)s::bigint[],
    %(currencies)s::text[], %(consents)s::bigint[], %(months)s::date[], %(at)s::timestamptz[])
    AS n(wallet_id, attempt, cause, number, position_micro, threshold_micro, credits_micro, amount, currency, consent,
        month, at)"""

_COUNT: Final = """
INSERT INTO refill_months AS m (wallet_id, month, count, spent, count_max, spent_max, more_count, more_spent)
SELECT * FROM unnest(%(wallets)s::bigint[], %(months)s::date[], %(counts)s::int[], %(spent)s::bigint[],
    %(count_max)s::int[], %(spent_max)s::bigint[], %(more_counts)s::int[], %(more_spent)s::bigint[])
ON CONFLICT (wallet_id, month) DO UPDATE SET count = m.count + excluded.count, spent = m.spent + excluded.spent,
    count_max = CASE WHEN excluded.count > 0 THEN excluded.count_max ELSE m.count_max END,
    spent_max = CASE WHEN excluded.count > 0 THEN excluded.spent_max ELSE m.spent_max END,
    more_count = m.more_count + excluded.more_count, more_spent = m.more_spent + excluded.more_spent"""

_json: Final = msgspec.json.Encoder(order="deterministic").encode


class State(NamedTuple):
    """How a wallet stands with its settings: the columns of ``refills`` that are changed here. ``told``: up to when
    each reason that was in the way was told; empty for one whose end nobody knows."""

    enabled: bool
    attempt: int
    under_way: int | None
    rests_until: datetime | None
    failures: int
    paused_for: str | None
    paused_at: datetime | None
    told: Mapping[str, str]
    next_at: datetime | None


class Counted(NamedTuple):
    """What counts against the caps in a month."""

    made: int
    spent: int


class Kept(NamedTuple):
    """A wallet of the unit that has settings. Position, debt and status are those before the unit;
    ``locked``: whether the unit holds it, moved or not. ``begun_in``: the month that what is under way counts in."""

    wallet_id: int
    terms: Terms
    currency: str
    consent: int
    state: State
    begun_in: date | None
    months: Mapping[date, Counted]
    stopped: bool
    position_micro: int
    owed_micro: int
    status: str
    locked: bool
    burn_micro: int | None

    @property
    def active(self) -> bool:
        return self.status == "active"

    @property
    def closed(self) -> bool:
        return self.status == "closed"


class Refills(Part):
    """The refills of a unit's wallets. See the module."""

    def __init__(self, kept: Sequence[Kept], now: datetime) -> None:
        self._kept = kept
        self._now = now
        self._events: list[Event] = []
        self._begun: list[tuple[Any, ...]] = []
        self._ended: list[tuple[Any, ...]] = []
        self._counted: dict[tuple[int, date], tuple[Any, ...]] = {}

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        moved: dict[int, list[Transaction]] = {}
        for move in moves:
            moved.setdefault(move.transaction.wallet_id, []).append(move.transaction)
        changed = {}
        for kept in self._kept:
            transactions = moved.get(kept.wallet_id, [])
            if transactions or kept.locked:
                state = self._state_after(kept, transactions)
                if state != kept.state:
                    changed[kept.wallet_id] = state
        self.wakes = bool(self._begun)
        if not (changed or self._ended or self._begun or self._counted):
            return self._events, None
        return self._events, partial(self._rows, changed)

    def _state_after(self, kept: Kept, transactions: Sequence[Transaction]) -> State:
        state, months = kept.state, dict(kept.months)
        for transaction in transactions:
            attempt = _attempt_of(transaction)
            if attempt is not None and transaction.kind == "purchase":
                state = self._paid(kept, state, months, transaction, attempt)
            reason = _pauses(kept, transaction)
            if reason is not None and state.enabled and state.paused_for is None:
                state = state._replace(paused_for=reason, paused_at=self._now)
                data = RefillPaused(reason=reason, failures=state.failures)
                self._events.append(Event(kept.wallet_id, "auto_refill.paused", data, transaction.number))
        return self._decided(kept, state, months, transactions)

    def _paid(
        self, kept: Kept, state: State, months: dict[date, Counted], transaction: Transaction, attempt: int
    ) -> State:
        """An attempt was paid: it ends, or had ended before, and counts in this month whenever it began."""
        late = state.under_way != attempt
        credits_micro, amount = _bought(transaction)
        month = month_of(kept.terms, self._now)
        if late or kept.begun_in not in (None, month):
            made, spent = months.get(month, Counted(0, 0))
            months[month] = Counted(made + 1, spent + amount)
            self._count(_counting(kept, month, more=amount))
        self._ended.append((kept.wallet_id, attempt, late, self._now))
        data = RefillCompleted(
            attempt_id=row_public("arf", kept.wallet_id, attempt),
            payment_id=str(transaction.notes.facts["payment_id"]) if transaction.notes else "",
            credits=format_amount(credits_micro),
            amount=format_amount(amount, kept.currency),
            currency=kept.currency,
            late=late,
        )
        self._events.append(Event(kept.wallet_id, "auto_refill.completed", data, transaction.number))
        rests_until = self._now + kept.terms.cooldown
        return state._replace(under_way=None if not late else state.under_way, failures=0, rests_until=rests_until)

    def _decided(
        self, kept: Kept, state: State, months: Mapping[date, Counted], transactions: Sequence[Transaction]
    ) -> State:
        position_micro, owed_micro = kept.position_micro, kept.owed_micro
        if transactions:
            after = transactions[-1].after
            position_micro, owed_micro = after.wallet + after.held, after.owed
        on = state.enabled and state.paused_for is None
        if not on or state.under_way is not None or _is_enough(kept.terms, position_micro):
            return state if state.next_at is None else state._replace(next_at=None)
        window = period_of(self._now, "month", kept.terms.hours.zone)
        month = month_of(kept.terms, self._now)
        made, spent = months.get(month, Counted(0, 0))
        standing = Standing(
            on=on,
            position_micro=position_micro,
            owed_micro=owed_micro,
            stopped=kept.stopped,
            active=kept.active,
            made=made,
            spent=spent,
            month_end=window.end,
            rests_until=state.rests_until,
            burn_micro=kept.burn_micro,
        )
        decision: Decision = decide(kept.terms, standing, self._now)
        match decision:
            case Quiet(look_at):
                return state._replace(next_at=look_at)
            case Blocked():
                return self._blocked(kept, state, decision, position_micro)
            case Fire():
                crossed = _crossing(kept.terms, transactions)
                return self._begin(kept, state, decision, position_micro, month, crossed)

    def _blocked(self, kept: Kept, state: State, blocked: Blocked, position_micro: int) -> State:
        until = "" if blocked.until is None else blocked.until.isoformat()
        next_at = blocked.until or self._now + LOOK_AGAIN
        if state.told.get(blocked.reason) == until:
            return state._replace(next_at=next_at)
        data = RefillBlocked(
            reason=blocked.reason,
            until=blocked.until,
            held_and_free=format_amount(position_micro),
            threshold=format_amount(kept.terms.threshold_micro),
            amount=format_amount(blocked.amount, kept.currency),
            currency=kept.currency,
        )
        self._events.append(Event(kept.wallet_id, "auto_refill.blocked", data, None))
        return state._replace(told={**state.told, blocked.reason: until}, next_at=next_at)

    def _begin(
        self, kept: Kept, state: State, fire: Fire, position_micro: int, month: date, crossed: int | None
    ) -> State:
        attempt = state.attempt + 1
        row = (kept.wallet_id, attempt, fire.cause, crossed, position_micro, kept.terms.threshold_micro)
        self._begun.append((*row, fire.credits_micro, fire.amount, kept.currency, kept.consent, month, self._now))
        self._count(_counting(kept, month, begun=fire.amount))
        told = {reason: until for reason, until in state.told.items() if until}
        return state._replace(attempt=attempt, under_way=attempt, told=told, next_at=None)

    def _count(self, row: tuple[Any, ...]) -> None:
        """A row for ``_COUNT``, or more of one."""
        wallet_id, month, count, spent, *caps, more_count, more_spent = row
        before = self._counted.get((wallet_id, month))
        if before is not None:
            count, spent = before[2] + count, before[3] + spent
            more_count, more_spent = before[6] + more_count, before[7] + more_spent
        self._counted[wallet_id, month] = (wallet_id, month, count, spent, *caps, more_count, more_spent)

    def _rows(self, changed: Mapping[int, State]) -> list[Statement]:
        """What has ended is written before what begins: of a wallet only one is under way."""
        statements = []
        if self._ended:
            ended = columns(self._ended, wallets=numbers, attempts=numbers, late=flags, at=times)
            statements.append(Statement(_END, ended))
        if self._counted:
            counted = columns(
                list(self._counted.values()),
                wallets=numbers,
                months=dates,
                counts=numbers,
                spent=numbers,
                count_max=numbers,
                spent_max=numbers,
                more_counts=numbers,
                more_spent=numbers,
            )
            statements.append(Statement(_COUNT, counted))
        if self._begun:
            begun = columns(
                self._begun,
                wallets=numbers,
                attempts=numbers,
                causes=words,
                numbers=numbers,
                positions=numbers,
                thresholds=numbers,
                credits=numbers,
                amounts=numbers,
                currencies=words,
                consents=numbers,
                months=dates,
                at=times,
            )
            statements.append(Statement(_BEGIN, begun))
        if changed:
            states = columns(
                [_written(wallet_id, state) for wallet_id, state in changed.items()],
                wallets=numbers,
                attempts=numbers,
                under_way=numbers,
                rests_until=times,
                failures=numbers,
                paused_for=words,
                paused_at=times,
                told=texts,
                next_at=times,
            )
            statements.append(Statement(_WRITE, states))
        return statements


def month_of(terms: Terms, now: datetime) -> date:
    """The first day of the month it is, by which refills count against the caps."""
    zone = terms.hours.zone
    return period_of(now, "month", zone).start.astimezone(zone).date()


def _written(wallet_id: int, state: State) -> tuple[Any, ...]:
    return (wallet_id, *state[1:7], _json(state.told).decode(), state.next_at)


def _attempt_of(transaction: Transaction) -> int | None:
    """The attempt whose payment this purchase or refund is of."""
    attempt = None if transaction.notes is None else transaction.notes.facts.get(AUTO_REFILL)
    return None if attempt is None else int(attempt)


def _pauses(kept: Kept, transaction: Transaction) -> PauseReason | None:
    """Why a person has to look before a card is charged again."""
    if transaction.kind == "dispute":
        return "disputed"
    if transaction.kind == "payment_refund":
        # What was given back is not charged again because it was given back.
        left_micro = transaction.after.wallet + transaction.after.held
        of_refill = _attempt_of(transaction) is not None
        return "refunded" if of_refill or left_micro < kept.terms.threshold_micro else None
    if transaction.kind == "purchase" and kept.closed:
        return "reopened"
    return None


def _bought(transaction: Transaction) -> tuple[int, int]:
    """Micro-credits of a purchase, and what was paid for them, without tax."""
    lines = transaction.postings
    credits_micro = sum(line.amount for line in lines if line.asset == CREDIT and line.debit.startswith("issued"))
    amount = sum(line.amount for line in lines if (line.debit, line.credit) == (STRIPE_CLEARING, DEFERRED_REVENUE))
    return credits_micro, amount


def _is_enough(terms: Terms, position_micro: int) -> bool:
    """What most postings come to: nothing is needed, whatever the time."""
    return position_micro >= terms.threshold_micro and not terms.smart


def _crossing(terms: Terms, transactions: Sequence[Transaction]) -> int | None:
    """The first of these transactions that left less than the threshold."""
    below = (t.number for t in transactions if t.after.wallet + t.after.held < terms.threshold_micro)
    return next(below, None)


def _counting(kept: Kept, month: date, *, begun: int | None = None, more: int | None = None) -> tuple[Any, ...]:
    """A row for ``_COUNT``: a refill that begins, or one that counts whatever the caps say."""
    caps = (kept.terms.maximum_per_month, kept.terms.monthly_spend_cap)
    if begun is not None:
        return (kept.wallet_id, month, 1, begun, *caps, 0, 0)
    return (kept.wallet_id, month, 0, 0, *caps, 1, more)
