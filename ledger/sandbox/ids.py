"""Ids that look like Stripe's: a prefix that names the kind, and random letters. Opaque for everybody."""

import secrets
from typing import Final

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_FORMS: Final = {
    "cus": 14,
    "prod": 14,
    "req": 14,
    "cs_test": 58,
    "whsec": 32,
    "plink": 24,
}
"""Letters after the prefix, where they are not the usual 24."""


def new_id(prefix: str) -> str:
    """A fresh id: ``cus_…``."""
    return f"{prefix}_{letters(_FORMS.get(prefix, 24))}"


def letters(count: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
