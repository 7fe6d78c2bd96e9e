"""Tasks that go on for ever leave room for the others."""

import os
import select
import signal
import threading
import time
from importlib import import_module

from celery.signals import worker_shutting_down

from ledger.cli.serve import CHILDREN, STINTS
from workers.app import app
from workers.standing import _stopping, stopping


def test_every_stint_has_a_child_and_others_have_some_left() -> None:
    """What asks whether its worker is stopping has another go on after it, and keeps a child to itself."""
    endless = [name for name in app.conf.imports if hasattr(import_module(name), "stopping")]
    assert len(endless) == STINTS, endless
    assert CHILDREN >= STINTS + 2


def test_who_dies_while_asking_leaves_others_their_answer() -> None:
    """A worker's children share what says that it is to stop: kill -9 of one must not make the others wait for ever."""
    for turn in range(25):
        child = os.fork()
        if not child:
            while True:
                stopping()
        time.sleep(0.002 + turn / 10_000)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert answered_within(5), f"nobody is told any more, after {turn + 1} have died"


def answered_within(seconds: float) -> bool:
    asked = threading.Thread(target=stopping, daemon=True)
    asked.start()
    asked.join(seconds)
    return not asked.is_alive()


def test_children_see_that_their_worker_is_to_stop() -> None:
    """Those that were forked before."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        while not stopping():
            time.sleep(0.001)
        os.write(theirs, b"seen")
        os._exit(0)
    try:
        worker_shutting_down.send(sender=None)
        assert select.select([ours], [], [], 30)[0] and b"seen" == os.read(ours, 4)
    finally:
        _stopping.value = 0
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
