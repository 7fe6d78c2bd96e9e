"""How large the tests are: small in every run of CI, and as large as one has time for at a desk."""

import os

SCALE = int(os.environ.get("LEDGER_TEST_SCALE", "1"))
"""LEDGER_TEST_SCALE=10 is the size that docs/reliability.md calls nightly."""


def scaled(small: int) -> int:
    """So many at this scale."""
    return small * SCALE
