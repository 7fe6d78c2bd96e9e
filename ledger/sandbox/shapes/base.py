"""How shapes are made."""

from copy import deepcopy
from typing import Any

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import new_id


def new(kind: str, prefix: str, plain: Object, now: int, given: dict[str, Any]) -> Object:
    """A new object of these plain values and of what is given; what has no plain value is a mistake of ours."""
    strange = given.keys() - plain.keys() - {"_", "id"}
    assert not strange, f"a {kind} has no {sorted(strange)}"
    made = {"id": given.get("id") or new_id(prefix), "object": kind, "created": now, "livemode": False}
    return {**made, **deepcopy(plain), **given, "_": given.get("_", {})}


def page(url: str, items: list[Any], *, has_more: bool = False) -> Object:
    """A list as the API gives it."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def address(given: dict[str, Any] | None) -> Object | None:
    """An address with all its members; None where none is known."""
    return None if given is None else {**ADDRESS, **given}


def billing(given: dict[str, Any] | None) -> Object:
    """Billing details with all their members."""
    plain = {"address": dict(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None}
    details = {**plain, **(given or {})}
    return {**details, "address": address(details["address"] or {})}
