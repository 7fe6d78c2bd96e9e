"""Budgets, what was spent of each in each of its periods, and what is kept of past hours to tell a spike from.

``budgets`` and ``budget_spent`` are written under the wallet's lock alone. A budget's periods are those of its
``time_zone``, the one that its wallet had when it was made, and from each of its ``turns`` on those of the zone that
the wallet moved to (JSON: ``[[instant, zone], …]``, see ``periods``): they are remembered, so that what counts late
counts in the period that was then. ``since`` is the start of the period in which it was made; what counts before does
not concern it. A row of ``budget_spent`` is of the period that begins at ``start``: ``told`` are the alert levels that
were told and not re-armed, ``number`` is the last transaction that counted.

``usage_hours`` and ``usage_watch`` are the background task's own: no rule of a posting reads them.
"""

from typing import Final

from sqlalchemy import ARRAY, BigInteger, Boolean, CheckConstraint, Column, DateTime, SmallInteger, Table, Text, text

from ledger.kit.tables import metadata

Instant = DateTime(timezone=True)

NO_TURNS: Final = "[]"
"""The ``turns`` of a budget whose wallet never moved."""

budgets = Table(
    "budgets",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("budget", BigInteger, primary_key=True, autoincrement=False),
    Column("scope", Text, nullable=False),
    Column("of", Text),
    Column("period", Text, nullable=False),
    Column("limit_micro", BigInteger, nullable=False),
    Column("hard", Boolean, nullable=False),
    Column("alerts", ARRAY(SmallInteger), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("turns", Text, nullable=False, server_default=text(f"'{NO_TURNS}'")),
    Column("since", Instant, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("ledger_now()")),
    CheckConstraint("budget > 0", name="budget"),
    CheckConstraint("scope IN ('wallet', 'service', 'member') AND (scope = 'wallet') = (of IS NULL)", name="scope"),
    CheckConstraint("period IN ('day', 'week', 'month')", name="period"),
    CheckConstraint("limit_micro > 0", name="limit"),
)

budget_spent = Table(
    "budget_spent",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("budget", BigInteger, primary_key=True, autoincrement=False),
    Column("start", Instant, primary_key=True),
    Column("spent_micro", BigInteger, nullable=False),
    Column("told", ARRAY(SmallInteger), nullable=False),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("spent_micro >= 0 AND number >= 0", name="not_negative"),
    postgresql_with={"fillfactor": "70"},
)

usage_hours = Table(
    "usage_hours",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hour", Instant, primary_key=True),
    Column("used_micro", BigInteger, nullable=False),
    CheckConstraint("used_micro >= 0", name="not_negative"),
    postgresql_with={"fillfactor": "70"},
)

usage_watch = Table(
    "usage_watch",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("told_hour", Instant),
    Column("told_day", Instant),
    CheckConstraint("number >= 0", name="number"),
    postgresql_with={"fillfactor": "70"},
)
