"""Transfers: credits move from one wallet to another, in both books at once."""
