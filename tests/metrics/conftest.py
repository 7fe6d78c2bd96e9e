"""The application over the sandbox, whose page is made anew for each who asks."""

import pytest

from ledger.metrics import page
from tests.refill.conftest import desk, sandbox, scene

__all__ = ["desk", "sandbox", "scene"]


@pytest.fixture
def always_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FRESH_S", 0.0)
    monkeypatch.setattr(page, "SLOW_S", 0.0)
