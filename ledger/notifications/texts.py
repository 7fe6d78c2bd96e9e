"""What is said of each type of event, once: what happened, the figures, and what to do.

A sentence has figures of the event in braces, each with how it is written: ``{free:credits}``. One whose figure an
event does not have, or has as null, is left out. ``{wallet}`` is what the wallet is called.
"""

from typing import Final, NamedTuple


class Text(NamedTuple):
    """``subject``: a line. ``says``: sentences, in order. ``advice``: what to do, where there is something."""

    subject: str
    says: tuple[str, ...]
    advice: str = ""


_LEVEL: Final = ("Free in {wallet}: {free:credits}.", "You asked to hear of it below {threshold:credits}.")
_MONEY: Final = ("It was {amount:money} for {credits:credits}.", "Payment: {payment_id}.")
_TOP_UP: Final = "Buy credits, or switch on automatic refills, before work stops."

TEXTS: Final[dict[str, Text]] = {
    "balance.low": Text("Credits are running low: {free:number} left in {wallet}", _LEVEL, _TOP_UP),
    "balance.critical": Text("Only {free:credits} left in {wallet}", _LEVEL, _TOP_UP),
    "balance.depleted": Text(
        "No credits left in {wallet}",
        ("Free in {wallet}: {free:credits}.", "Services that need credits are refused from now on."),
        "Buy credits, and they go on at once.",
    ),
    "balance.recovered": Text("{wallet} has enough credits again", ("Free in {wallet}: {free:credits}.",)),
    "payment.completed": Text("{credits:credits} were added to {wallet}", ("A payment arrived.", *_MONEY)),
    "payment.failed": Text(
        "A payment for {wallet} failed",
        ("No credits were added.", *_MONEY, "Reason: {reason}."),
        "Pay again, or choose another way to pay.",
    ),
    "payment.refunded": Text(
        "A payment for {wallet} was refunded",
        ("{credits:credits} were taken back, and {amount:money} are on their way to you.", "Payment: {payment_id}."),
    ),
    "payment.refund_failed": Text(
        "A refund for {wallet} failed",
        ("The money could not be given back, so the credits are where they were.", *_MONEY),
        "Tell us another way to give the money back.",
    ),
    "payment.disputed": Text("A payment for {wallet} is disputed", ("The bank took the money back.", *_MONEY)),
    "dispute.opened": Text(
        "A payment for {wallet} is disputed",
        (
            "The bank took {amount:money} of a payment back.",
            "Of its credits, {credits:credits} are set aside; what was spent already is owed.",
            "Payment: {payment_id}.",
        ),
        "If this is a mistake, ask your bank to withdraw the dispute.",
    ),
    "dispute.won": Text(
        "A dispute about {wallet} is over: the credits are back",
        ("{credits:credits} can be used again.", "Payment: {payment_id}."),
    ),
    "dispute.lost": Text(
        "A dispute about {wallet} is over: the credits are gone",
        ("The bank kept {amount:money}.", "{credits:credits} that were set aside are gone.", "Payment: {payment_id}."),
    ),
    "payment_link.created": Text(
        "A payment for {wallet} is waiting", ("It can be paid here: {payment_url}", "Payment: {payment_id}.")
    ),
    "payment_method.expiring": Text(
        "The card ending in {last4} for {wallet} is about to expire",
        ("The {brand} card ending in {last4} can be used until {exp_month}/{exp_year}.",),
        "Add its successor or another card, or automatic payments will fail.",
    ),
    "payment_link.expired": Text(
        "A payment for {wallet} was not made in time",
        ("Nobody paid, and the link is over.", *_MONEY),
        "Ask for a new link if you still want the credits.",
    ),
    "credits.granted": Text(
        "{credits:credits} were added to {wallet}", ("Why: {reason}.", "They can be used until {expires_at:time}.")
    ),
    "credits.expired": Text("Credits in {wallet} expired", ("{credits:credits} were not used in time, and are gone.",)),
    "hold.expired": Text(
        "A hold in {wallet} ended by itself",
        ("{credits:credits} were held, and neither captured nor released in time.", "Hold: {hold_id}."),
    ),
    "transfer.completed": Text(
        "{credits:credits} moved between wallets",
        ("From {from_wallet_id} to {to_wallet_id}.", "Why: {reason}.", "Transfer: {transfer_id}."),
    ),
    "credits.expiring": Text(
        "Credits in {wallet} are about to expire",
        ("{credits:credits} expire.", "They can be used until {expires_at:time}."),
        "Use them before that: what expires is gone.",
    ),
    "budget.threshold_reached": Text(
        "{level} % of a budget of {wallet} is spent",
        (
            "{spent:credits} of {limit:credits} are spent in this {period}, and {left:credits} are left.",
            "The budget is of the service {service}.",
            "The budget is of the member {user_id}.",
            "A new period begins at {period_end:time}.",
        ),
        "Look at what was used, or change the budget. A hard budget refuses what goes beyond it.",
    ),
    "usage.spike": Text(
        "Unusual usage of {wallet}",
        (
            "{used:credits} were used in the {window} that began at {window_start:time}.",
            "Usual are {usual:credits}.",
        ),
        "If you did not expect that, look who uses your keys.",
    ),
}

OTHER: Final = Text("Event {type} in {wallet}", ("There was an event of the type {type}.",))
"""Of a type that has no text here: its figures are listed as they are."""

TEST: Final = Text(
    "Test: notifications of {wallet} arrive here",
    ("This is a test of the notifications of {wallet}. Nothing happened.",),
)
