"""Charging what was decided: by workers, one attempt at a time, each step written before the next one is made."""
