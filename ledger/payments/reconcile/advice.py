"""What differences are called, and what is to be done about each. One table."""

from collections.abc import Mapping
from typing import Final

MISSING_HERE: Final = "it is at Stripe and not here"
MISSING_THERE: Final = "it is here and not at Stripe"
AMOUNT: Final = "the amounts differ"
STATUS: Final = "one has gone further than the other"
REFUNDED: Final = "what is refunded differs"
NOT_TIED: Final = "its parts do not add up to it"
NOT_BOOKED: Final = "it is not booked"
OTHER_AMOUNT: Final = "its transaction moved another amount"
LATE: Final = "it has been pending for long"
UNEXPLAINED: Final = "the book has another sum than Stripe, and nothing explains it"

ADVICE: Final[Mapping[str, str]] = {
    MISSING_HERE: "Look the object up at Stripe: if it was made by hand or by another program, refund it there or book"
    " it by an adjustment; if the account was in use before, take it on with `credit-ledger stripe take-on`.",
    MISSING_THERE: "Look whether LEDGER_STRIPE_API_KEY is of the same account and mode as when it was made.",
    AMOUNT: "Look at both: rows here are never changed by hand, so somebody may have done so; restore the row.",
    STATUS: "Wait for the next reconciliation: an event is late. If it stays, look at `credit-ledger stripe events`.",
    REFUNDED: "Compare the refunds of the charge at Stripe with those of the payment here; one of them is missing.",
    NOT_TIED: "Compare the movements of the payout at Stripe with those here; what has no payout is missing in it.",
    NOT_BOOKED: "Do what the reason says. A movement of another currency or of an unknown type is booked by hand.",
    OTHER_AMOUNT: "Run `credit-ledger verify`: the journal, or the row that names its transaction, is not what it was.",
    LATE: "Look for the refund at Stripe, and whether workers run; what failed there is undone here by itself.",
    UNEXPLAINED: "Was the account in use before the books, run `credit-ledger stripe take-on` once. Otherwise"
    " reconcile with --days as long as the books are, and look for money that was moved outside of payments.",
}
