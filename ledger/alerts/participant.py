"""Balance-level events, decided and written with the posting that crosses a level."""

from collections.abc import Sequence
from datetime import datetime

from ledger.alerts.rules import event_of, level_of
from ledger.book.commands import Attempt
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.rules.move import Move
from ledger.events.payloads import BalanceLevel, Level
from ledger.kit.arrays import numbers, texts, times
from ledger.kit.money import format_amount
from ledger.kit.wire import Row

_LOAD = """
SELECT s.wallet_id, s.warning_at, s.critical_at, b.level
FROM unnest(%(wallets)s::bigint[]) AS w(wallet_id)
JOIN wallet_settings s USING (wallet_id)
LEFT JOIN balance_levels b USING (wallet_id)
"""

_WRITE = """
INSERT INTO balance_levels (wallet_id, level, since)
SELECT * FROM unnest(%(wallets)s::bigint[], %(levels)s::text[], %(since)s::timestamptz[])
ON CONFLICT (wallet_id) DO UPDATE SET level = excluded.level, since = excluded.since
"""


class BalanceLevels:
    """The participant: ``balance.low``, ``.critical``, ``.depleted``, ``.recovered``."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[Attempt]) -> Sequence[Statement] | None:
        return [Statement(_LOAD, {"wallets": numbers(wallet_ids)})]

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part:
        return _Levels(rows[0])


class _Levels(Part):
    """The levels of a unit's wallets: ``rows`` of (wallet, warning at, critical at, last level)."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._known = {row[0]: row[1:] for row in rows}

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        known = self._known
        levels: dict[int, Level | None] = {wallet_id: row[2] for wallet_id, row in known.items()}
        changed: dict[int, tuple[Level, datetime]] = {}
        events = []
        for move in moves:
            transaction = move.transaction
            wallet_id = transaction.wallet_id
            if wallet_id not in known:
                continue
            warning_at, critical_at, _level = known[wallet_id]
            free = transaction.after.wallet - transaction.after.owed
            level = level_of(free, warning_at, critical_at)
            before = levels[wallet_id]
            if level == before:
                continue
            levels[wallet_id] = level
            changed[wallet_id] = (level, transaction.recorded_at)
            told = event_of(before, level)
            if told is not None:
                assert before is not None
                data = BalanceLevel(
                    level=level,
                    previous_level=before,
                    free=format_amount(free),
                    threshold=format_amount(_threshold(level, warning_at, critical_at)),
                )
                events.append(Event(wallet_id, told, data, transaction.number))
        if not changed:
            return events, None
        rows = Statement(
            _WRITE,
            {
                "wallets": numbers(list(changed)),
                "levels": texts([level for level, _ in changed.values()]),
                "since": times([since for _, since in changed.values()]),
            },
        )
        return events, lambda: [rows]


def _threshold(level: Level, warning_at: int, critical_at: int) -> int:
    return {"critical": critical_at, "depleted": 0}.get(level, warning_at)
