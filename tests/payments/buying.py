"""A payment that is paid and booked, without a page: what refunds, disputes and payouts begin with."""

from collections import Counter
from typing import Any
from uuid import uuid4

import stripe
from msgspec.structs import asdict

from ledger.book.commands import Attempt, Posted, Rider, Use, key_hash
from ledger.book.verify import Report, verify_now
from ledger.events.catalogue import checked
from ledger.kit.ids import new_wallet_id
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.fulfil import purchase
from ledger.payments.money.charges import book_charge
from ledger.payments.rows import ACTOR, NAMESPACE, Payment
from tests.support.book import CREDIT, attempt, new_wallets, session
from tests.support.sandbox import SandboxAt
from tests.support.waiting import until

_PAID = """
UPDATE payments SET state = 'paid', payment_intent = %(intent)s, charge = %(charge)s, paid = %(paid)s, tax = %(tax)s,
    paid_at = ledger_now(), version = version + 1,
    number = (SELECT number FROM transactions WHERE wallet_id = %(wallet)s AND key_hash = %(key)s::uuid)
WHERE wallet_id = %(wallet)s AND payment = %(payment)s AND state <> 'paid'"""


class Shop:
    """A desk, Stripe's side of it, and the wallets that were made."""

    def __init__(self, url: str, desk: Desk, sandbox: SandboxAt) -> None:
        self.url = url
        self.desk = desk
        self.sandbox = sandbox
        self.stripe = sandbox.client()
        self.wallets: list[int] = []

    def wallet(self) -> int:
        (wallet_id,) = new_wallets(self.url)
        self.wallets.append(wallet_id)
        return wallet_id

    async def buy(
        self, credits: int = 500, cents: int = 5_000, *, tax: int = 0, card: str = "pm_card_visa", fee: bool = True
    ) -> Payment:
        """A payment of a wallet of its own, paid at Stripe and booked, its fee too."""
        intent = self.charge(cents + tax, card)
        return await self.book(intent, credits, cents, tax, fee=fee)

    def charge(self, cents: int, card: str = "pm_card_visa") -> stripe.PaymentIntent:
        """The money alone: nothing here knows of it yet."""
        wanted: Any = {
            "amount": cents,
            "currency": self.desk.currency.lower(),
            "payment_method": card,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
        return self.stripe.v1.payment_intents.create(wanted)

    async def book(
        self, intent: stripe.PaymentIntent, credits: int, cents: int, tax: int = 0, *, fee: bool = True
    ) -> Payment:
        """Book what was paid, as fulfilment does."""
        wallet_id, charge = self.wallet(), str(intent.latest_charge)
        currency = self.desk.currency
        async with self.desk.database.transaction() as connection:
            made = await rows.add(
                connection,
                wallet_id=wallet_id,
                payment=new_wallet_id(),
                origin="link",
                state="open",
                amount=cents,
                currency=currency,
                credits_micro=credits * CREDIT,
                token=uuid4(),
                actor="key_test",
            )
            await rows.remember(connection, wallet_id, made.payment, intent.id, charge)
        key = f"{intent.id}:purchase"
        params = {
            "wallet": wallet_id,
            "payment": made.payment,
            "intent": intent.id,
            "charge": charge,
            "paid": cents + tax,
            "tax": tax,
            "key": key_hash(NAMESPACE, key).hex(),
        }
        command = purchase(made, tax, {"intent": intent.id})
        await self.post(
            Attempt(command=command, key=key, namespace=NAMESPACE, actor=ACTOR, riders=(Rider(_PAID, params),))
        )
        if fee:
            await self.settled(charge)
            await book_charge(self.desk, charge)
        return await self.again(made)

    async def settled(self, charge: str) -> None:
        """Wait until Stripe knows its fee."""
        until(lambda: self.stripe.v1.charges.retrieve(charge).balance_transaction is not None, "the fee is known")

    async def post(self, asked: Attempt) -> Posted:
        [outcome] = await self.desk.door.submit([asked])
        assert isinstance(outcome, Posted), outcome
        return outcome

    async def use(self, payment: Payment, credits: int) -> Posted:
        return await self.post(attempt(Use(wallet_id=payment.wallet_id, amount=credits * CREDIT, service="jobs")))

    async def again(self, payment: Payment) -> Payment:
        """The row as it is now."""
        async with self.desk.database.transaction() as connection:
            found = await rows.load(connection, payment.wallet_id, payment.payment)
        assert found is not None
        return found

    def money(self, payment: Payment | None = None) -> dict[str, int]:
        """Accounts in money and what stands in them, debit above zero, of a wallet's book or of all."""
        found: Counter[str] = Counter()
        with session(self.url) as connection:
            lines = connection.execute(
                "SELECT debit, credit, amount FROM postings WHERE asset <> 'CREDIT' AND wallet_id = coalesce(%s, wallet_id)",
                [None if payment is None else payment.wallet_id],
            )
            for debit, credit, amount in lines:
                found[debit] += amount
                found[credit] -= amount
        return {account: amount for account, amount in found.items() if amount}

    def credits(self, payment: Payment) -> tuple[int, int, int]:
        """What is free, disputed and owed, in credits."""
        with session(self.url) as connection:
            row = connection.execute(
                "SELECT wallet, disputed, owed FROM wallets WHERE wallet_id = %s", [payment.wallet_id]
            ).fetchone()
        assert row is not None
        return row[0] // CREDIT, row[1] // CREDIT, row[2] // CREDIT

    def kinds(self, payment: Payment) -> list[str]:
        """What was booked, in order."""
        with session(self.url) as connection:
            rows_ = connection.execute(
                "SELECT kind FROM transactions WHERE wallet_id = %s ORDER BY number", [payment.wallet_id]
            )
            return [kind for (kind,) in rows_]

    def told(self, payment: Payment) -> list[tuple[str, dict[str, Any]]]:
        """What was told of its wallet, in order."""
        with session(self.url) as connection:
            rows_ = connection.execute(
                "SELECT payload FROM outbox WHERE wallet_id = %s ORDER BY event", [payment.wallet_id]
            )
            return [(envelope.type, asdict(data)) for envelope, data in (checked(payload) for (payload,) in rows_)]

    def row(self, table: str, **where: Any) -> dict[str, Any]:
        """The one row of a table that is like this."""
        [found] = self.rows(table, **where)
        return found

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        conditions = " AND ".join(f"{name} = %({name})s" for name in where) or "true"
        with session(self.url) as connection:
            cursor = connection.execute(f"SELECT * FROM {table} WHERE {conditions}", where)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    @property
    def balance(self) -> int:
        """What Stripe holds."""
        return int(self.sandbox.ask("/money")["total"])

    def check(self) -> Report:
        """All books follow from their postings, and the book has as much at Stripe as Stripe says."""
        assert self.balance == self.money().get("stripe_clearing", 0)
        report = verify_now(self.url)
        assert report.ok, "\n".join(str(fault) for fault in report.faults)
        return report
