"""Refunds: money goes back to who paid, and the credits that it bought go with it."""
