"""The anchor: every hour, one signed hash over the heads of all books that moved.

A book's chain shows every change in it, but for two: a tail that was cut off, and a book whose hashes were all
computed anew. Who owns the database could do either. An anchor fixes them from outside: it is a Merkle root over
(wallet, number, hash) of each book that moved, chained to the anchor before it, signed, and told to others as the
event ``ledger.sealed``. docs/concepts/anchor.md says what it proves; docs/decisions/0006 why it is made like this.

    rules.py    the encoding, the tree, the chain: pure, with golden vectors
    keys.py     Ed25519 keys as text, and signing
    tables.py   unsealed, sealing, anchors, anchor_leaves
    store.py    the SQL
    service.py  seal(): in chunks, any number of sealers, whatever is killed
"""
