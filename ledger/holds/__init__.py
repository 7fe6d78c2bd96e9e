"""Holds: reserve before a job runs, capture part or all, release the rest; they expire by themselves."""
