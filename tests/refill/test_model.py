"""Refills in any order of events: never twice, never beyond what was agreed to, never for ever."""

import asyncio
from typing import Any

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ledger.book.verify import verify_now
from ledger.payments.desk import Desk
from tests.faults.sizes import scaled
from tests.refill.machine import RefillMachine
from tests.refill.scene import Scene
from tests.support.api import Api, make_key, run_sql, running
from tests.support.book import session
from tests.support.desk import desk_at, settings_of
from tests.support.sandbox import SandboxAt

EXAMPLES, STEPS = 6, 50
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failing example takes minutes to shrink."""


def test_stripe_charges_what_was_agreed_to_and_once(database_url: str, sandbox: SandboxAt) -> None:
    with asyncio.Runner() as runner, session(database_url) as connection:
        stop = asyncio.Event()
        ready: asyncio.Future[tuple[Scene, Desk]] = runner.get_loop().create_future()
        serving = runner.get_loop().create_task(serve(database_url, sandbox, ready, stop))
        try:
            scene, second = runner.run(first(ready, serving))
            held = {"scene": scene, "second": second, "runner": runner, "connection": connection}
            machine: type[RefillMachine] = type("Machine", (RefillMachine,), held)
            wanted = settings(max_examples=scaled(EXAMPLES), stateful_step_count=STEPS, phases=PHASES)
            run_state_machine_as_test(machine, settings=wanted)
        finally:
            stop.set()
            runner.run(ended(serving))
    print(f"\n{machine.steps} steps, {machine.charged} charges")
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")
    report = verify_now(database_url)
    assert report.ok, "\n".join(str(fault) for fault in report.faults)


async def serve(
    database_url: str, sandbox: SandboxAt, ready: "asyncio.Future[tuple[Scene, Desk]]", stop: asyncio.Event
) -> None:
    """The application and two workers' desks, entered and left in one task."""
    async with (
        desk_at(database_url, sandbox, retries=0) as desk,
        desk_at(database_url, sandbox, retries=0) as second,
        running(database_url, settings_of(database_url, sandbox)) as app,
    ):
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        async with api.client:
            ready.set_result((Scene(api, desk, sandbox), second))
            await stop.wait()


async def first(ready: "asyncio.Future[tuple[Scene, Desk]]", serving: "asyncio.Task[None]") -> tuple[Scene, Desk]:
    """What is served, or why it is not."""
    waited: list[asyncio.Future[Any]] = [ready, serving]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    return ready.result()


async def ended(serving: "asyncio.Task[None]") -> None:
    await serving
