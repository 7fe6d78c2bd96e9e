"""The money of payments: what Stripe keeps, holds and pays out, as lines of the book."""
