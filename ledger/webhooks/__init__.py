"""Webhooks: events, delivered to addresses that users gave."""
