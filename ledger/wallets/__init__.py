"""Wallets: an owner's credits, each wallet with a book of its own.

An owner has one primary wallet (without a purpose; opened on first use; ``user:<owner>`` means it) and
at most one further wallet for each purpose.
"""
