"""What goes wrong with requests to the API, set under ``/_sim/faults``: for the next so many that match."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

import msgspec

from ledger.sandbox.errors import StripeError

KINDS: Final = {
    "error_before": "500, and nothing was done; remembered under the key",
    "error_after": "500, although it was done; remembered under the key",
    "unavailable": "503, and nothing was done; not remembered",
    "rate_limit": "429 of the limiter",
    "lock": "429 lock_timeout: another request holds the object",
    "conflict": "409: another request with this key is in progress",
    "forbidden": "403: the key may not do this",
    "slow": "done after `delay_s`; until then the key is in use",
    "hang": "done at once, answered after `delay_s`",
    "cut_before": "the connection is closed, and nothing was done",
    "cut_after": "it is done, and the connection closed without an answer",
}

ALIASES: Final = {
    "500": "error_before",
    "503": "unavailable",
    "429": "rate_limit",
    "409": "conflict",
    "timeout": "hang",
}
"""Other names of kinds."""

_SDK_REPEATS: Final = ("lock", "conflict")
"""Stripe says of these that asking again will do; the SDK does so by itself then."""

_REFUSALS: Final = {
    "unavailable": (503, "api_error", "Stripe is unavailable for a moment. Try again later.", None),
    "rate_limit": (429, "invalid_request_error", "Request rate limit exceeded.", "rate_limit"),
    "lock": (
        429,
        "invalid_request_error",
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request. If you see this error frequently and are making "
        "multiple concurrent requests to a single object, make your requests serially or at a lower rate.",
        "lock_timeout",
    ),
    "conflict": (
        409,
        "idempotency_error",
        "There is currently another in-progress request using this Stripe-Idempotency-Key (that probably means you "
        "submitted twice, and the other request is still going through). Try again later.",
        "idempotency_key_in_use",
    ),
    "forbidden": (
        403,
        "invalid_request_error",
        "The provided key does not have the required permissions for this endpoint.",
        None,
    ),
}


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One kind of trouble. ``path`` may have ``*``; ``skip`` so many that match first; ``times`` is counted down."""

    kind: str | int
    path: str = "/v1/*"
    method: str = "*"
    times: int = 1
    skip: int = 0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        self.kind = ALIASES.get(str(self.kind), str(self.kind))
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")


class Faults:
    """What is going to go wrong."""

    def __init__(self) -> None:
        self.coming: list[Fault] = []

    def take(self, method: str, path: str) -> Fault | None:
        """What goes wrong with this request; it is used up by that."""
        for fault in self.coming:
            if fault.method not in ("*", method) or not fnmatchcase(path, fault.path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.coming.remove(fault)
            return fault
        return None


def refusal(fault: Fault) -> StripeError | None:
    """The error of a fault that answers before anything is looked at."""
    if fault.kind not in _REFUSALS:
        return None
    status, kind, message, code = _REFUSALS[str(fault.kind)]
    headers = {"Stripe-Should-Retry": "true"} if fault.kind in _SDK_REPEATS else {}
    return StripeError(status, kind, message, code=code, headers=headers)
