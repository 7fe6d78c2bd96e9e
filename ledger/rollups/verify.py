"""Rollups against each other and against the journal: sums only.

- All slots of a wallet come to what its mark says, and so do its days, in each way in which they are summed up.
- What the mark says was used is what the journal says up to the mark's number.

Which slot a use belongs to is not looked at: ``rollups rebuild`` does that, and mends it. Adding up all slots and all
lines again would take a fifth of the time of verify, and sums can be made anew at any time: so each day one wallet in
SHARE is looked at, another one every day.
"""

from collections.abc import Iterable
from typing import Final

from ledger.book.verify.beside import reading
from ledger.book.verify.report import Report

SHARE: Final = 32

_TODAYS: Final = (
    f"SELECT wallet_id FROM wallets WHERE wallet_id %% {SHARE} = (current_date - date '2000-01-01') %% {SHARE}"
)

_SOME: Final = "wallet_id = ANY(%(wallets)s::bigint[])"

_ALL: Final = "charged_micro, refunded_micro, operations, sessions"
_SUMS: Final = "sum(charged_micro), sum(refunded_micro), sum(operations), sum(sessions)"
_NONE: Final = "'0 0 0 0'"

_SLOTS: Final = f"""
WITH marks AS (SELECT wallet_id, concat_ws(' ', {_ALL}) AS sums FROM rollup_marks WHERE {_SOME}),
slots AS (SELECT wallet_id, concat_ws(' ', {_SUMS}) AS sums FROM rollups WHERE {_SOME} GROUP BY wallet_id),
days AS (
    SELECT wallet_id, by, concat_ws(' ', {_SUMS}) AS sums FROM rollup_days
    WHERE {_SOME} AND by IN ('all', 'hour', 'meter') GROUP BY wallet_id, by),
kept AS (
    SELECT wallet_id, 'slots' AS place, s.sums FROM marks FULL JOIN slots s USING (wallet_id)
    UNION ALL
    SELECT wallet_id, 'days by ' || b.by, d.sums FROM marks
    CROSS JOIN (VALUES ('all'), ('hour'), ('meter')) AS b(by) FULL JOIN days d USING (wallet_id, by))
SELECT wallet_id, place, coalesce(m.sums, {_NONE}), coalesce(k.sums, {_NONE})
FROM kept k LEFT JOIN marks m USING (wallet_id) WHERE coalesce(m.sums, {_NONE}) <> coalesce(k.sums, {_NONE})"""
"""By user and by purpose is what has one of these, and so less than the mark says."""

_LABELS: Final = f"""
WITH slots AS (
    SELECT wallet_id, 'user' AS by, concat_ws(' ', {_SUMS}) AS sums FROM rollups
    WHERE {_SOME} AND user_id <> '' GROUP BY wallet_id
    UNION ALL
    SELECT wallet_id, 'purpose', concat_ws(' ', {_SUMS}) FROM rollups
    WHERE {_SOME} AND purpose <> '' GROUP BY wallet_id),
days AS (
    SELECT wallet_id, by, concat_ws(' ', {_SUMS}) AS sums FROM rollup_days
    WHERE {_SOME} AND by IN ('user', 'purpose') GROUP BY wallet_id, by)
SELECT wallet_id, 'days by ' || by, coalesce(s.sums, {_NONE}), coalesce(d.sums, {_NONE})
FROM slots s FULL JOIN days d USING (wallet_id, by) WHERE coalesce(s.sums, {_NONE}) <> coalesce(d.sums, {_NONE})"""

_USED: Final = f"""
SELECT wallet_id, 'used up to ' || m.number, coalesce(p.used, 0)::text, (charged_micro - refunded_micro)::text
FROM rollup_marks m LEFT JOIN (
    SELECT wallet_id, sum(CASE WHEN starts_with(credit, 'used:') THEN amount ELSE -amount END) AS used
    FROM postings p JOIN rollup_marks m USING (wallet_id)
    WHERE {_SOME} AND p.number <= m.number AND (starts_with(credit, 'used:') OR starts_with(debit, 'used:'))
    GROUP BY wallet_id) AS p USING (wallet_id)
WHERE {_SOME} AND charged_micro - refunded_micro <> coalesce(p.used, 0)"""


def verify_rollups(database_url: str, report: Report, wallet_ids: Iterable[int] | None = None) -> None:
    """Compare the rollups of today's wallets, or those of the wallets named, and tell the report. Changes nothing."""
    with reading(database_url) as connection, connection.transaction():
        if wallet_ids is None:
            wallet_ids = [wallet_id for (wallet_id,) in connection.execute(_TODAYS, {})]
        named = sorted(set(wallet_ids))
        report.checked["rollups"] = len(named)
        for query in (_SLOTS, _LABELS, _USED):
            for wallet_id, place, expected, found in connection.execute(query, {"wallets": named}):
                report.say(wallet_id, "rollup", None, place, expected, found)
