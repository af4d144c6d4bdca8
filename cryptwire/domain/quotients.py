"""Quotients of columns of decimal numbers with twenty significant digits, half to even, as Decimal rounds them.

By long division with whole numbers of the machine: seventeen thousand take 3 ms, and 30 as Decimals.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.exact_column import BASE, ExactColumn

Whole = NDArray[np.int64]

DIGITS = 20
_MOST = 10**15
"""Whole numbers below it stay whole: a rest times a thousand fits."""
_LONGEST = 18
_POWERS = 10 ** np.arange(16)
_ZERO, _NINE, _POINT = ord("0"), ord("9"), ord(".")


class Scaled(NamedTuple):
    """Numbers: ``whole`` / 10^``scale``."""

    whole: Whole
    scale: Whole


def scaled(texts: NDArray[np.bytes_]) -> Scaled | None:
    """Numbers in ASCII, digits and a point; None: one of them is written otherwise, or has too many digits."""
    count = len(texts)
    if not count:
        return Scaled(np.zeros(0, np.int64), np.zeros(0, np.int64))
    letters = np.ascontiguousarray(texts).view(np.uint8).reshape(count, -1)
    is_digit, is_point = (letters >= _ZERO) & (letters <= _NINE), letters == _POINT
    if not (is_digit | is_point | (letters == 0)).all() or is_digit.sum(axis=1).max() > _LONGEST:
        return None
    whole, scale, is_behind = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.bool_)
    for column in range(letters.shape[1]):
        digit = is_digit[:, column]
        whole = np.where(digit, whole * 10 + letters[:, column] - _ZERO, whole)
        scale += digit & is_behind
        is_behind |= is_point[:, column]
    return Scaled(whole, scale)


def times(one: Scaled, other: Scaled) -> Scaled | None:
    """Each with that at its place; None: one has too many digits."""
    if (one.whole.astype(np.float64) * other.whole >= _MOST).any():
        return None
    return Scaled(one.whole * other.whole, one.scale + other.scale)


def quotients(numerators: Scaled, denominators: Scaled, is_known: NDArray[np.bool_]) -> ExactColumn | None:
    """Each by that at its place, all above 0; None: one is not, or has too many digits."""
    for each in (numerators, denominators):
        if len(each.whole) and (each.whole.min() <= 0 or each.whole.max() >= _MOST):
            return None
    # both with fifteen digits, the first at least the second: the quotient begins with a digit from 1 to 9
    lengths = [np.searchsorted(_POWERS, each.whole, side="right") for each in (numerators, denominators)]
    rest, by = (
        each.whole * _POWERS[15 - length] for each, length in zip((numerators, denominators), lengths, strict=True)
    )
    is_below = rest < by
    rest = np.where(is_below, rest * 10, rest)
    power = lengths[0] - lengths[1] + denominators.scale - numerators.scale - is_below
    high, rest = np.divmod(rest, by)
    for _ in range(3):
        digits, rest = np.divmod(rest * 1_000, by)
        high = high * 1_000 + digits
    low = np.zeros(len(by), np.int64)
    for factor in (1_000, 1_000, 1_000, 10):
        digits, rest = np.divmod(rest * factor, by)
        low = low * factor + digits
    low += (2 * rest > by) | ((2 * rest == by) & (low % 2 == 1))
    high, low = high + low // 10**10, low % 10**10  # ten digits each
    return _column(high, low, power - (DIGITS - 1), is_known)


def _column(high: Whole, low: Whole, power: Whole, is_known: NDArray[np.bool_]) -> ExactColumn:
    """(high · 10^10 + low) · 10^power."""
    lowest, shift = np.divmod(power, 4)
    low = low * _POWERS[shift]
    digits = [low % BASE, low // BASE % BASE]
    rest = high * _POWERS[shift] * 100 + low // BASE**2  # 10^10 is 100 · 10^8
    while rest.any():
        rest, digit = np.divmod(rest, BASE)
        digits.append(digit)
    first = int(lowest.min(initial=0))
    column = np.zeros((int(lowest.max(initial=first)) - first + len(digits), len(low)))
    every = np.arange(len(low))
    for place, digit in enumerate(digits):
        column[lowest - first + place, every] = digit * is_known
    return ExactColumn.made(column, first, is_known)
