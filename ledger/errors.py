"""Every refusal the service can give, as one tree.

    LedgerError
    ├── BadRequest 400          the request cannot be read
    │   ├── InvalidRequest          INVALID_REQUEST
    │   ├── InvalidAmount           INVALID_AMOUNT
    │   ├── InvalidQuantity         INVALID_QUANTITY
    │   ├── InvalidCursor           INVALID_CURSOR
    │   ├── IdempotencyKeyMissing   IDEMPOTENCY_KEY_MISSING
    │   └── IdempotencyKeyInvalid   IDEMPOTENCY_KEY_INVALID
    ├── Unauthenticated 401         UNAUTHENTICATED
    ├── PaymentRequired 402     the wallet cannot pay
    │   ├── InsufficientCredits     INSUFFICIENT_CREDITS
    │   └── CreditLimitExceeded     CREDIT_LIMIT_EXCEEDED
    ├── Forbidden 403               FORBIDDEN
    ├── NotFound 404                NOT_FOUND
    ├── MethodNotAllowed 405        METHOD_NOT_ALLOWED
    ├── Conflict 409            the state does not allow it
    │   ├── AlreadyPosted           ALREADY_POSTED
    │   ├── IdempotencyInFlight     IDEMPOTENCY_IN_FLIGHT
    │   ├── WalletExists            WALLET_EXISTS
    │   ├── WalletFrozen            WALLET_FROZEN
    │   ├── WalletClosed            WALLET_CLOSED
    │   ├── WalletNotEmpty          WALLET_NOT_EMPTY
    │   ├── HoldNotOpen             HOLD_NOT_OPEN
    │   ├── PaymentNotPaid          PAYMENT_NOT_PAID
    │   ├── PaymentDisputed         PAYMENT_DISPUTED
    │   ├── PaymentNotCancelable    PAYMENT_NOT_CANCELABLE
    │   ├── WebhookEndpointDisabled WEBHOOK_ENDPOINT_DISABLED
    │   └── RiderConflict           STATE_CHANGED
    ├── EventsExpired 410           EVENTS_EXPIRED
    ├── PayloadTooLarge 413         PAYLOAD_TOO_LARGE
    ├── UnsupportedMediaType 415    UNSUPPORTED_MEDIA_TYPE
    ├── Unprocessable 422       a rule forbids it
    │   ├── IdempotencyConflict     IDEMPOTENCY_CONFLICT
    │   ├── NotReversible           NOT_REVERSIBLE
    │   ├── ReversalExceedsOriginal REVERSAL_EXCEEDS_ORIGINAL
    │   ├── CreditsAlreadySpent     CREDITS_ALREADY_SPENT
    │   ├── AmountTooLow            AMOUNT_TOO_LOW
    │   ├── AmountTooHigh           AMOUNT_TOO_HIGH
    │   ├── CurrencyNotTaken        CURRENCY_NOT_TAKEN
    │   ├── RefundExceedsUnspent    REFUND_EXCEEDS_UNSPENT
    │   ├── RefundExceedsPaid       REFUND_EXCEEDS_PAID
    │   ├── PeriodClosed            PERIOD_CLOSED
    │   ├── InvalidEffectiveAt      INVALID_EFFECTIVE_AT
    │   ├── InvalidExpiry           INVALID_EXPIRY
    │   ├── SameWallet              SAME_WALLET
    │   ├── BalanceLimit            BALANCE_LIMIT
    │   ├── LimitBelowOwed          LIMIT_BELOW_OWED
    │   ├── TooManyPostings         TOO_MANY_POSTINGS
    │   ├── BatchRefused            BATCH_REFUSED
    │   ├── UnknownMeter            UNKNOWN_METER
    │   ├── UnknownDimension        UNKNOWN_DIMENSION
    │   ├── PriceNotFound           PRICE_NOT_FOUND
    │   ├── InvalidMeter            INVALID_METER
    │   ├── FreeTierWithoutUnit     FREE_TIER_WITHOUT_UNIT
    │   ├── InvalidPrice            INVALID_PRICE
    │   ├── PriceOverlap            PRICE_OVERLAP
    │   ├── AmbiguousPrice          AMBIGUOUS_PRICE
    │   ├── AnalyticsTooLarge       ANALYTICS_TOO_LARGE
    │   └── UrlRefused              URL_REFUSED
    ├── RateLimited 429             RATE_LIMITED
    ├── InternalError 500           INTERNAL_ERROR
    └── Unavailable 503         try again later
        ├── DatabaseUnavailable     DATABASE_UNAVAILABLE
        ├── StripeUnavailable       STRIPE_UNAVAILABLE
        ├── SecretKeysMissing       SECRET_KEYS_MISSING
        ├── MailNotSetUp            MAIL_NOT_SET_UP
        ├── WalletBusy              WALLET_BUSY
        └── Overloaded              OVERLOADED

Each class has a stable ``code``, an HTTP ``status`` and a ``title``; an instance has a ``detail`` for
a person, and ``facts`` (JSON values) for a program. Facts named in ``TOP_LEVEL_FACTS`` stand at the
top of a problem answer, all others under ``details``. A page per code is in docs/errors.

Refusals that are definite (402, 409 state, 422 rule) are remembered under their idempotency key for
24 hours: ``remembered`` says which classes. Those of the rate card are not: they say something of the
card, which an operator can mend, and nothing of the wallet.
"""

from typing import Any, ClassVar

TOP_LEVEL_FACTS = ("reason", "available", "required", "shortfall", "refundable")


class LedgerError(Exception):
    """A refusal with a stable code. Never raised itself: one of its leaves is."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    remembered: ClassVar[bool] = False
    retry_after_s: ClassVar[int | None] = None

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class BadRequest(LedgerError):
    status = 400


class InvalidRequest(BadRequest):
    """The body, path or query does not have the documented shape.

    ``errors`` is a list of ``{"path", "message"}``.
    """

    code = "INVALID_REQUEST"
    title = "The request is not valid"

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.errors = errors or []


class InvalidAmount(InvalidRequest):
    """Not a positive decimal string or integer, too many decimals, or out of range."""

    code = "INVALID_AMOUNT"
    title = "The amount is not valid"


class InvalidQuantity(InvalidRequest):
    """Not a positive decimal string or integer, more decimals than the meter counts, or out of range."""

    code = "INVALID_QUANTITY"
    title = "The quantity is not valid"


class InvalidCursor(BadRequest):
    """A cursor that this list did not give."""

    code = "INVALID_CURSOR"
    title = "The cursor is not valid"


class IdempotencyKeyMissing(BadRequest):
    code = "IDEMPOTENCY_KEY_MISSING"
    title = "An Idempotency-Key is needed"


class IdempotencyKeyInvalid(BadRequest):
    """Not 1 to 255 visible ASCII characters, or used twice in one batch."""

    code = "IDEMPOTENCY_KEY_INVALID"
    title = "The Idempotency-Key is not valid"


class Unauthenticated(LedgerError):
    code = "UNAUTHENTICATED"
    status = 401
    title = "No valid API key"


class PaymentRequired(LedgerError):
    status = 402
    remembered = True


class InsufficientCredits(PaymentRequired):
    """``available``, ``required``, ``shortfall``: credits as decimal strings."""

    code = "INSUFFICIENT_CREDITS"
    title = "Not enough credits"


class CreditLimitExceeded(PaymentRequired):
    """A hard budget has too little left: ``details.budget``, ``details.limit``, ``details.spent``, ``details.left``."""

    code = "CREDIT_LIMIT_EXCEEDED"
    title = "A limit would be exceeded"


class Forbidden(LedgerError):
    """``details.scope``: the scope that is missing."""

    code = "FORBIDDEN"
    status = 403
    title = "The key does not have the scope for this"


class NotFound(LedgerError):
    """Also given for what the caller may not see."""

    code = "NOT_FOUND"
    status = 404
    title = "Not found"


class EventsExpired(LedgerError):
    """The event, or those that follow it, are older than events are kept. ``details.oldest_at``: when the oldest that
    is kept was recorded; null where none is."""

    code = "EVENTS_EXPIRED"
    status = 410
    title = "These events are not kept any more"


class MethodNotAllowed(LedgerError):
    code = "METHOD_NOT_ALLOWED"
    status = 405
    title = "This path does not take that method"


class Conflict(LedgerError):
    status = 409


class AlreadyPosted(Conflict):
    """The fact (``event_id``) was charged before: ``details.transaction_id``."""

    code = "ALREADY_POSTED"
    title = "This event was charged already"


class IdempotencyInFlight(Conflict):
    code = "IDEMPOTENCY_IN_FLIGHT"
    title = "The first request under this key is still running"
    retry_after_s = 1


class WalletExists(Conflict):
    """``details.wallet_id``: the wallet that is there."""

    code = "WALLET_EXISTS"
    title = "The owner has this wallet already"


class WalletFrozen(Conflict):
    code = "WALLET_FROZEN"
    title = "The wallet is frozen"
    remembered = True


class WalletClosed(Conflict):
    code = "WALLET_CLOSED"
    title = "The wallet is closed"
    remembered = True


class WalletNotEmpty(Conflict):
    """Closing needs a balance of zero and nothing held, disputed or owed."""

    code = "WALLET_NOT_EMPTY"
    title = "The wallet is not empty"


class HoldNotOpen(Conflict):
    """``details.state``: captured, released or expired."""

    code = "HOLD_NOT_OPEN"
    title = "The hold is not open"
    remembered = True


class PaymentNotPaid(Conflict):
    """``details.state``: pending, open, processing, failed, expired or canceled."""

    code = "PAYMENT_NOT_PAID"
    title = "The payment is not paid"


class PaymentDisputed(Conflict):
    """``details.disputed``: money that the bank has taken back, until the dispute is won."""

    code = "PAYMENT_DISPUTED"
    title = "The payment is disputed"


class PaymentNotCancelable(Conflict):
    """``details.status``: what the payment is."""

    code = "PAYMENT_NOT_CANCELABLE"
    title = "The payment cannot be canceled any more"
    remembered = False


class WebhookEndpointDisabled(Conflict):
    """``details.endpoint_id``: which endpoint gets nothing until it is enabled again."""

    code = "WEBHOOK_ENDPOINT_DISABLED"
    title = "The webhook endpoint is disabled"


class RiderConflict(Conflict):
    """A row that was to change together with the posting was not as expected."""

    code = "STATE_CHANGED"
    title = "Something else was faster"


class PayloadTooLarge(LedgerError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    title = "The body is too large"


class UnsupportedMediaType(LedgerError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415
    title = "The body must be JSON"


class Unprocessable(LedgerError):
    status = 422
    remembered = True


class IdempotencyConflict(Unprocessable):
    """The key was used for another request. Never remembered itself."""

    code = "IDEMPOTENCY_CONFLICT"
    title = "The Idempotency-Key was used for another request"
    remembered = False


class NotReversible(Unprocessable):
    """``details.kind``, and ``reason``: what to do instead."""

    code = "NOT_REVERSIBLE"
    title = "This transaction cannot be reversed"


class ReversalExceedsOriginal(Unprocessable):
    """``details.reversible``: what is left to reverse, in credits."""

    code = "REVERSAL_EXCEEDS_ORIGINAL"
    title = "More than is left to reverse"


class CreditsAlreadySpent(Unprocessable):
    """``details.reversible``: what is still there to take back, in credits."""

    code = "CREDITS_ALREADY_SPENT"
    title = "These credits were spent"


class AmountTooLow(Unprocessable):
    """``details.least``, in units of ``details.currency``."""

    code = "AMOUNT_TOO_LOW"
    title = "The amount is below what a payment can be of"
    remembered = False


class AmountTooHigh(Unprocessable):
    """``details.most``, in units of ``details.currency``."""

    code = "AMOUNT_TOO_HIGH"
    title = "The amount is above what a payment can be of"
    remembered = False


class CurrencyNotTaken(Unprocessable):
    """``details.currency``; ``details.settlement_currency`` is the one that payments are taken in."""

    code = "CURRENCY_NOT_TAKEN"
    title = "Payments are not taken in this currency"
    remembered = False


class RefundExceedsUnspent(Unprocessable):
    """``refundable``: what of the payment can be refunded, and ``details.refundable_credits``, what that takes."""

    code = "REFUND_EXCEEDS_UNSPENT"
    title = "Credits of this purchase were spent"


class RefundExceedsPaid(Unprocessable):
    """``refundable``: what is left of the payment, ``details.paid`` and ``details.refunded``."""

    code = "REFUND_EXCEEDS_PAID"
    title = "More than is left of the payment"
    remembered = False


class PeriodClosed(Unprocessable):
    """``details.open_from``: the first instant that can still be dated into."""

    code = "PERIOD_CLOSED"
    title = "The accounting period is closed"


class InvalidEffectiveAt(Unprocessable):
    code = "INVALID_EFFECTIVE_AT"
    title = "The effective time is not allowed"


class InvalidExpiry(Unprocessable):
    code = "INVALID_EXPIRY"
    title = "The expiry is not allowed"


class SameWallet(Unprocessable):
    code = "SAME_WALLET"
    title = "Payer and payee are the same wallet"


class BalanceLimit(Unprocessable):
    code = "BALANCE_LIMIT"
    title = "The balance would grow beyond what can be booked"


class LimitBelowOwed(Unprocessable):
    code = "LIMIT_BELOW_OWED"
    title = "The wallet owes more than the new limit"


class TooManyPostings(Unprocessable):
    code = "TOO_MANY_POSTINGS"
    title = "The amount is spread over too many lots"


class BatchRefused(Unprocessable):
    """An atomic batch of which one item was refused: ``details.results``. Keys stay free."""

    code = "BATCH_REFUSED"
    title = "The batch was refused as a whole"
    remembered = False


class UnknownMeter(Unprocessable):
    """``details.service``, ``details.meter`` (null where none was named)."""

    code = "UNKNOWN_METER"
    title = "The rate card has no such meter"
    remembered = False


class UnknownDimension(Unprocessable):
    """``details.dimension``, ``details.value``: what the meter does not know."""

    code = "UNKNOWN_DIMENSION"
    title = "The meter does not know this dimension"
    remembered = False


class PriceNotFound(Unprocessable):
    """``details.service``, ``details.meter``, ``details.dimensions``, ``details.occurred_at``."""

    code = "PRICE_NOT_FOUND"
    title = "No price applies to this event"
    remembered = False


class InvalidMeter(Unprocessable):
    """``details.service``, ``details.meter``."""

    code = "INVALID_METER"
    title = "The meter is not valid"
    remembered = False


class FreeTierWithoutUnit(Unprocessable):
    """``details.service``, ``details.meter``."""

    code = "FREE_TIER_WITHOUT_UNIT"
    title = "A free tier needs a unit"
    remembered = False


class InvalidPrice(Unprocessable):
    """``details.service``, ``details.meter``, ``details.dimensions``, ``details.version``."""

    code = "INVALID_PRICE"
    title = "The price is not valid"
    remembered = False


class PriceOverlap(Unprocessable):
    """``details.version``, ``details.other_version``: two of one selector that would be valid at once."""

    code = "PRICE_OVERLAP"
    title = "Two versions of a price would be valid at once"
    remembered = False


class AmbiguousPrice(Unprocessable):
    """``details.dimensions``, ``details.other_dimensions``: neither is more specific than the other."""

    code = "AMBIGUOUS_PRICE"
    title = "Two prices would apply to one event"
    remembered = False


class AnalyticsTooLarge(Unprocessable):
    """More parts or transactions than a breakdown may have: ``details.breakdown_by``, ``details.limit``."""

    code = "ANALYTICS_TOO_LARGE"
    title = "The breakdown is too large"
    remembered = False


class UrlRefused(Unprocessable):
    """``reason``: what is wrong with a URL that this service is to call, in a word."""

    code = "URL_REFUSED"
    title = "The URL may not be called"
    remembered = False

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


class RateLimited(LedgerError):
    code = "RATE_LIMITED"
    status = 429
    title = "Too many requests"
    retry_after_s = 1


class InternalError(LedgerError):
    code = "INTERNAL_ERROR"


class Unavailable(LedgerError):
    status = 503
    retry_after_s = 1


class DatabaseUnavailable(Unavailable):
    code = "DATABASE_UNAVAILABLE"
    title = "The database cannot be reached"


class StripeUnavailable(Unavailable):
    code = "STRIPE_UNAVAILABLE"
    title = "Stripe cannot be reached"


class SecretKeysMissing(Unavailable):
    """No key to encrypt secrets with is set, or not the one that encrypted this."""

    code = "SECRET_KEYS_MISSING"
    title = "The service has no key to keep secrets with"


class MailNotSetUp(Unavailable):
    """No mail server is set, so nothing can be told by e-mail."""

    code = "MAIL_NOT_SET_UP"
    title = "The service sends no e-mail"


class WalletBusy(Unavailable):
    """The wallet's row was locked by somebody else for too long."""

    code = "WALLET_BUSY"
    title = "The wallet is busy"


class Overloaded(Unavailable):
    code = "OVERLOADED"
    title = "Too much work is waiting"


def leaves(root: type[LedgerError] = LedgerError) -> list[type[LedgerError]]:
    """All classes with a code of their own, in the order of the tree."""
    own = [root] if "code" in vars(root) and root is not LedgerError else []
    return own + [leaf for child in root.__subclasses__() for leaf in leaves(child)]


BY_CODE: dict[str, type[LedgerError]] = {leaf.code: leaf for leaf in leaves()}
