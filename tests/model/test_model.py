"""The drivers against the model."""

import asyncio

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.driver import DoorDriver, Driver
from tests.model.http import HttpDriver
from tests.model.machine import LedgerMachine
from tests.model.paid_machine import PaidMachine
from tests.model.priced_driver import PricedDoorDriver, PricedHttpDriver
from tests.model.priced_machine import PricedMachine
from tests.model.pure import PureDriver


def run(driver: Driver, *, steps: int, part: int = 1, kind: type[LedgerMachine] = LedgerMachine) -> None:
    """The examples of the profile, or one of so many parts of them, in one event loop."""
    with asyncio.Runner() as runner:
        runner.run(driver.start())
        try:
            machine = type("Machine", (kind,), {"driver": driver, "runner": runner})
            examples = max(10, settings().max_examples // part)
            run_state_machine_as_test(machine, settings=settings(stateful_step_count=steps, max_examples=examples))
        finally:
            runner.run(driver.stop())


def test_the_rules_answer_as_the_model_does() -> None:
    """The pure rules in memory."""
    run(PureDriver(), steps=25)


def test_the_door_answers_as_the_model_does(database_url: str) -> None:
    """Two doors on PostgreSQL: answers, journal, lots and holds are those of the model."""
    run(DoorDriver(database_url), steps=25)


def test_the_api_answers_as_the_model_does(database_url: str) -> None:
    """Two applications on PostgreSQL: the same, as far as the API can say it."""
    run(HttpDriver(database_url), steps=25, part=2)


def test_the_door_prices_as_the_model_does(database_url: str) -> None:
    """Measured usage, quotes, corrections, changes of the card and budgets, among all else."""
    run(PricedDoorDriver(database_url), steps=25, kind=PricedMachine)


def test_the_api_prices_as_the_model_does(database_url: str) -> None:
    run(PricedHttpDriver(database_url), steps=25, part=2, kind=PricedMachine)


def test_the_rules_of_payments_answer_as_the_model_does() -> None:
    """Purchases, refunds and disputes between uses, holds, transfers, reversals and expiries."""
    run(PureDriver(), steps=25, kind=PaidMachine)


def test_the_door_books_payments_as_the_model_does(database_url: str) -> None:
    run(DoorDriver(database_url), steps=25, kind=PaidMachine)
