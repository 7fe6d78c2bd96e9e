"""The tables of the rollups. All of them can be made anew from the journal (``roller.rebuild``).

Sums are NUMERIC: what a wallet ever used may be more than any balance can be. What an event does not have (a meter,
a user, a purpose) is the empty text, because it stands in a key.
"""

from datetime import date
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, DateTime, Numeric, Table, Text, Uuid, text

from ledger.kit.tables import metadata

LABEL_MAX: Final = 255
"""Characters of a user or a purpose that are kept: two of them must fit into a key."""

EPOCH: Final = date(2000, 1, 1)

RECENT_DAYS: Final = 32
"""Days of ``rollup_marks.recent``, today among them: a month, and four weeks."""

_ZERO = text("0")

rollups = Table(
    "rollups",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("slot", DateTime(timezone=True), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("quantity", Numeric, nullable=False, server_default=_ZERO),
    Column("charged_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("refunded_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("operations", BigInteger, nullable=False, server_default=_ZERO),
    Column("sessions", BigInteger, nullable=False, server_default=_ZERO),
    CheckConstraint("slot = date_bin('15 minutes', slot, 'epoch')", name="slot"),
    CheckConstraint("charged_micro >= 0 AND refunded_micro >= 0", name="not_negative"),
    postgresql_with={"fillfactor": "80"},
)
"""``slot`` is where a quarter of an hour begins. Quantities are in the meter's smallest unit. ``user_id`` and
``purpose`` are those of an event's metadata."""

rollup_days = Table(
    "rollup_days",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("by", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("quantity", Numeric, nullable=False, server_default=_ZERO),
    Column("charged_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("refunded_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("operations", BigInteger, nullable=False, server_default=_ZERO),
    Column("sessions", BigInteger, nullable=False, server_default=_ZERO),
    CheckConstraint("by IN ('all', 'hour', 'meter', 'user', 'purpose')", name="by"),
    CheckConstraint("charged_micro >= 0 AND refunded_micro >= 0", name="not_negative"),
    postgresql_with={"fillfactor": "80"},
)
"""Days of the time zone that stands in the mark, each summed up in five ways, so that an answer reads as many rows as
it has lines: ``all`` of it, by ``hour`` of the day (``key`` is 00 to 23), by ``meter`` (``key`` is the service; only
here are quantities), by ``user`` and by ``purpose``. What has no user or purpose has no row by it."""

rollup_sessions = Table(
    "rollup_sessions",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("session", Uuid, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""With which transaction each session began; ``session`` is the MD5 of its name."""

rollup_marks = Table(
    "rollup_marks",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, server_default=_ZERO),
    Column("zone", Text, nullable=False),
    Column("earned_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("charged_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("refunded_micro", Numeric, nullable=False, server_default=_ZERO),
    Column("operations", BigInteger, nullable=False, server_default=_ZERO),
    Column("sessions", BigInteger, nullable=False, server_default=_ZERO),
    Column("first_day", Date),
    Column("last_day", Date),
    Column("recent", Text, nullable=False, server_default=text("'[]'")),
    Column("rolled_at", DateTime(timezone=True), nullable=False, server_default=text("ledger_now()")),
    CheckConstraint("number >= 0", name="number"),
    CheckConstraint("(first_day IS NULL) = (last_day IS NULL) AND first_day <= last_day", name="days"),
    postgresql_with={"fillfactor": "70"},
)
"""Up to which number of its book a wallet is rolled up, and its totals up to there. ``first_day`` and ``last_day``:
of its use. ``recent``: JSON of the last days that had any, ``[days since EPOCH, micro-credits net]`` each, so that the
balance needs to read no more than this row. Who adds anything holds its lock."""
