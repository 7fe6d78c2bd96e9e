"""T8: the worker's parent, a child of it or beat is killed, asked to end, or stopped for longer than it may be.

The work goes on all the time, is done within a minute after the last of it, and nothing is lost or done twice.
"""

import signal
import time
from functools import partial
from pathlib import Path

import pytest

from ledger.embedded.process import is_alive
from tests.faults.crew import VISIBILITY_S, Crew, Work
from tests.support.waiting import until

pytestmark = pytest.mark.faults

ROUNDS = 2


def test_children_killed_in_the_middle(crew: Crew, work: Work) -> None:
    """kill -9 of both children, again and again: the parent forks others, and tasks are given out again."""
    parent = crew.start_worker()
    crew.start_beat()
    for number in range(1, ROUNDS + 1):
        work.ask(20)
        work.until_begun(20 * number - 19)
        for child in crew.children(parent):
            crew.signal(child, signal.SIGKILL)
    work.ask(20)
    work.until_done("children were killed")
    work.check()


def test_a_child_killed_between_booking_and_acknowledging_books_once(crew: Crew, work: Work) -> None:
    """Its task is given out again, each time to one that dies of it, and finds nothing left to do."""
    crew.start_worker(LEDGER_FAILPOINTS="due.after_book:kill")
    crew.start_beat()
    for number in range(ROUNDS):
        work.ask(5)
        work.until_done("a child died with a task that was done")
        until(lambda wanted=number: crew.log.read_text().count("SIGKILL") > wanted, "it died")
    work.check()


def test_the_parent_killed_takes_its_children_along(crew: Crew, work: Work) -> None:
    """kill -9 of the parent: nobody is left behind that holds connections, and the next worker goes on."""
    crew.start_beat()
    for number in range(1, ROUNDS + 1):
        parent = crew.start_worker()
        work.ask(20)
        work.until_begun(20 * number - 19)
        children = crew.children(parent)
        assert len(children) >= 2
        crew.signal(parent, signal.SIGKILL)
        until(partial(_all_ended, children), "children of a dead parent ended")
    crew.start_worker()
    work.ask(20)
    work.until_done("parents were killed")
    work.check()


def test_beat_killed_and_two_beats(crew: Crew, work: Work) -> None:
    """Ticks are hints: without any the work waits, with twice as many it is done once."""
    crew.start_worker()
    for _ in range(ROUNDS):
        beats = [crew.start_beat(), crew.start_beat()]
        work.ask(20)
        work.until_done("two beats ticked")
        for beat in beats:
            crew.signal(beat, signal.SIGKILL)
    work.ask(20)
    crew.start_beat()
    work.until_done("beat was killed")
    work.check()


def test_workers_asked_to_end_finish_what_they_have(crew: Crew, work: Work) -> None:
    """SIGTERM in the middle of work: it ends by itself in good order, and the next one goes on."""
    crew.start_beat()
    for number in range(1, ROUNDS + 1):
        parent = crew.start_worker()
        work.ask(20)
        work.until_begun(20 * number - 19)
        crew.signal(parent, signal.SIGTERM)
        assert crew.reap(parent) == 0
    crew.start_worker()
    work.ask(20)
    work.until_done("workers were asked to end")
    work.check()


def test_a_stopped_worker_that_wakes_posts_nothing_twice(crew: Crew, work: Work) -> None:
    """SIGSTOP with tasks in hand for longer than the visibility timeout: another worker does them; then it wakes."""
    first = crew.start_worker("first", LEDGER_FAILPOINTS="due.before_book:stop@3")
    crew.start_beat()
    work.ask(20)
    until(lambda: _stopped(crew.children(first)) >= 1, "a child of the first worker stopped with a task in hand")
    crew.signal(first, signal.SIGSTOP)
    stopped_at = time.monotonic()
    crew.start_worker("second")
    work.ask(20)
    work.until_done("a worker was stopped")
    until(lambda: time.monotonic() - stopped_at > VISIBILITY_S + 2, "its tasks went to others")
    for pid in (first, *crew.children(first)):
        crew.signal(pid, signal.SIGCONT)
    work.ask(20)
    work.until_done("the stopped worker woke up")
    work.check()


def _all_ended(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def _stopped(pids: list[int]) -> int:
    states = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids]
    return states.count("T")
