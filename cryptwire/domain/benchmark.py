"""What the same money would have become, held in something else from the same moments on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Price = Callable[[Ints], Floats]
"""What one unit is worth at each of these seconds, in the currency of the money; NaN where nobody knows."""


@dataclass(frozen=True, slots=True)
class Alongside:
    """``values``: (n,) at the end of each day; ``returns``: (n,) of each day; NaN where a price is not known.

    ``used_up_at``: the first day, by number, on which more was taken than there would have been; NaN from there on.
    """

    values: Floats
    returns: Floats
    used_up_at: int | None


def held_alongside(
    begins: Ints, ends: Ints, base: float, came: Sequence[tuple[int, int, float]], price: Price
) -> Alongside:
    """``base`` put into it when the first day begins, what ``came`` (went: below 0) when it came: the place of the day
    that it belongs to, the second, the amount; days ascending.

    ``begins`` and ``ends``: (n,), seconds, of days that follow each other.
    """
    count = len(begins)
    if not count:
        return Alongside(np.zeros(0), np.zeros(0), None)
    places = np.array([0, *(place for place, _, _ in came)], np.int64)
    moments = np.array([int(begins[0]), *(at for _, at, _ in came)], np.int64)
    paid = np.array([base, *(amount for _, _, amount in came)])
    with np.errstate(divide="ignore", invalid="ignore"):
        bought = np.where(paid == 0, 0.0, paid / price(moments))
        units = np.cumsum(bought)
        last = np.searchsorted(places, np.arange(count), side="right") - 1
        values = units[last] * price(ends)
        returns = price(ends) / price(begins) - 1
    short = np.flatnonzero(units < -1e-9 * np.abs(bought).max(initial=0.0))
    used_up_at = None
    if len(short):
        used_up_at = int(np.searchsorted(last, short[0]))
        values[used_up_at:] = np.nan
    return Alongside(values, returns, used_up_at if used_up_at is None or used_up_at < count else None)


def basket(quantities: Mapping[str, float], prices: Mapping[str, Price]) -> Price:
    """The price of all of ``quantities`` together; coins without a price are not to be among them."""

    def worth(seconds: Ints) -> Floats:
        total = np.zeros(len(seconds))
        for coin, quantity in quantities.items():
            total = total + quantity * prices[coin](seconds)
        return total

    return worth
