"""Disputes: the bank takes a payment back until it has decided, and its credits are set aside meanwhile."""
