"""Analytics: where a wallet's credits went, what changed, and what to do about it."""
