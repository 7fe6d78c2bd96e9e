"""Auto-refill: a wallet that runs low buys credits by itself, within caps, at most one purchase at a time.

Decided under the wallet's lock by a participant of the book (``participant``, ``rules/decide``), charged by workers
(``charge/``), and never without the consent of a person (``service``). docs/decisions/0011 has the rules.
"""
