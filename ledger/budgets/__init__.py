"""Budgets: what a wallet, a service or a member may use in a day, week or month, and alerts before it is used up."""
