"""A figure as it is told: its value, of how many observations it was made, and what must be said beside it."""

import math
from decimal import Decimal
from typing import NamedTuple, Self


class Measured(NamedTuple):
    """``value`` is finite; None when there is nothing that would be true: then ``note`` says why."""

    value: float | None
    sample_size: int
    note: str | None = None

    @classmethod
    def of(cls, value: float, sample_size: int, *notes: str | None) -> Self:
        """``value``, unless it is not finite; of ``notes`` those that are not None."""
        said = "; ".join(note for note in notes if note) or None
        if math.isfinite(value):
            return cls(float(value), sample_size, said)
        return cls.none(sample_size, "too large to tell", said)

    @classmethod
    def none(cls, sample_size: int, *why: str | None) -> Self:
        """That there is none, and why."""
        return cls(None, sample_size, "; ".join(note for note in why if note))


class Amount(NamedTuple):
    """The same of money: ``amount`` exact, or a quotient of exact sums to 28 digits."""

    amount: Decimal | None
    sample_size: int
    note: str | None = None


def few(count: int, noun: str) -> str:
    """``1 day``, ``2 days``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def left_out(count: int, noun: str) -> str | None:
    """What is said of observations of which nothing is known; None when there are none."""
    return f"{few(count, noun)} left out: nothing is known of {'it' if count == 1 else 'them'}" if count else None
