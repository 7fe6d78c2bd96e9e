"""One SQLite file that keeps all of it, and the unit of work on it.

A unit is one transaction, and nothing waits inside one, so that requests are atomic and one after the other. What is
written is on the disk when it is answered as far as SQLite's write-ahead log goes: a killed process loses nothing, a
machine that loses its power may lose the last moments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS objects_of_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_of_customer ON objects (kind, json_extract(body, '$.customer'), seq);
CREATE INDEX IF NOT EXISTS objects_of_intent ON objects (kind, json_extract(body, '$.payment_intent'), seq);
CREATE INDEX IF NOT EXISTS objects_of_source ON objects (kind, json_extract(body, '$.source'), seq);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL,
    request_id TEXT NOT NULL, created REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS due (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, job TEXT NOT NULL, args TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS due_at ON due (at, seq);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting'
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_at ON deliveries (at, seq) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
LOCK_S: Final = 1.0
"""How long a file that somebody else has is waited for."""
TABLES: Final = ("objects", "answers", "due", "deliveries", "facts")


def connect(file: Path | None) -> sqlite3.Connection:
    """The database in this file, or one in memory, with its tables. Nobody else has it as long as we do."""
    db = sqlite3.connect(file or ":memory:", timeout=LOCK_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(_SCHEMA)
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def empty(db: sqlite3.Connection) -> None:
    """Forget everything."""
    with transaction(db):
        for table in TABLES:
            db.execute(f"DELETE FROM {table}")


def fact(db: sqlite3.Connection, name: str, default: str) -> str:
    """A value that is kept under a name."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else default


def keep_fact(db: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a value under a name."""
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
