"""T10: the broker is killed, emptied, full, or throws away what it likes.

The ledger takes postings all the time, and every job comes back from its row in PostgreSQL within a minute.
"""

import time

import pytest

from tests.faults.crew import Broker, Crew, Work
from tests.support.waiting import until

pytestmark = pytest.mark.faults

AWAY_S = 2.0


def test_a_broker_killed_again_and_again(crew: Crew, broker: Broker, work: Work) -> None:
    """kill -9, away for some seconds with work coming in, and back with nothing in it."""
    crew.start_worker()
    crew.start_beat()
    for number in range(2):
        work.ask(10)
        work.until_begun(20 * number + 1)
        broker.kill()
        work.ask(10, expires_in_s=1)
        time.sleep(AWAY_S)  # the fault itself: so long there is no broker
        broker.start()
    work.until_done("the broker came back empty")
    work.check()


def test_a_crew_that_starts_before_the_broker(crew: Crew, broker: Broker, work: Work) -> None:
    """Worker and beat wait for it, and begin by themselves."""
    broker.kill()
    crew.start_worker()
    crew.start_beat()
    work.ask(10)
    until(lambda: crew.log.read_text().count("onnect") > 2, "the crew has tried to connect")
    broker.start()
    work.until_done("the broker came after the crew")
    work.check()


def test_a_broker_that_forgets(crew: Crew, broker: Broker, work: Work) -> None:
    """FLUSHALL at any time, of tasks that wait and of tasks in hand."""
    crew.start_worker()
    crew.start_beat()
    for number in range(1, 4):
        work.ask(10)
        work.until_begun(10 * number - 9)
        broker.ask("FLUSHALL")
    work.until_done("the broker forgot everything")
    work.check()


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_a_broker_without_memory(crew: Crew, broker: Broker, work: Work, policy: str) -> None:
    """It takes no more (noeviction), or throws away what waits (allkeys-lru), and then has room again."""
    crew.start_worker()
    crew.start_beat()
    work.ask(10)
    work.until_begun()
    broker.ask("CONFIG", "SET", "maxmemory-policy", policy)
    broker.ask("CONFIG", "SET", "maxmemory", "1mb")
    work.ask(20)
    time.sleep(AWAY_S)  # the fault itself: so long there is no room
    broker.ask("CONFIG", "SET", "maxmemory", "0")
    work.until_done(f"the broker was full ({policy})")
    work.check()
