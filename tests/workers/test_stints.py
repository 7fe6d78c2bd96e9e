"""Tasks that go on for ever leave room for the others."""

from importlib import import_module

from ledger.cli.serve import CHILDREN, STINTS
from workers.app import app


def test_every_stint_has_a_child_and_others_have_some_left() -> None:
    """What asks whether its worker is stopping has another go on after it, and keeps a child to itself."""
    endless = [name for name in app.conf.imports if hasattr(import_module(name), "stopping")]
    assert len(endless) == STINTS, endless
    assert CHILDREN >= STINTS + 2
