"""Children that are started again when they end, after a pause that grows if it happens often."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.process import Child, Program, how

PAUSE_S_MIN = 0.5
PAUSE_S_MAX = 30.0
SETTLED_S = 30.0
"""A child that ran this long has the shortest pause again."""


@dataclass(slots=True)
class _Kept:
    """A child, what to do before it is started again, and when that is due."""

    program: Program
    prepare: Callable[[], None] | None
    child: Child
    pause_s: float = PAUSE_S_MIN
    due_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Keeps children running. `say` is told, in a line, of everything that happens to one."""

    say: Callable[[str], None]
    _kept: list[_Kept] = field(default_factory=list)

    def start(self, program: Program, prepare: Callable[[], None] | None = None) -> Child:
        """Start a child and keep it running; `prepare` is called before each start.

        Raises:
            EmbeddedError: it cannot be started.
        """
        if prepare is not None:
            prepare()
        child = Child(program)
        self._kept.append(_Kept(program, prepare, child))
        return child

    def child(self, name: str) -> Child:
        """The child with this name, as it runs now."""
        return next(kept.child for kept in self._kept if kept.program.name == name)

    def look(self) -> None:
        """See who has ended, and start again whose pause is over. Call it a few times a second."""
        now = time.monotonic()
        for kept in self._kept:
            if kept.due_at is None:
                self._see(kept, now)
            elif now >= kept.due_at:
                self._start_again(kept, now)

    def stop(self) -> None:
        """End all of them, those started last first."""
        while self._kept:
            self._kept.pop().child.stop()

    def kill(self) -> None:
        """End all of them by force, at once."""
        while self._kept:
            self._kept.pop().child.kill()

    def stop_together(self, *names: str) -> None:
        """End these at the same time."""
        ending = [kept for kept in self._kept if kept.program.name in names]
        self._kept = [kept for kept in self._kept if kept.program.name not in names]
        for kept in ending:
            kept.child.ask_to_stop()
        for kept in ending:
            kept.child.stop()

    def _see(self, kept: _Kept, now: float) -> None:
        exit_code = kept.child.exit_code
        if exit_code is None:
            return
        if now - kept.child.started_at > SETTLED_S:
            kept.pause_s = PAUSE_S_MIN
        kept.child.kill()  # what it started may have outlived it
        kept.due_at = now + kept.pause_s
        self.say(
            f"{kept.program.name} ended with {how(exit_code)}, starting it again in "
            f"{kept.pause_s:g} s (its log: {kept.program.log})"
        )
        kept.pause_s = min(kept.pause_s * 2, PAUSE_S_MAX)

    def _start_again(self, kept: _Kept, now: float) -> None:
        try:
            if kept.prepare is not None:
                kept.prepare()
            kept.child = Child(kept.program)
            kept.due_at = None
        except EmbeddedError as error:
            kept.due_at = now + kept.pause_s
            kept.pause_s = min(kept.pause_s * 2, PAUSE_S_MAX)
            self.say(f"{kept.program.name} could not be started again: {error}")
