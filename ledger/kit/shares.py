"""Parts of a whole that add up to it: the largest remainder gets what rounding left over."""

from collections.abc import Sequence
from decimal import Decimal


def apportion(whole: int, weights: Sequence[int]) -> list[int]:
    """``whole`` in proportion to the weights, in integers that add up to it; all zero where no weight is above zero.

    Each part is less than one away from its exact share. What is left over goes to the largest remainders, of equal
    ones to the earlier. A weight below zero counts as zero.
    """
    weights = [max(weight, 0) for weight in weights]
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(whole * weight, total)
        parts.append(part)
        remainders.append(remainder)
    largest = sorted(range(len(weights)), key=lambda place: -remainders[place])
    for place in largest[: whole - sum(parts)]:
        parts[place] += 1
    return parts


def percentages(weights: Sequence[int]) -> list[Decimal]:
    """Each weight's share of the whole, with two decimals, adding up to exactly 100.00 (or all zero)."""
    return [hundredths(part) for part in apportion(10_000, weights)]


def hundredths(number: int) -> Decimal:
    """1234 is 12.34."""
    return Decimal(number).scaleb(-2)


def rounded(dividend: int, divisor: int) -> int:
    """The quotient to the nearest integer, halves up. ``divisor`` is above zero."""
    return (2 * dividend + divisor) // (2 * divisor)
