"""Disputes: which status follows which, and what evidence does in test mode."""

from typing import Final

from ledger.sandbox.errors import Object, invalid

OPEN: Final = ("needs_response", "warning_needs_response")
UNDECIDED: Final = (*OPEN, "under_review", "warning_under_review")
INQUIRY: Final = ("warning_needs_response", "warning_under_review", "warning_closed")
TAKEN: Final = ("needs_response", "under_review", "lost")
"""While the money is withdrawn."""

EVIDENCE: Final = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "escalated"}
"""What ``evidence[uncategorized_text]`` leads to. Any other text leaves the case under review."""


def require(dispute: Object, statuses: tuple[str, ...]) -> None:
    """Raises StripeError where it is too late."""
    if dispute["status"] not in statuses:
        raise invalid(f"This dispute cannot be changed any more: it has a status of `{dispute['status']}`.")


def under_review(status: str) -> str:
    """The status after evidence was submitted."""
    return "warning_under_review" if status in INQUIRY else "under_review"


def outcome(dispute: Object) -> str | None:
    """What the evidence leads to: won, lost, escalated, warning_closed, or None for nothing."""
    found = EVIDENCE.get((dispute["evidence"]["uncategorized_text"] or "").strip())
    if found is None or dispute["status"] not in INQUIRY:
        return found if found != "escalated" else None
    return "escalated" if found in ("lost", "escalated") else "warning_closed"
