"""What is said of each type of event, once: what happened, the figures, and what to do.

A sentence has figures of the event in braces, each with how it is written: ``{free:credits}``. One whose figure an
event does not have, or has as null, is left out. ``{wallet}`` is what the wallet is called, ``{wallet_id}`` its id.
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
    "auto_refill.completed": Text(
        "{wallet} was refilled: {credits:credits} were added",
        ("{amount:money} were paid for {credits:credits}.", "Payment: {payment_id}."),
        "If you did not expect that, switch automatic refills off, or lower their caps.",
    ),
    "auto_refill.failed": Text(
        "A refill of {wallet} failed",
        (
            "{amount:money} for {credits:credits} could not be charged.",
            "Why: {reason:words}.",
            "Tries of the card so far: {tries}.",
            "It is tried again at {next_try_at:time}.",
            "Payment: {payment_id}.",
        ),
        "Look whether the card is still good, or save another one.",
    ),
    "auto_refill.blocked": Text(
        "{wallet} is not refilled: {reason:words}",
        (
            "In {wallet} are {held_and_free:credits}, and it is refilled below {threshold:credits}.",
            "What stands in the way: {reason:words} ({reason}).",
            "{amount:money} would be charged.",
            "Nothing is charged before {until:time}.",
        ),
        "If the credits do not last until then, buy some by a payment link, or change the settings of auto-refill.",
    ),
    "auto_refill.requires_action": Text(
        "Please pay {amount:money} to refill {wallet}",
        (
            "No card was charged: {reason:words}.",
            "Pay {amount:money} for {credits:credits} here: {payment_url}",
            "The link can be paid until {expires_at:time}; until then nothing else is charged.",
            "Payment: {payment_id}.",
        ),
        "Save a card that can be charged while you are not there, and the next refill needs nobody.",
    ),
    "auto_refill.paused": Text(
        "Automatic refills of {wallet} are paused",
        (
            "Why: {reason:words}.",
            "No card is charged until a person resumes them.",
            "To resume: POST /v1/wallets/{wallet_id}/auto-refill/resume, or switch them on again.",
        ),
        "Save a card that works before you do. Meanwhile credits can be bought by a payment link.",
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

WORDS: Final = {
    "authentication_required": "the bank wants the card's holder to confirm the payment",
    "card_failed_before": "the saved card was declined before",
    "cooldown": "the last one was a moment ago",
    "declined": "the bank declined the card",
    "disputed": "a payment of this wallet is disputed at the bank",
    "do_not_honor": "the bank declined the card",
    "expired_card": "the card has expired",
    "failures": "three failures in a row",
    "generic_decline": "the bank declined the card",
    "insufficient_funds": "there is not enough money on the card",
    "link_expired": "nobody paid the link in time",
    "maximum_per_month": "there were as many this month as you allow",
    "monthly_spend_cap": "it would cost more than you allow in a month",
    "no_payment_method": "no card is saved",
    "outside_hours": "it is outside the hours that you chose",
    "stopped": "automatic refills are stopped for everybody",
    "tax": "the tax is by where you live, which only you can say",
    "wallet_frozen": "the wallet is frozen",
}
"""Codes of what stands in the way of a refill, as people say it. Others are shown without their underscores."""
