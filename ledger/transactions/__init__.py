"""Transactions: what stands in a book, shown and reversed.

``shapes`` is the one place that renders them: a fresh answer, its replay and a later GET are the same bytes,
because all are made from the same records of the book.
"""
