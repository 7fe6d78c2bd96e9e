"""The rate card: what a unit of a service costs. Meters say how usage is counted, prices what a count is charged.

``prices`` has the records, ``checks`` what a card must be, ``card`` the card and its lookup, ``changes`` what the next
card must keep of it. ``rules`` prices an event, ``line`` explains the charge, ``tally`` keeps a wallet's counters
meanwhile. ``shapes`` and ``card_file`` read and write cards, and ``shipped.yaml`` is the one that comes with the
service. ``store`` has the card in the database, ``service`` changes it and keeps what a process prices by, ``api``
serves it with the shapes of ``answers``. docs/concepts/rate-card.md has the rules as sentences.
"""
