"""Forecast: what a wallet will use in the next 30 days, how sure that is, and when its credits run out."""
