"""The report on what was acknowledged: exact to the transaction, whatever a line looks like."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from ledger.backup.report import LINES_MAX, Finding, report
from ledger.book.hashing import genesis
from ledger.kit.ids import row_public
from tests.support.api import Api, fresh, make_key, run_sql, running
from tests.support.book import new_wallets

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database_url: str) -> Any:
    async with running(database_url) as app:
        found = Api(app, make_key(database_url, "admin")[1], database_url)
        yield found
        await found.client.aclose()


def states(url: str, *documents: Any) -> list[tuple[int, str]]:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in documents]
    return [(finding.line, finding.state) for finding in report(url, lines)]


async def test_answers_are_understood_as_they_are(api: Api) -> None:
    """A grant, a usage, a transfer, a batch, a list of transactions, an event of the log, a row of the table."""
    wallet, other = await api.wallet("200"), await api.wallet()
    granted = await api.grant(wallet, "10")
    used = (await api.post(f"/v1/wallets/{wallet}/usage", {"service": "chat", "credits": "150"})).json()
    moved = (
        await api.post("/v1/transfers", {"from_wallet_id": wallet, "to_wallet_id": other, "amount": "1", "reason": "x"})
    ).json()
    items = [{"key": fresh("item"), "wallet_id": wallet, "service": "chat", "credits": "1"} for _ in range(2)]
    batch = (await api.post("/v1/usage/batch", {"items": items})).json()
    listed = (await api.get(f"/v1/wallets/{wallet}/transactions")).json()
    ((payload,),) = run_sql(api.database_url, "SELECT payload FROM outbox ORDER BY recorded_at DESC LIMIT 1")
    ((wallet_id, number, receipt),) = run_sql(
        api.database_url, "SELECT wallet_id, number, encode(hash, 'hex') FROM transactions ORDER BY wallet_id LIMIT 1"
    )
    row = {"wallet_id": wallet_id, "number": number, "hash": receipt}

    found = states(
        api.database_url, granted, used, moved, batch, listed, {"event": "event", "payload": payload}, row, "", {"a": 1}
    )

    assert [(1, "present"), (2, "present")] == found[:2]
    assert [(3, "unproved")] * 2 == found[2:4]
    assert [(4, "unproved")] * 2 == found[4:6]
    of_list = [state for line, state in found if line == 5]
    assert len(listed["items"]) == of_list.count("present")
    assert [(6, "unproved"), (7, "present")] == found[-2:]


async def test_what_is_lost_is_told_from_what_is_there(api: Api) -> None:
    wallet = await api.wallet()
    granted = (await api.grant(wallet, "10"))["transaction"]
    gone = granted["id"][:-1] + "2"

    assert [
        (1, "present"),
        (2, "missing"),
        (3, "different"),
        (4, "missing"),
        (5, "unreadable"),
        (6, "unreadable"),
        (7, "unreadable"),
        (8, "present"),
    ] == states(
        api.database_url,
        granted,
        {"id": gone, "hash": granted["hash"]},
        {"id": granted["id"], "hash": "0" * 64},
        {"transaction_id": gone},
        '{"id": "txn_',
        {"id": "txn_!"},
        "[" * 100_000,
        granted,
    )
    (finding,) = report(api.database_url, [json.dumps({"id": granted["id"], "hash": "0" * 64})])
    assert Finding(1, "different", granted["id"], "0" * 64, granted["hash"]) == finding


def test_the_file_is_read_as_it_is_answered(database_url: str) -> None:
    """Of an endless file the first chunk is answered, and no line beyond it is read."""
    (wallet_id,) = new_wallets(database_url)
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield json.dumps({"id": row_public("txn", wallet_id, read), "hash": genesis(wallet_id).hex()})

    findings = report(database_url, endless())
    for line in range(1, LINES_MAX + 1):
        assert (line, "missing") == next(findings)[:2]
    assert LINES_MAX == read


def said(url: str, lines: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ledger.cli", "restore", "report", "-", "--json", "--database-url", url]
    return subprocess.run(command, input=lines, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("lines", "code", "summary"),
    [
        (["present"], 0, {"present": 1}),
        (["present", "unproved"], 0, {"present": 1, "unproved": 1}),
        (["present", "missing"], 1, {"present": 1, "missing": 1}),
        (["different"], 1, {"different": 1}),
        (["missing", "unreadable"], 2, {"missing": 1, "unreadable": 1}),
        ([], 0, {}),
    ],
)
async def test_the_exit_code_says_what_the_lines_say(
    api: Api, lines: list[str], code: int, summary: dict[str, int]
) -> None:
    granted = (await api.grant(await api.wallet(), "10"))["transaction"]
    text = {
        "present": json.dumps(granted),
        "unproved": json.dumps({"transaction_id": granted["id"]}),
        "missing": json.dumps({"transaction_id": granted["id"] + "0"}),
        "different": json.dumps({"id": granted["id"], "hash": "f" * 64}),
        "unreadable": "{",
    }
    done = await anyio.to_thread.run_sync(said, api.database_url, "".join(f"{text[line]}\n" for line in lines))
    *shown, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert code == done.returncode, done.stderr
    assert {state: count for state, count in last.items() if count} == summary
    assert [line for line in lines if line not in ("present", "unproved")] == [finding["state"] for finding in shown]
