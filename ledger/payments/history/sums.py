"""What a wallet's payments come to, in all and by month; and what of their credits was used meanwhile."""

from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

MONTHS: Final = 12

_SUMMED: Final = """count(*) AS payments, coalesce(sum(paid), 0)::bigint AS paid, coalesce(sum(tax), 0)::bigint AS tax,
    coalesce(sum(refunded), 0)::bigint AS refunded, coalesce(sum(credits_micro), 0)::bigint AS credits_micro"""
_PAID: Final = "wallet_id = %(wallet)s AND state = 'paid' AND currency = %(currency)s"

_WHOLE: Final = f"""
SELECT {_SUMMED}, min(paid_at), max(paid_at), 1 + extract(year FROM age) * 12 + extract(month FROM age)
FROM (SELECT *, age(date_trunc('month', ledger_now() AT TIME ZONE 'UTC'),
        date_trunc('month', min(paid_at) OVER () AT TIME ZONE 'UTC')) AS age
    FROM payments WHERE {_PAID}) p
GROUP BY age"""

_BY_MONTH: Final = f"""
WITH first AS (SELECT date_trunc('month', ledger_now() AT TIME ZONE time_zone)::date - interval '{MONTHS - 1} months'
        AS month, time_zone FROM wallet_settings WHERE wallet_id = %(wallet)s),
bought AS (SELECT date_trunc('month', paid_at AT TIME ZONE time_zone)::date AS month, {_SUMMED}
    FROM payments, first WHERE {_PAID} AND paid_at AT TIME ZONE time_zone >= first.month GROUP BY 1),
used AS (SELECT date_trunc('month', day)::date AS month, sum(charged_micro - refunded_micro)::bigint AS micro
    FROM rollup_days, first WHERE wallet_id = %(wallet)s AND "by" = 'all' AND day >= first.month GROUP BY 1)
SELECT coalesce(bought.month, used.month), coalesce(payments, 0), coalesce(paid, 0), coalesce(tax, 0),
    coalesce(refunded, 0), coalesce(credits_micro, 0), coalesce(used.micro, 0)
FROM bought FULL JOIN used ON used.month = bought.month ORDER BY 1 DESC"""


class Whole(NamedTuple):
    """Of payments that were paid: how many, what was paid, the tax in it, what was refunded, what it bought, when, and
    over how many months from the first one to now."""

    payments: int = 0
    paid: int = 0
    tax: int = 0
    refunded: int = 0
    credits_micro: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    months: int = 1


class Month(NamedTuple):
    """The same of a month, which is the wallet's; ``used_micro``: what was used in it, less what came back."""

    begins: date
    payments: int
    paid: int
    tax: int
    refunded: int
    credits_micro: int
    used_micro: int


async def whole(connection: AsyncConnection, wallet_id: int, currency: str) -> Whole:
    """Of all payments of a wallet."""
    row = (await connection.exec_driver_sql(_WHOLE, {"wallet": wallet_id, "currency": currency})).first()
    return Whole() if row is None else Whole(*row[:-1], months=int(row[-1]))


async def by_month(connection: AsyncConnection, wallet_id: int, currency: str) -> list[Month]:
    """Of the last months, the last first; those in which nothing was paid or used are left out."""
    found = await connection.exec_driver_sql(_BY_MONTH, {"wallet": wallet_id, "currency": currency})
    return [Month._make(row) for row in found]
