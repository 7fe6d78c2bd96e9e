"""Priced events and the counters of their months, recounted by plain SQL from the journal and from the lines.

- An event was charged what its transaction posted, and what its line says; it is voided exactly if a void stands in
  the journal.
- What was billed, free and covered in a month is the sum of its events that are not voided.
- Of each wallet and meter, all exact costs ever are all charges ever and the carry: nothing lost, nothing twice.
"""

from collections.abc import Iterable
from typing import Any, Final

from ledger.book.verify.beside import reading
from ledger.book.verify.report import Report

_SOME: Final = "(%(all)s OR u.wallet_id = ANY(%(ids)s::bigint[]))"

_COUNT: Final = f"SELECT count(*) FROM usage u WHERE {_SOME}"

_CHARGED: Final = f"""
SELECT u.wallet_id, u.number, 'charged', coalesce(p.micro, 0)::text, u.micro::text
FROM usage u LEFT JOIN LATERAL (
    SELECT sum(amount) AS micro FROM postings
    WHERE wallet_id = u.wallet_id AND number = u.number AND credit = 'used:' || u.service) AS p ON true
WHERE {_SOME} AND u.micro <> coalesce(p.micro, 0)"""

_LINE: Final = f"""
SELECT u.wallet_id, u.number, 'line', u.micro::text, (u.line::jsonb ->> 'charged')
FROM usage u WHERE {_SOME} AND u.micro <> (u.line::jsonb ->> 'charged')::numeric * 1000000"""

_VOIDED: Final = f"""
SELECT u.wallet_id, u.number, 'voided_by', v.number::text, u.voided_by::text
FROM usage u LEFT JOIN transactions v
    ON v.wallet_id = u.wallet_id AND v.reverses = u.number AND v.reverses IS NOT NULL AND v.kind = 'void'
WHERE {_SOME} AND u.voided_by IS DISTINCT FROM v.number"""

_USED: Final = f"""
WITH expected AS (
    SELECT wallet_id, service, meter, month, selector, sum(billed) AS billed, sum(covered) AS covered
    FROM usage u WHERE {_SOME} AND voided_by IS NULL GROUP BY 1, 2, 3, 4, 5),
found AS (
    SELECT wallet_id, service, meter, month, selector, billed, covered
    FROM meter_counters u WHERE {_SOME} AND selector <> '')
SELECT wallet_id, NULL, 'billed ' || concat_ws('/', service, meter, month, selector),
    concat_ws('+', coalesce(e.billed, 0), coalesce(e.covered, 0)),
    concat_ws('+', coalesce(f.billed, 0), coalesce(f.covered, 0))
FROM expected e FULL JOIN found f USING (wallet_id, service, meter, month, selector)
WHERE coalesce(e.billed, 0) <> coalesce(f.billed, 0) OR coalesce(e.covered, 0) <> coalesce(f.covered, 0)"""

_FREE: Final = f"""
WITH expected AS (
    SELECT wallet_id, service, meter, month, sum(free) AS free
    FROM usage u WHERE {_SOME} AND voided_by IS NULL GROUP BY 1, 2, 3, 4),
found AS (
    SELECT wallet_id, service, meter, month, free
    FROM meter_counters u WHERE {_SOME} AND selector = '' AND month > '0001-01-01')
SELECT wallet_id, NULL, 'free ' || concat_ws('/', service, meter, month), coalesce(e.free, 0)::text,
    coalesce(f.free, 0)::text
FROM expected e FULL JOIN found f USING (wallet_id, service, meter, month)
WHERE coalesce(e.free, 0) <> coalesce(f.free, 0)"""

_CARRY: Final = f"""
WITH expected AS (
    SELECT wallet_id, service, meter,
        (sum((line::jsonb ->> 'cost_credits')::numeric) * 1000000 - sum(micro)) * 1e24 AS carry
    FROM usage u WHERE {_SOME} GROUP BY 1, 2, 3),
found AS (
    SELECT wallet_id, service, meter, carry FROM meter_counters u WHERE {_SOME} AND month = '0001-01-01')
SELECT wallet_id, NULL, 'carry ' || concat_ws('/', service, meter), coalesce(e.carry, 0)::text,
    coalesce(f.carry, 0)::text
FROM expected e FULL JOIN found f USING (wallet_id, service, meter)
WHERE coalesce(e.carry, 0) <> coalesce(f.carry, 0)"""


def verify_usage(database_url: str, report: Report, wallet_ids: Iterable[int] | None = None) -> None:
    """Compare all priced events, or those of some wallets, and tell the report. Changes nothing."""
    params: dict[str, Any] = {"all": wallet_ids is None, "ids": sorted(set(wallet_ids or ()))}
    with reading(database_url) as connection, connection.transaction():
        ((report.checked["priced events"],),) = connection.execute(_COUNT, params)
        for query in (_CHARGED, _LINE, _VOIDED, _USED, _FREE, _CARRY):
            for wallet_id, number, place, expected, found in connection.execute(query, params):
                report.say(wallet_id, "usage", number, place, expected, found)
