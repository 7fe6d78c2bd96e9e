"""What an update changed: the ``previous_attributes`` of its event, and how parameters are applied to an object."""

from collections.abc import Mapping
from typing import Any, Final

UNSET: Final = ""


def previous(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The old values of what is new: only the changed members of a nested object, but a changed list as a whole.

    A member that was not there before is told as null.
    """
    found: dict[str, Any] = {}
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        nested = isinstance(old, dict) and isinstance(new, dict)
        found[name] = previous(old, new) if nested else old  # type: ignore[arg-type]
    return found


def merged(old: Any, new: Any) -> Any:
    """The value of a parameter applied to what was there: nested objects member by member, ``""`` unsets."""
    if new == UNSET:
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: merged(old.get(name), value) for name, value in new.items()}}
    if isinstance(new, dict):
        return {name: merged(None, value) for name, value in new.items()}
    return new


def noted(old: Mapping[str, str] | None, new: Any) -> dict[str, str]:
    """Metadata after an update: notes are added and replaced, an empty one is removed, ``""`` removes all."""
    if new == UNSET:
        return {}
    both = {**(old or {}), **(new or {})}
    return {name: note for name, note in both.items() if note != UNSET}
