"""The chart of accounts, once: which accounts there are and what each stands for.

An account is a name, with a qualifier where the chart says so (``issued:promotional``,
``used:code_completion``). Every posting takes its amount from the account it debits and gives it to
the account it credits, so a wallet's credits are the credit balance of ``wallet`` in its book.

The accounts of a book that hold a customer's credits (``OWN``) have a running balance in the
``wallets`` row; the others have none, so nobody ever waits for them.
"""

from typing import Final, NamedTuple

WALLET: Final = "wallet"
HELD: Final = "held"
DISPUTED: Final = "disputed"
OWED: Final = "owed"
EXPIRED: Final = "expired"
TRANSIT: Final = "transit"
STRIPE_CLEARING: Final = "stripe_clearing"
BANK: Final = "bank"
OPENING_BALANCE: Final = "opening_balance"
STRIPE_FEES: Final = "stripe_fees"
DISPUTE_FEES: Final = "dispute_fees"
DEFERRED_REVENUE: Final = "deferred_revenue"
TAX_PAYABLE: Final = "tax_payable"
REFUND_PAYABLE: Final = "refund_payable"
DISPUTE_RECEIVABLE: Final = "dispute_receivable"
LOSS_DISPUTE: Final = "loss:dispute"
LOSS_REFUND: Final = "loss:refund"

HOUSE: Final = 2**63 - 1
"""The wallet whose book has the money lines that belong to no customer, such as payouts. It has no settings and no
public id; ids of others are random numbers below it."""

OWN: Final = (WALLET, HELD, DISPUTED, OWED)


class Account(NamedTuple):
    """A line of the chart. ``of``: "credits", "money" or "both"; ``side``: where its balance
    normally stands; ``qualified``: whether a ``:qualifier`` follows the name."""

    name: str
    of: str
    side: str
    qualified: bool
    meaning: str


CHART: Final = (
    Account(WALLET, "credits", "credit", False, "credits free to use"),
    Account(HELD, "credits", "credit", False, "credits behind open holds"),
    Account(DISPUTED, "credits", "credit", False, "credits set aside while a payment is disputed"),
    Account(OWED, "credits", "debit", False, "credits the customer owes: overdraft, forced amounts"),
    Account("issued", "credits", "debit", True, "credits given out, by source"),
    Account("used", "credits", "credit", True, "credits used, by service"),
    Account(EXPIRED, "credits", "credit", False, "credits that expired unused"),
    Account("withdrawn", "credits", "credit", True, "credits taken back: refund, dispute, adjustment"),
    Account(TRANSIT, "both", "credit", False, "on the way between two books; zero in total"),
    Account(STRIPE_CLEARING, "money", "debit", False, "money that Stripe holds for us"),
    Account(BANK, "money", "debit", False, "money paid out to the bank"),
    Account(OPENING_BALANCE, "money", "credit", False, "money at Stripe from before the books"),
    Account(STRIPE_FEES, "money", "debit", False, "what Stripe keeps of each payment"),
    Account(DISPUTE_FEES, "money", "debit", False, "what Stripe charges for disputes"),
    Account(DEFERRED_REVENUE, "money", "credit", False, "paid for credits not used yet: a liability"),
    Account("revenue", "money", "credit", True, "earned: by service, breakage, subscription"),
    Account(REFUND_PAYABLE, "money", "credit", False, "refunds that Stripe has not paid out yet"),
    Account(TAX_PAYABLE, "money", "credit", False, "tax collected, owed to the state"),
    Account(DISPUTE_RECEIVABLE, "money", "debit", False, "money withdrawn while disputed"),
    Account("loss", "money", "debit", True, "money lost, by cause"),
)

BY_NAME: Final = {account.name: account for account in CHART}


def knows(account: str, asset: str) -> bool:
    """Whether the chart has this account for this asset."""
    name, _, qualifier = account.partition(":")
    line = BY_NAME.get(name)
    if line is None or line.qualified != bool(qualifier):
        return False
    return line.of in ("both", "credits" if asset == "CREDIT" else "money")
