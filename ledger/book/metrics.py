"""How the book's upkeep is doing, in figures."""

from typing import Final

from ledger.kit.metrics import Metric, age_s

METRICS: Final = (
    Metric(
        "credit_ledger_book_due_age_seconds",
        "For how long lots and holds that have ended wait to be booked in wallets that nobody touches. Balances are"
        " right without it. 0 where nothing is late.",
        f"""SELECT 'lots', ({age_s("expires_at", "lots WHERE open AND expires_at IS NOT NULL AND remaining > pinned")})
        UNION ALL SELECT 'holds', ({age_s("expires_at", "holds WHERE state = 'open'")})""",
        label="of",
        values=("lots", "holds"),
    ),
)
