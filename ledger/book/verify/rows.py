"""The statements verify reads with, and the shapes of their rows.

Times are read as PostgreSQL sends them, in microseconds since 2000: making ``datetime`` objects would
take more time than checking them.
"""

import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

EPOCH_US = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970."""

Connection = psycopg.Connection[tuple[Any, ...]]
ServerCursor = psycopg.ServerCursor[tuple[Any, ...]]


class WalletRow(NamedTuple):
    wallet_id: int
    wallet: int
    held: int
    disputed: int
    owed: int
    number: int
    event_number: int
    last_lot: int
    last_at: int
    due_at: int | None
    head_hash: bytes
    sealed_number: int


class LotRow(NamedTuple):
    wallet_id: int
    lot: int
    source: str
    priority: int
    effective_at: int
    amount: int
    remaining: int
    pinned: int
    expires_at: int | None
    cost: int
    currency: str | None


class HoldRow(NamedTuple):
    wallet_id: int
    hold: int
    amount: int
    captured: int
    released: int
    state: str
    service: str
    placed_at: int
    expires_at: int


_HOLD_NUMBERS = struct.Struct(">4x" + 7 * "8xq")
HOLD = "wallet_id, hold, amount, captured, released, placed_at, expires_at, state, service"


def placed_hold(row: bytes) -> HoldRow:
    """The hold that came as ``ROW(HOLD)``: in front of each column are its type and its length, of 4 bytes each."""
    wallet_id, hold, amount, captured, released, placed_at, expires_at = _HOLD_NUMBERS.unpack_from(row)
    state_at = _HOLD_NUMBERS.size + 8
    service_at = state_at + int.from_bytes(row[state_at - 4 : state_at]) + 8
    state, service = row[state_at : service_at - 8].decode(), row[service_at:].decode()
    return HoldRow(wallet_id, hold, amount, captured, released, state, service, placed_at, expires_at)


TRANSACTION = (
    "wallet_id, number, kind, key_hash, fingerprint, event_hash, actor, effective_at, recorded_at, reverses,"
    " link_wallet_id, link_number, wallet_after, held_after, disputed_after, owed_after, limit_after,"
    " terms, notes_digest, hash"
)
POSTING = "wallet_id, number, line, debit, credit, asset, amount, lot, lot_after, hold, balance_after"
IN_CHUNK = "wallet_id > %(after)s AND wallet_id <= %(upto)s"
IN_LIST = "wallet_id = ANY(%(ids)s::bigint[])"

PAGE = 5_000


@contextmanager
def connect(url: str) -> Iterator[Connection]:
    """A connection that reads int8 for timestamptz, and bytes for uuid and for rows in a column (``placed_hold``)."""
    head, _, rest = url.partition("://")
    with psycopg.connect(
        f"{head.partition('+')[0]}://{rest}",
        autocommit=True,
        application_name="credit-ledger verify",
        options="-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
        # Cursors are read to their end, and side by side: from the first row on.
        " -c cursor_tuple_fraction=1 -c synchronize_seqscans=off",
    ) as connection:
        for read, like in (("timestamptz", "int8"), ("uuid", "bytea"), ("record", "bytea")):
            loader = connection.adapters.get_loader(psycopg.adapters.types[like].oid, Format.BINARY)
            assert loader is not None
            connection.adapters.register_loader(read, loader)
        yield connection


def snapshot(connection: Connection) -> Any:
    """A block that sees one state of the database, and changes nothing."""
    connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return connection.transaction()


def pages(cursor: ServerCursor, size: int = PAGE) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a cursor in the database, page by page. Asked of libpq itself: through the driver a small page costs
    as much for the asking as for its rows."""
    server = cursor.connection.pgconn
    fetch = f'FETCH FORWARD {size} FROM "{cursor.name}"'.encode()
    loaders = Transformer(cursor.connection)
    first = True
    while True:
        result = server.exec_params(fetch, [], result_format=Format.BINARY)
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        loaders.set_pgresult(result, set_loaders=first, format=Format.BINARY)
        first = False
        if not result.ntuples:
            return
        yield loaders.load_rows(0, result.ntuples, tuple)


def stream(connection: Connection, name: str, query: str, params: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, one by one, through a cursor in the database."""
    with connection.cursor(name=name, binary=True) as cursor:
        cursor.execute(query, params)
        for page in pages(cursor):
            yield from page


@contextmanager
def as_they_lie(
    connection: Connection, tables: dict[str, str], where: str, params: dict[str, Any]
) -> Iterator[list[ServerCursor]]:
    """Cursors over some columns of tables, in the order in which the rows lie there."""
    with ExitStack() as stack:
        cursors = []
        connection.execute("SET LOCAL enable_indexscan = off")
        for table, columns in tables.items():
            cursor = stack.enter_context(connection.cursor(name=f"verify_{table}", binary=True))
            cursors.append(cursor.execute(f"SELECT {columns} FROM {table} WHERE {where}", params))
        connection.execute("SET LOCAL enable_indexscan = on")
        yield cursors


def array(numbers: Iterable[object]) -> str:
    """Numbers as the text of an array: the driver's own way costs a microsecond for each."""
    return "{" + ",".join(map(str, numbers)) + "}"


def rows(connection: Connection, query: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(query, params).fetchall()
