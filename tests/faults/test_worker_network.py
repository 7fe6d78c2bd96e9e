"""T11: the lines from the worker to PostgreSQL and to the broker are cut, reset, delayed, or left half-open.

A worker that lives and consumes nothing any more would be the worst: nobody starts it again. So each kind of fault
comes several times, and work must go on after each.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crew import Broker, Crew, Work
from tests.support.proxy import ChaosProxy

pytestmark = pytest.mark.faults

LINES = ("broker", "postgres")
TIMES = 2
STILL_S = 4.0


@pytest.fixture
def proxies(database_url: str, broker: Broker) -> Iterator[dict[str, ChaosProxy]]:
    found = {"broker": ChaosProxy(broker.url), "postgres": ChaosProxy(database_url)}
    yield found
    for proxy in found.values():
        proxy.close()


@pytest.fixture
def remote(proxies: dict[str, ChaosProxy], tmp_path: Path) -> Iterator[Crew]:
    """A crew that reaches both servers by way of the proxies, started."""
    crew = Crew(proxies["postgres"].url, proxies["broker"].url, tmp_path / "remote")
    crew.start_worker()
    crew.start_beat()
    yield crew
    crew.stop()


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_connections_that_end(remote: Crew, proxies: dict[str, ChaosProxy], work: Work, line: str, fault: str) -> None:
    """Ended in good order or at once, in the middle of work, and new ones are possible at once."""
    for number in range(1, TIMES + 1):
        work.ask(10)
        work.until_begun(10 * number - 9)
        getattr(proxies[line], fault)()
    work.ask(10)
    work.until_done(f"{TIMES} times {fault} of the line to {line}")
    work.check()


@pytest.mark.parametrize("line", LINES)
def test_connections_that_are_half_open(remote: Crew, proxies: dict[str, ChaosProxy], work: Work, line: str) -> None:
    """The other end is gone and nobody says so: they are left for new ones."""
    work.ask(10)
    work.until_begun()
    proxies[line].abandon()
    work.ask(10)
    work.until_done(f"the line to {line} was half-open")
    work.check()


def test_lines_that_are_slow_or_still(remote: Crew, proxies: dict[str, ChaosProxy], work: Work) -> None:
    """Every packet late; then nothing for some seconds, and all of it at once."""
    for proxy in proxies.values():
        proxy.delay_s = 0.05
    work.ask(10)
    work.until_done("every packet was 50 ms late")
    for proxy in proxies.values():
        proxy.heal()
    for number, line in enumerate(LINES, 1):
        proxies[line].freeze()
        work.ask(10)
        time.sleep(STILL_S)  # the fault itself
        assert work.done() == 10 * number, "everything waits while nothing passes"
        proxies[line].heal()
        work.until_done(f"the line to {line} stood still")
    work.check()
