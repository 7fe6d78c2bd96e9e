"""Balance levels: ``balance.low``, ``.critical``, ``.depleted`` and ``.recovered`` events."""
