"""Lists: newest first, by cursor, with the filters that the SDK's parameters name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ledger.sandbox.errors import Object, invalid, no_such
from ledger.sandbox.resources.common import Handler, Params
from ledger.sandbox.shapes.base import page
from ledger.sandbox.world import World

_LIMIT: Final = 10
_LIMIT_MAX: Final = 100
_RANGES: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_CURSORS: Final = frozenset(["limit", "starting_after", "ending_before", "expand"])

Condition = tuple[str, list[Any]]
Filter = Callable[[Any], Condition]


def listing(
    kind: str, url: str, filters: Mapping[str, Filter], always: Callable[[World], Condition] | None = None
) -> Handler:
    """The endpoint that lists a kind. ``always``: a condition that no parameter asks for."""

    def show(world: World, params: Params, /, *path: str) -> Object:
        conditions, values = _conditions(params, filters)
        if always is not None:
            condition, more = always(world)
            conditions.append(condition)
            values += more
        return _page(world, kind, url, params, conditions, values)

    return show


def paged(items: Sequence[Object], url: str, params: Params, kind: str) -> Object:
    """A list of a kind that is at hand as a whole, in its own order. Raises StripeError."""
    limit, cursor = _limit(params), _cursor(params)
    if cursor is None:
        return page(url, list(items[:limit]), has_more=limit < len(items))
    place = next((n for n, item in enumerate(items) if item["id"] == params[cursor]), None)
    if place is None:
        raise no_such(kind, params[cursor], cursor)
    if cursor == "starting_after":
        rest = items[place + 1 :]
        return page(url, list(rest[:limit]), has_more=limit < len(rest))
    start = max(0, place - limit)
    return page(url, list(items[start:place]), has_more=start > 0)


def field(name: str) -> Filter:
    """Objects whose member has the value; a path like ``recurring.interval`` leads inside."""
    return lambda value: (f"json_extract(body, '$.{name}') IS ?", [_plain(value)])


def hidden(name: str) -> Filter:
    """The same of what Stripe does not show."""
    return field(f"_.{name}")


def one_of(name: str) -> Filter:
    """Objects whose member has one of the values."""
    return lambda values: (f"json_extract(body, '$.{name}') IN ({', '.join('?' * len(values))})", list(values))


def when(name: str) -> Filter:
    """A time that is this one, or within bounds."""

    def condition(value: Any) -> Condition:
        path = f"json_extract(body, '$.{name}')"
        if not isinstance(value, dict):
            return f"{path} = ?", [value]
        parts = [f"{path} {_RANGES[bound]} ?" for bound in value]
        return " AND ".join(parts) or "TRUE", list(value.values())

    return condition


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _conditions(params: Params, filters: Mapping[str, Filter]) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for name, value in params.items():
        if name in _CURSORS:
            continue
        if name not in filters:
            raise invalid(f"The sandbox does not filter by {name}", param=name)
        condition, more = filters[name](value)
        conditions.append(condition)
        values += more
    return conditions, values


def _limit(params: Params) -> int:
    limit = params.get("limit", _LIMIT)
    if limit < 1:
        raise invalid("This value must be greater than or equal to 1.", param="limit", code="parameter_invalid_integer")
    if limit > _LIMIT_MAX:
        raise invalid("This value must be less than or equal to 100.", param="limit", code="parameter_invalid_integer")
    return int(limit)


def _cursor(params: Params) -> str | None:
    """The name of the cursor that is used."""
    used = [name for name in ("starting_after", "ending_before") if name in params]
    if len(used) > 1:
        raise invalid("You cannot use both `starting_after` and `ending_before`.", param="ending_before")
    return used[0] if used else None


def _page(world: World, kind: str, url: str, params: Params, conditions: list[str], values: list[Any]) -> Object:
    limit, cursor = _limit(params), _cursor(params)
    backwards = cursor == "ending_before"
    if cursor is not None:
        seq = world.objects.seq(kind, params[cursor])
        if seq is None:
            raise no_such(kind, params[cursor], cursor)
        conditions, values = [*conditions, f"seq {'>' if backwards else '<'} ?"], [*values, seq]
    found = world.objects.select(kind, conditions, values, limit=limit + 1, oldest_first=backwards)
    items = found[:limit]
    return page(url, items[::-1] if backwards else items, has_more=len(found) > limit)
