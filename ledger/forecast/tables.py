"""The forecast of each wallet that has one, and when it is due to be made again."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, DateTime, Index, Table, Text, text

from ledger.kit.tables import metadata

forecasts = Table(
    "forecasts",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("due_at", DateTime(timezone=True)),
    Column("made_at", DateTime(timezone=True)),
    Column("until", Date),
    Column("body", Text),
    CheckConstraint("(made_at IS NULL) = (until IS NULL) AND (made_at IS NULL) = (body IS NULL)", name="made"),
    Index("forecasts_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)
"""``body`` is the JSON of ``records.Forecast``, ``until`` the last day of the history that it was made of. Without
``due_at`` it is made again only when somebody asks."""
