"""Endpoints: where events go, which of them, and the secrets that sign for it."""
