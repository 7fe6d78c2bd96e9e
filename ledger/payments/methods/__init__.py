"""Saved payment methods: what a wallet can be charged by later. Stripe has them; rows here are what it says.

store     rows of ``payment_methods``
converge  makes the rows what Stripe says
service   set-up links, the default, and taking one away
expiring  tells of cards that are about to expire
api       /v1/wallets/{wallet_id}/payment-methods
"""
