"""T18: messages that are garbage, tasks that raise, hang or die each time they are tried: good work goes on."""

import base64
import json
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from tests.faults.crew import LIMIT_S, Broker, Crew, Work
from tests.support.waiting import until

pytestmark = pytest.mark.faults

QUEUE = "celery"


def message(task: str = "book.due", body: Any = ([], {}, {}), **changed: Any) -> dict[str, Any]:
    """A message as Celery writes it, with what is ``changed`` in it."""
    own = str(uuid.uuid4())
    return {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": own, "root_id": own, "argsrepr": "()", "kwargsrepr": "{}"},
        "properties": {
            "correlation_id": own,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": own,
        },
    } | changed


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}


POISONS: dict[str, bytes] = {
    "no json": b"\x00garbage\xff",
    "an empty text": b"",
    "a list": b"[1, 2, 3]",
    "a number": b"17",
    "nested": b"[" * 100_000,
    "an empty object": b"{}",
    "no properties": json.dumps(without(message(), "properties")).encode(),
    "no headers": json.dumps(without(message(), "headers")).encode(),
    "no body": json.dumps(without(message(), "body")).encode(),
    "a body that is no base64": json.dumps(message() | {"body": "?"}).encode(),
    "a body that is no list": json.dumps(message(body={"a": 1})).encode(),
    "another content type": json.dumps(message() | {"content-type": "application/x-python-serialize"}).encode(),
    "an unknown task": json.dumps(message("no.such.task")).encode(),
    "arguments that it does not take": json.dumps(message(body=(["x"], {}, {}))).encode(),
    "a number beyond 64 bits": json.dumps(message(body=([[[2**70, 1]]], {}, {}))).encode(),
    "arguments that are no list": json.dumps(message(body=("x", {}, {}))).encode(),
    "unknown keywords": json.dumps(message(body=([], {"evil": True}, {}))).encode(),
    "an expiry that is no time": json.dumps(
        message() | {"headers": message()["headers"] | {"expires": "yesterday"}}
    ).encode(),
    "an eta in a thousand years": json.dumps(
        message() | {"headers": message()["headers"] | {"eta": "3026-01-01T00:00:00+00:00"}}
    ).encode(),
}


def test_garbage_in_the_queue_stops_nothing(crew: Crew, broker: Broker, work: Work) -> None:
    """Nineteen kinds, one after the other and mixed with good work."""
    parent = crew.start_worker()
    crew.start_beat()
    work.ask(5)
    work.until_begun()
    with redis.Redis.from_url(broker.url) as client:
        for poison in POISONS.values():
            client.lpush(QUEUE, poison)
            work.ask(1, expires_in_s=1)
        work.until_done("garbage in the queue")
        until(lambda: client.llen(QUEUE) < 10, "the queue is worked off")
    assert crew.children(parent), "the worker that began is the one that ends it"
    work.check()


def test_ticks_that_gathered_while_nobody_was_there_delay_nothing(crew: Crew, broker: Broker, work: Work) -> None:
    """A quarter of an hour of ticks: they are passed by, and what is due is done."""
    with redis.Redis.from_url(broker.url) as client:
        for task, count in (("payments.inbox", 900), ("book.due", 180)):
            client.lpush(QUEUE, *(json.dumps(message(task)) for _ in range(count)))
        work.ask(10)
        crew.start_worker()
        crew.start_beat()
        work.until_done("ticks had gathered")
        until(lambda: client.llen(QUEUE) < 10, "the queue is worked off")
    work.check()


@pytest.mark.parametrize("action", ["hang", "error", "kill"])
def test_a_task_that_never_ends_well_stops_no_other(crew: Crew, work: Work, action: str) -> None:
    """Each child hangs, fails or dies at the second time it looks for what is due; another does it."""
    crew.start_worker(LEDGER_FAILPOINTS=f"due.before_book:{action}@2")
    crew.start_beat()
    for _ in range(4):
        work.ask(5)
        work.until_done(f"tasks that {action}, of {LIMIT_S} s at most")
    work.check()


def test_a_wallet_that_somebody_holds_keeps_no_other_from_being_booked(
    database_url: str, broker: Broker, work: Work, tmp_path: Path
) -> None:
    """A session has locked the wallet that is due first: the others' expiries are booked all the same."""
    crew = Crew(database_url, broker.url, tmp_path / "held", LEDGER_TASK_LIMIT_S="120", LEDGER_LOCK_TIMEOUT_MS="200")
    work.ask(1, expires_in_s=1)
    work.ask(25)
    with ExitStack() as held:
        held.callback(crew.stop)
        connection = held.enter_context(psycopg.connect(database_url))
        connection.execute("SELECT FROM wallets WHERE wallet_id = %s FOR UPDATE", [work.wallets[0]])
        crew.start_worker()
        crew.start_beat()
        work.until_begun(25)
        connection.rollback()
        work.until_done("a wallet was held")
        work.check()
