"""Mechanisms without domain: database, money, ids, clock, HTTP, telemetry. Imports nothing above it."""
