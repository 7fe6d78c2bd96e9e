"""The drivers against the model."""

import asyncio

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.driver import DoorDriver, Driver
from tests.model.machine import LedgerMachine


def run(driver: Driver, *, steps: int) -> None:
    """All examples of the profile, in one event loop."""
    with asyncio.Runner() as runner:
        runner.run(driver.start())
        try:
            machine = type("Machine", (LedgerMachine,), {"driver": driver, "runner": runner})
            run_state_machine_as_test(machine, settings=settings(stateful_step_count=steps))
        finally:
            runner.run(driver.stop())


def test_the_door_answers_as_the_model_does(database_url: str) -> None:
    """Two doors on PostgreSQL: answers, journal, lots and holds are those of the model."""
    run(DoorDriver(database_url), steps=30)
