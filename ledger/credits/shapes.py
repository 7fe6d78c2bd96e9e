"""What requests and answers about credits, lots and balances look like."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from ledger.analytics.rules import percent_of
from ledger.book.commands import Balances, LotFacts, Posted
from ledger.book.view import BalanceView, LotGroup, LotView
from ledger.forecast.rules import runway_days
from ledger.kit.http.fields import Amount, Decimal, Instant, Metadata, Reason, Time, shown, shown_or_none
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.rollups.figures import Figures, RefillTerms
from ledger.transactions.shapes import BalanceAfter, TransactionShape, balance_after, transaction

Source = Literal["promotional", "earned", "adjustment", "allowance"]
Basis = Literal["recorded", "effective"]


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credits to give. (Purchased ones come in by payments only.)"""

    amount: Amount
    source: Source
    reason: Reason
    expires_at: Instant | None = None
    priority: Annotated[int, Meta(ge=0, le=1000, description="Lower burns first.")] = 100
    effective_at: Instant | None = None
    metadata: Metadata = {}


class Adjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A correction by a person: ``credit`` gives, ``debit`` takes what is free."""

    amount: Amount
    direction: Literal["credit", "debit"]
    reason: Reason
    metadata: Metadata = {}


class LotMade(msgspec.Struct, frozen=True, kw_only=True):
    """The lot that credits went into: what never changes of it."""

    id: str
    source: str
    priority: int
    effective_at: Time
    expires_at: Time | None
    cost: Decimal
    currency: str | None


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A lot now. ``held`` is the part of ``remaining`` that holds reserve."""

    id: str
    wallet_id: str
    source: str
    state: Literal["open", "used", "expired"]
    amount: Decimal
    remaining: Decimal
    held: Decimal
    priority: int
    effective_at: Time
    expires_at: Time | None
    cost: Decimal
    currency: str | None


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that gave or took credits. ``lot`` is null where they were taken."""

    transaction: TransactionShape
    lot: LotMade | None
    balance: BalanceAfter


class LotSum(msgspec.Struct, frozen=True, kw_only=True):
    """Free credits of one source and expiry."""

    source: str
    remaining: Decimal
    expires_at: Time | None


class MonthlyUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used in this month of the wallet's time zone, less what came back. ``limit``: the lowest monthly budget
    of the whole wallet; null without one."""

    current_month: Decimal
    limit: Decimal | None
    percentage_used: Decimal | None


class AutoRefillTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Auto-refill in short: below ``threshold``, ``amount_credits`` are bought for ``amount_usd``, or as many as are
    missing up to ``up_to_credits``, for ``amount_usd`` at most. Null is what was never set, and the money of payments
    in another currency. `…/auto-refill` has all of it, and whether something stands in the way."""

    enabled: bool
    threshold: Decimal | None = None
    amount_credits: Decimal | None = None
    up_to_credits: Decimal | None = None
    amount_usd: Decimal | None = None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The balance now. ``available`` is what can be used, overdraft included; ``lots`` stand in the order in
    which they burn. ``pending`` is what payments buy that were made and whose money is on its way, such as bank debits
    and refills. ``low_balance_warning`` is the level below which ``balance.low`` is told.

    ``earned_total`` is what came in as earned, ``spent_total`` what was used, less what came back. Both and the month
    are complete up to the transaction ``totals_number``: that is ``number``, except while a long history is counted.
    ``estimated_remaining_days``: how long ``available`` lasts at the higher rate of the last 7 and 28 days; null where
    nothing was used.
    """

    wallet_id: str
    status: str
    balance: Decimal
    held: Decimal
    disputed: Decimal
    owed: Decimal
    available: Decimal
    pending: Decimal
    currency: str
    overdraft_limit: Decimal
    low_balance_warning: Decimal
    auto_refill: AutoRefillTerms
    monthly_usage: MonthlyUsage
    estimated_remaining_days: int | None
    earned_total: Decimal
    spent_total: Decimal
    totals_number: int
    lots: list[LotSum]
    more_lots: bool
    message: str
    number: int
    as_of: Time


class PastBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The balance at an instant, by ``recorded`` or ``effective`` time."""

    wallet_id: str
    balance: Decimal
    held: Decimal
    disputed: Decimal
    owed: Decimal
    available: Decimal
    currency: str
    overdraft_limit: Decimal
    basis: Basis
    as_of: Time


def given(posted: Posted) -> Given:
    """The answer to credits given or taken."""
    t = posted.transaction
    return Given(
        transaction=transaction(t),
        lot=None if posted.lot is None else _lot_made(t.wallet_id, posted.lot),
        balance=balance_after(posted),
    )


def lot(view: LotView) -> Lot:
    facts = view.facts
    return Lot(
        id=row_public("lot", view.wallet_id, facts.lot),
        wallet_id=wallet_public(view.wallet_id),
        source=facts.source,
        state=view.state,  # type: ignore[arg-type]
        amount=format_amount(view.amount),
        remaining=format_amount(view.remaining),
        held=format_amount(view.pinned),
        priority=facts.priority,
        effective_at=shown(facts.effective_at),
        expires_at=shown_or_none(facts.expires_at),
        cost=_cost(facts),
        currency=facts.currency,
    )


def balance(view: BalanceView) -> Balance:
    b = view.balances
    figures: Figures = view.beside
    return Balance(
        wallet_id=wallet_public(view.wallet_id),
        status=view.status,
        balance=format_amount(b.balance),
        held=format_amount(b.held),
        disputed=format_amount(b.disputed),
        owed=format_amount(b.owed),
        available=format_amount(b.available),
        pending=format_amount(figures.pending_micro),
        currency="credits",
        overdraft_limit=format_amount(b.limit),
        low_balance_warning=format_amount(view.warning_at),
        auto_refill=_refill(figures.refill),
        monthly_usage=_month(figures),
        estimated_remaining_days=runway_days(b.available, figures.recent),
        earned_total=format_amount(figures.earned_micro),
        spent_total=format_amount(figures.spent_micro),
        totals_number=figures.counted,
        lots=[_sum(group) for group in view.lots],
        more_lots=view.more_lots,
        message=_message(b, view.status),
        number=view.number,
        as_of=shown(view.at),
    )


def past_balance(wallet_id: int, b: Balances, basis: Basis, as_of: str) -> PastBalance:
    return PastBalance(
        wallet_id=wallet_public(wallet_id),
        balance=format_amount(b.balance),
        held=format_amount(b.held),
        disputed=format_amount(b.disputed),
        owed=format_amount(b.owed),
        available=format_amount(b.available),
        currency="credits",
        overdraft_limit=format_amount(b.limit),
        basis=basis,
        as_of=as_of,
    )


_NEVER_SET: Final = AutoRefillTerms(enabled=False)


def _refill(terms: RefillTerms | None) -> AutoRefillTerms:
    if terms is None:
        return _NEVER_SET
    credits = format_amount(terms.credits_micro)
    return AutoRefillTerms(
        enabled=terms.enabled,
        threshold=format_amount(terms.threshold_micro),
        amount_credits=None if terms.up_to else credits,
        up_to_credits=credits if terms.up_to else None,
        amount_usd=format_amount(terms.amount, "USD") if terms.currency == "USD" else None,
    )


def _month(figures: Figures) -> MonthlyUsage:
    used, limit = figures.month_micro, figures.month_limit_micro
    return MonthlyUsage(
        current_month=format_amount(used),
        limit=None if limit is None else format_amount(limit),
        percentage_used=None if limit is None else str(percent_of(used, limit)),
    )


def _lot_made(wallet_id: int, facts: LotFacts) -> LotMade:
    return LotMade(
        id=row_public("lot", wallet_id, facts.lot),
        source=facts.source,
        priority=facts.priority,
        effective_at=shown(facts.effective_at),
        expires_at=shown_or_none(facts.expires_at),
        cost=_cost(facts),
        currency=facts.currency,
    )


def _sum(group: LotGroup) -> LotSum:
    return LotSum(
        source=group.source,
        remaining=format_amount(group.remaining),
        expires_at=shown_or_none(group.expires_at),
    )


def _cost(facts: LotFacts) -> str:
    return "0" if facts.currency is None else format_amount(facts.cost, facts.currency)


def _message(b: Balances, status: str) -> str:
    """One line for a person."""
    parts = [f"{format_amount(b.available)} credits available"]
    if b.held:
        parts.append(f"{format_amount(b.held)} held")
    if b.disputed:
        parts.append(f"{format_amount(b.disputed)} disputed")
    if b.owed:
        parts.append(f"{format_amount(b.owed)} owed")
    ending = "" if status == "active" else f"; the wallet is {status}"
    return ", ".join(parts) + ending + "."
