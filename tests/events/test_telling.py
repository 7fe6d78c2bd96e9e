"""What the book does is told with it: gifts, expiries, holds that end, transfers; and credits that are about to end."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.alerts.expiring import tell_expiring
from ledger.book.commands import BookDue, Inflow, PlaceHold, Posted, Release, Transfer, Use, Withdraw
from ledger.kit.ids import row_public, wallet_public
from tests.events.conftest import Teller
from tests.support.book import CREDIT, check, code, new_wallets

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


def gift(wallet: int, credits: int, **more: object) -> Inflow:
    return Inflow(wallet_id=wallet, amount=credits * CREDIT, source="promotional", **more)  # type: ignore[arg-type]


def soon(**ahead: float) -> datetime:
    return datetime.now(UTC) + timedelta(**ahead)


async def test_gifts_are_told_and_purchases_are_not(teller: Teller, database_url: str) -> None:
    """With the lot they are in and why; money's credits are told of by payments alone."""
    [wallet] = new_wallets(database_url)
    ends = soon(days=30)
    [first] = await teller.post(gift(wallet, 500, expires_at=ends, description="hello"))
    await teller.post(Inflow(wallet_id=wallet, amount=CREDIT, source="adjustment", of_kind="adjustment"))
    await teller.post(Inflow(wallet_id=wallet, amount=CREDIT, source="purchase", of_kind="purchase", join=False))
    await teller.post(Withdraw(wallet_id=wallet, amount=CREDIT))
    assert isinstance(first, Posted)
    granted, adjusted = teller.told(wallet, "credits.%")
    shown = ends.isoformat().replace("+00:00", "Z")
    lot = row_public("lot", wallet, 1)
    facts = {"credits": "500", "source": "promotional", "lot_id": lot, "expires_at": shown, "reason": "hello"}
    assert ("credits.granted", facts) == granted
    assert ("credits.granted", "1", "adjustment") == (adjusted[0], adjusted[1]["credits"], adjusted[1]["source"])
    [(completed, bought)] = teller.told(wallet, "payment.%")
    assert ("payment.completed", "1", None) == (completed, bought["credits"], bought["amount"])
    check(database_url, [wallet])


async def test_a_group_that_is_undone_tells_nothing(teller: Teller, database_url: str) -> None:
    """Nor does its number stand for it when something else gets that."""
    [wallet] = new_wallets(database_url)
    much = Use(wallet_id=wallet, amount=10**6 * CREDIT, service="chat")
    undone = await teller.post(gift(wallet, 5), much, atomic=True)
    assert "INSUFFICIENT_CREDITS" in map(code, undone)
    assert [] == teller.told(wallet)
    await teller.post(gift(wallet, 7))
    assert ["7"] == [data["credits"] for _, data in teller.told(wallet, "credits.granted")]


async def test_what_ends_by_itself_is_told(teller: Teller, database_url: str) -> None:
    """Lots and holds, whoever's command books it; a hold that was released is not told of."""
    [wallet] = new_wallets(database_url)
    await teller.post(gift(wallet, 100), gift(wallet, 30, expires_at=soon(hours=1)))
    [held, freed] = await teller.post(
        PlaceHold(wallet_id=wallet, amount=20 * CREDIT, service="chat", expires_in_s=60),
        PlaceHold(wallet_id=wallet, amount=5 * CREDIT, service="chat", expires_in_s=60),
    )
    assert isinstance(held, Posted) and isinstance(freed, Posted)
    await teller.post(Release(wallet_id=wallet, hold=freed.transaction.number))
    assert [] == teller.told(wallet, "hold.%")
    teller.advance(timedelta(hours=2))
    await teller.post(BookDue(wallet_id=wallet))
    [(ended, hold)] = teller.told(wallet, "hold.%")
    hold_id = row_public("hld", wallet, held.transaction.number)
    assert ("hold.expired", hold_id, "20") == (ended, hold["hold_id"], hold["credits"])
    [(expired, lot)] = teller.told(wallet, "credits.expired")
    assert ("credits.expired", "30", 1) == (expired, lot["credits"], lot["lots"])
    assert datetime.fromisoformat(hold["expired_at"]) < datetime.fromisoformat(lot["expired_at"])
    check(database_url, [wallet])


async def test_a_transfer_is_told_in_both_wallets(teller: Teller, database_url: str) -> None:
    payer, payee = new_wallets(database_url, 2)
    await teller.post(gift(payer, 100))
    moved = Transfer(wallet_id=payer, payee_id=payee, amount=40 * CREDIT, description="lunch")
    [posted] = await teller.post(moved)
    assert isinstance(posted, Posted)
    facts = {
        "transfer_id": row_public("trf", payer, posted.transaction.number),
        "from_wallet_id": wallet_public(payer),
        "to_wallet_id": wallet_public(payee),
        "credits": "40",
        "reason": "lunch",
    }
    for wallet in (payer, payee):
        assert [("transfer.completed", facts)] == teller.told(wallet, "transfer.%")
    check(database_url, [payer, payee])


async def test_credits_that_are_about_to_expire_are_told_once(teller: Teller, database_url: str) -> None:
    """Those that end together, together; not what ends later, is held, or is gone; again for another instant."""
    [wallet] = new_wallets(database_url)
    ends = soon(days=6)
    later = ends + 10 * DAY
    await teller.post(
        gift(wallet, 30, expires_at=ends),
        gift(wallet, 12, expires_at=ends, priority=7),
        gift(wallet, 100, expires_at=later),
        Use(wallet_id=wallet, amount=2 * CREDIT, service="chat"),
    )
    assert 1 == await tell_expiring(teller.database, teller.door)
    assert 0 == await tell_expiring(teller.database, teller.door)
    await teller.post(gift(wallet, 9, expires_at=ends))
    assert 0 == await tell_expiring(teller.database, teller.door)
    shown = ends.isoformat().replace("+00:00", "Z")
    assert [("credits.expiring", {"credits": "40", "expires_at": shown, "lots": 2})] == teller.told(
        wallet, "%.expiring"
    )
    teller.advance(10 * DAY)
    await teller.post(Use(wallet_id=wallet, amount=100 * CREDIT, service="chat"))
    assert 0 == await tell_expiring(teller.database, teller.door)
    await teller.post(gift(wallet, 3, expires_at=later))
    assert 1 == await tell_expiring(teller.database, teller.door)
    assert ["40", "3"] == [data["credits"] for _, data in teller.told(wallet, "%.expiring")]
    check(database_url, [wallet])
