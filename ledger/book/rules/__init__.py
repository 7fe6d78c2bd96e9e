"""The pure rules: what a command does to a book. No clock, no random, no I/O.

``state`` is a book in memory, as loaded under its lock; ``lines`` writes postings into it; ``due`` books what has
expired; ``moves`` and ``reversal`` decide the commands; ``fold`` takes a batch of attempts through all of it.
docs/decisions/0001 has the rules as sentences.
"""
