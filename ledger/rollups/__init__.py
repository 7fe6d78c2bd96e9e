"""Rollups: what each wallet used, summed up by quarters of an hour, after the fact and exactly once.

A posting knows nothing of them. Books are numbered without a gap, so a mark for each wallet ("the sums have everything
up to number 4711") is all that is needed to add each transaction once, in order, whoever does it and however often it
is killed: the sums and the mark change together, under the lock of the mark's row. Nothing else is ever locked.

What is added, where:

- a use (also a capture, and a priced event that came to nothing) where it *occurred*, however late it was reported;
- what comes back (refund, reversal, void) where that was used which it is of, and not when it came back;
- a session where it began: with the first transaction of the book that names it.

Sums stand by quarters of an hour because every time zone is off by a multiple of that: hours, days and months of any
zone are made of them. ``rollup_days`` has the days of the wallet's own zone besides, summed up by what is asked for,
and is what reads read; they are made anew where the zone changes.

    tables.py   rollups, rollup_days, rollup_sessions, rollup_marks
    store.py    the SQL: what a transaction adds (ADDED), and adding it
    days.py     the SQL of rollup_days: what slots come to in them
    roller.py   roll_up(), roll_moved(), rebuild(): in chunks, any number of rollers
    figures.py  what the balance shows of them, with what is not rolled up yet
    verify.py   whether they agree with each other and with the journal
"""
