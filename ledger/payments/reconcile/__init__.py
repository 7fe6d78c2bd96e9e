"""Reconciliation: what Stripe has of us, held against our rows and the book, object by object."""
