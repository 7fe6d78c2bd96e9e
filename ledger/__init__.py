"""The credit ledger: a double-entry ledger and billing service for prepaid credits."""

__version__ = "0.1.0"
