"""What each request may say, read off the pinned SDK.

The SDK describes the parameters of every endpoint as a ``TypedDict``. From its annotations come here, once and when
it is first needed: which names are known, which must be there, what a string is turned into, and which choices there
are. An enumeration that the SDK leaves open for the future is closed here, as Stripe knows its own values.

A value that may be unset is the empty string then; who applies it takes that for null.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, NamedTuple, NotRequired, Union, get_args, get_origin, get_type_hints

from stripe import RequestOptions
from typing_extensions import is_typeddict  # which knows its own TypedDict, too

from ledger.sandbox import codec
from ledger.sandbox.errors import StripeError, invalid

Check = Callable[[Any, str], Any]
"""Turns what was sent (a string or a form) into the value, or raises StripeError; told the parameter's full name."""

_NOT_SENT: Final = frozenset(RequestOptions.__annotations__)
"""What the SDK takes beside the parameters: it travels in headers."""
_UNRESOLVED: Final = {"StripeContext": Any, "Mapping": Mapping}
_UNSET: Final = ""
_STRING_MAX: Final = 5000
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_INTEGER_MAX: Final = 2**63 - 1
_DECIMAL: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_METADATA: Final = {"keys": 50, "key": 40, "value": 500}


class Parameter(NamedTuple):
    """A parameter: whether it must be there, and how it is read."""

    required: bool
    check: Check


def read(described: type, form: codec.Form, *, prefix: str = "") -> dict[str, Any]:
    """The values of a form, as this TypedDict of the SDK describes them. Raises StripeError."""
    known = table(described)
    for name in form:
        if name not in known:
            raise _unknown(_full(prefix, name), described)
    for name, parameter in known.items():
        if parameter.required and name not in form:
            full = _full(prefix, name)
            raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
    return {name: known[name].check(value, _full(prefix, name)) for name, value in form.items()}


@cache
def table(described: type) -> Mapping[str, Parameter]:
    """The parameters of a TypedDict of the SDK."""
    hints = get_type_hints(described, localns=_UNRESOLVED, include_extras=True)
    found: dict[str, Parameter] = {}
    for name, hint in hints.items():
        if name in _NOT_SENT:
            continue
        optional = get_origin(hint) is NotRequired
        check = metadata if name == "metadata" else _check_of(get_args(hint)[0] if optional else hint)
        found[name] = Parameter(not optional, check)
    return found


def metadata(value: Any, full: str) -> Any:
    """Notes of the caller: few, short, and strings. A note or all of them are unset by an empty string."""
    if value == _UNSET:
        return value
    if not isinstance(value, dict) or any(not isinstance(note, str) for note in value.values()):
        raise invalid("Invalid object: metadata values must be strings", param=full)
    if len(value) > _METADATA["keys"]:
        raise invalid(f"You may only specify up to {_METADATA['keys']} metadata keys.", param=full)
    for name, note in value.items():
        _within(name, _METADATA["key"], full)
        _within(note, _METADATA["value"], f"{full}[{name}]")
    return value


def _unknown(full: str, described: type) -> StripeError:
    intents = ("PaymentIntent", "SetupIntent", "Session")
    if full == "payment_method_types" and described.__name__.startswith(intents):
        message = (
            "The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types` or "
            "`excluded_payment_method_types` instead."
        )
        return invalid(message, param=full, code="payment_method_types_no_longer_supported")
    return invalid(f"Received unknown parameter: {full}", param=full, code="parameter_unknown")


def _full(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _check_of(hint: Any) -> Check:
    """How a value of this type is read."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _either([arm for arm in get_args(hint) if arm is not NoneType])
    if origin is Literal:
        return _choice([str(choice) for choice in get_args(hint)])
    if origin is list:
        return _list(_check_of(get_args(hint)[0]))
    if is_typeddict(hint):
        return _shape(hint)
    if origin is not None:
        return _mapping_of(_check_of(get_args(hint)[-1]))
    return _SCALARS.get(hint, _anything)


def _either(arms: list[Any]) -> Check:
    """One of several types: told apart by whether a form or a string was sent."""
    choices = [str(choice) for arm in arms if get_origin(arm) is Literal for choice in get_args(arm)]
    named = [choice for choice in choices if choice != _UNSET]
    rest = [arm for arm in arms if get_origin(arm) is not Literal and not (named and arm is str)]
    nested = [_check_of(arm) for arm in rest if _is_nested(arm)]
    scalars = [_check_of(arm) for arm in rest if not _is_nested(arm)] + ([_choice(named)] if named else [])

    def check(value: Any, full: str) -> Any:
        if value == _UNSET and _UNSET in choices:
            return value
        candidates = (nested if isinstance(value, dict) else scalars) or nested or scalars
        for candidate in candidates[:-1]:
            try:
                return candidate(value, full)
            except StripeError:
                continue
        return candidates[-1](value, full)

    return check


def _is_nested(hint: Any) -> bool:
    return is_typeddict(hint) or get_origin(hint) is not None


def _choice(choices: list[str]) -> Check:
    def check(value: Any, full: str) -> str:
        if isinstance(value, str) and value in choices:
            return value
        *most, last = choices
        shown = f"{', '.join(most)}, or {last}" if len(most) > 1 else " or ".join(choices)
        raise invalid(
            f"Invalid {full}: must be one of {shown}" if most else f"Invalid {full}: must be {last}", param=full
        )

    return check


def _list(item: Check) -> Check:
    def check(value: Any, full: str) -> list[Any]:
        items = codec.listed(value)
        if items is None:
            raise invalid("Invalid array", param=full)
        return [item(one, f"{full}[{place}]") for place, one in enumerate(items)]

    return check


def _shape(described: type) -> Check:
    def check(value: Any, full: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=full)
        return read(described, value, prefix=full)

    return check


def _mapping_of(item: Check) -> Check:
    def check(value: Any, full: str) -> dict[str, Any]:
        return {name: item(one, f"{full}[{name}]") for name, one in _mapping(value, full).items()}

    return check


def _mapping(value: Any, full: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=full)
    return value


def _anything(value: Any, full: str) -> Any:
    return value


def _string(value: Any, full: str) -> str:
    if not isinstance(value, str):
        raise invalid("Invalid string", param=full)
    if value == _UNSET:
        message = (
            f"You passed an empty string for '{full}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{full}' cannot be unset. You should remove '{full}' from your request or supply a non-empty "
            "value."
        )
        raise invalid(message, param=full, code="parameter_invalid_empty")
    return _within(value, _STRING_MAX, full)


def _within(value: str, most: int, full: str) -> str:
    if len(value) > most:
        shown = f"{value[:10]}...{value[-5:]}"
        raise invalid(f"Invalid string: {shown}; must be at most {most} characters", param=full)
    return value


def _integer(value: Any, full: str) -> int:
    text = value if isinstance(value, str) else "{}"
    if _INTEGER.fullmatch(text) is None or abs(int(text)) > _INTEGER_MAX:
        raise invalid(f"Invalid integer: {text}", param=full, code="parameter_invalid_integer")
    return int(text)


def _boolean(value: Any, full: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=full)
    return bool(value == "true")


def _decimal(value: Any, full: str) -> str:
    """Of any precision that somebody needs: it stays as it was written."""
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        raise invalid(f"Invalid decimal: {value}", param=full)
    return value


def _number(value: Any, full: str) -> float:
    return float(_decimal(value, full))


_SCALARS: Final[Mapping[Any, Check]] = {
    str: _string,
    int: _integer,
    bool: _boolean,
    float: _number,
    Decimal: _decimal,
    dict: _mapping,
}
