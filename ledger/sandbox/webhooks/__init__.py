"""Webhooks: who is told of which event (outbox), what goes wrong on the way (mishaps), and the sending (sender)."""
