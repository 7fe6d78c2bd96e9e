"""How much of the journal is not under an anchor, in figures; ``doctor`` says the same to people."""

from typing import Final

from ledger.kit.metrics import Metric, age_s

UNSEALED_S_MAX: Final = 3 * 3600
"""An anchor is made each hour; what waits for longer than this is worth a look."""

UNSEALED_AGE: Final = age_s("since", "unsealed")
"""A look at every book that moved since the last anchor: an index would be written by whoever posts."""

METRICS: Final = (
    Metric(
        "credit_ledger_journal_unsealed_age_seconds",
        "For how long the book that has waited longest has been in no anchor. 0 where all are.",
        UNSEALED_AGE,
        slow=True,
    ),
    Metric(
        "credit_ledger_journal_anchor_age_seconds",
        "Since when the newest anchor is sealed, in seconds; NaN where there is none.",
        "SELECT extract(epoch FROM ledger_now() - (SELECT sealed_at FROM anchors ORDER BY number DESC LIMIT 1))",
    ),
)
