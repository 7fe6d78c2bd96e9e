"""Calls that post nothing, once under their key: and whose key it is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import DatabaseUnavailable, IdempotencyConflict, IdempotencyInFlight, WalletExists
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.idempotency import Done, once
from tests.support.book import session
from tests.support.proxy import counting_proxy

pytestmark = pytest.mark.anyio

MARK = "INSERT INTO periods (period, ends_at, state) VALUES (:mark, 'epoch', 'closed')"
"""Something to write, that the owner can count."""


@pytest.fixture
async def database(database_url: str):  # type: ignore[no-untyped-def]
    found = Database(database_url, pool_size=3, role=SERVICE_ROLE, lock_timeout_ms=20_000, statement_timeout_ms=20_000)
    yield found
    await found.dispose()
    with session(database_url) as connection:
        connection.execute("DELETE FROM periods")


class Call:
    """A call that leaves a mark each time its work is done and committed."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.worked = 0

    async def ask(
        self,
        database: Database,
        *,
        namespace: str = "client:one",
        operation: str = "open",
        key: str | None = "",
        request: object = 1,
        refuse: bool = False,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> Done:
        """Once, under the call's own key unless told another."""

        async def work(connection: AsyncConnection) -> Done:
            self.worked += 1
            if first is not None:
                await first()
            mark = f"{self.name} {self.worked}"
            await connection.execute(text(MARK), {"mark": mark})
            if refuse:
                raise WalletExists("it is there")
            return Done(201, mark.encode())

        key = self.name if key == "" else key
        return await once(database, namespace=namespace, operation=operation, key=key, request=request, work=work)

    def marks(self) -> int:
        with session(self.url) as connection:
            row = connection.execute("SELECT count(*) FROM periods WHERE period LIKE %s", [f"{self.name} %"]).fetchone()
        assert row is not None
        return int(row[0])


async def test_a_repetition_gets_the_first_answer(database: Database, database_url: str) -> None:
    call = Call(database_url, "again")
    first, second = await call.ask(database), await call.ask(database)
    assert (first.body, first.replayed, second.body, second.replayed) == (b"again 1", False, b"again 1", True)
    assert call.marks() == 1


async def test_another_request_under_the_key_is_a_conflict(database: Database, database_url: str) -> None:
    call = Call(database_url, "conflict")
    await call.ask(database)
    with pytest.raises(IdempotencyConflict):
        await call.ask(database, request=2)
    assert call.marks() == 1


@pytest.mark.parametrize("other", [{"namespace": "client:two"}, {"operation": "close"}], ids=str)
async def test_a_key_belongs_to_a_client_and_a_call(
    database: Database, database_url: str, other: dict[str, str]
) -> None:
    """Another's answer may be none of their business."""
    call = Call(database_url, f"whose {other}")
    await call.ask(database)
    assert not (await call.ask(database, **other)).replayed  # type: ignore[arg-type]
    assert call.marks() == 2


async def test_a_refusal_leaves_nothing_and_frees_the_key(database: Database, database_url: str) -> None:
    call = Call(database_url, "refused")
    with pytest.raises(WalletExists):
        await call.ask(database, refuse=True)
    assert call.marks() == 0
    assert not (await call.ask(database)).replayed


async def test_many_at_once_are_one(database: Database, database_url: str) -> None:
    call = Call(database_url, "storm")
    answers = await asyncio.gather(*(call.ask(database) for _ in range(10)))
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 9
    assert call.marks() == 1


async def test_a_first_attempt_that_runs_is_waited_for_only_so_long(database: Database, database_url: str) -> None:
    call = Call(database_url, "slow")
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        began.set()
        await go_on.wait()

    first = asyncio.create_task(call.ask(database, first=slowly))
    await began.wait()
    hasty = Database(database_url, role=SERVICE_ROLE, lock_timeout_ms=100)
    with pytest.raises(IdempotencyInFlight):
        await call.ask(hasty)
    await hasty.dispose()
    go_on.set()
    assert not (await first).replayed
    assert (await call.ask(database)).replayed
    assert call.marks() == 1


async def test_a_commit_whose_answer_was_lost_is_never_run_again(database_url: str) -> None:
    """Without a key a second run would do it twice; the caller is told that it is not known."""
    call = Call(database_url, "lost")
    async with counting_proxy(database_url) as proxy:
        database = Database(proxy.url, role=SERVICE_ROLE)
        await call.ask(database, key="warm up")
        proxy.cut_at = b"COMMIT\x00"
        with pytest.raises(DatabaseUnavailable):
            await call.ask(database, key=None)
        proxy.cut_at = None
        await database.dispose()
    assert (call.worked, call.marks()) == (2, 2)
