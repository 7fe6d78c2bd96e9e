"""Backups and restores: PostgreSQL's own tools do the work, and this package asks them the right way.

tools       which pg_dump, pg_restore … to call: one that is new enough for the server
dump        a logical dump, one file
base        a physical base backup, and the script that archives WAL behind it
manifest    whether the files of a base backup are what the server sent
restore     a dump into an empty database
recovery    a base backup and the archive behind it into a data directory
adopt       the transaction ids of rows that were written in another cluster
report      which acknowledged transactions a restored ledger has, and which it has lost

What an operator does with it, in order: docs/runbooks/restore.md.
"""
