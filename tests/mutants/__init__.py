"""Faults made by hand, each of which a named test must find: ``python -m tests.mutants [name …]``.

A suite that stays green whatever is wrong is decoration. Every mutant here takes one safeguard of the money path
away (a lock, a check, an index, an order) in a copy of the source, and the test that is named with it must fail.
"""
