"""Alerts: ``balance.low``, ``.critical``, ``.depleted`` and ``.recovered``, and ``credits.expiring``."""
