"""Columns of exact decimal numbers, for sums over tens of thousands of them in no time.

A number is its digits to the base 10,000, as PostgreSQL keeps a numeric, each a whole number in a float. Products and
sums of such digits are exact as long as they stay below 2^53, so that numpy multiplies and adds whole columns and
nothing is rounded; before they could get there they are carried over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Context, Decimal

import numpy as np
from numpy.typing import NDArray

BASE = 10_000
_WIDTH = 4  # decimal digits in one to the base
_EXACT_BELOW = 2.0**53
_CARRIED = BASE / 2
_AT_ONCE = 4  # digits to the base that fit a machine's word with their sign
_WEIGHTS, _HIGHER = BASE ** np.arange(_AT_ONCE), BASE**_AT_ONCE
_CONTEXT = Context(prec=5000, Emax=999_999, Emin=-999_999)

Digits = NDArray[np.float64]
Places = NDArray[np.int64] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ExactColumn:
    """Numbers some of which nobody knows.

    ``digits``: (digits, numbers), whole, the lowest first, of which ``lowest`` is the power of the base; ``is_known``:
    (numbers,), the digits of others are 0. No digit is further from 0 than ``most``; where that is below the base all
    have the sign of their number, or none is above half of it.
    """

    digits: Digits
    lowest: int
    is_known: NDArray[np.bool_]
    most: float

    @classmethod
    def of(cls, numbers: Iterable[Decimal | None]) -> "ExactColumn":
        """Finite numbers; None: nobody knows."""
        listed = list(numbers)
        is_known = np.array([one is not None for one in listed], np.bool_)
        text = " ".join(["0" if one is None else str(one) for one in listed])
        if "E" in text:
            text = " ".join(["0" if one is None else format(one, "f") for one in listed])
        if listed:
            text += " "
        return cls.made(*_digits(np.frombuffer(text.encode(), np.uint8)), is_known)

    @classmethod
    def made(cls, digits: Digits, lowest: int, is_known: NDArray[np.bool_]) -> "ExactColumn":
        """Of digits below the base with the sign of their number."""
        return cls(digits, lowest, is_known, float(np.abs(digits).max(initial=0.0)))

    def __len__(self) -> int:
        return len(self.is_known)

    def at(self, places: Places) -> "ExactColumn":
        """Those at ``places``, in their order, or where it is true."""
        if places.dtype == np.bool_:
            if places.all():
                return self
            places = np.flatnonzero(places)
        return replace(self, digits=np.take(self.digits, places, axis=1), is_known=self.is_known[places])

    def only(self, where: NDArray[np.bool_]) -> "ExactColumn":
        """The same, nobody knowing those where it is not true."""
        return replace(self, digits=self.digits * where, is_known=self.is_known & where)

    def or_zero(self, where: NDArray[np.bool_]) -> "ExactColumn":
        """The same, those being 0 where it is true."""
        is_zero = not self.digits[:, where].any()  # mostly they are
        return replace(self, digits=self.digits if is_zero else self.digits * ~where, is_known=self.is_known | where)

    def signed(self, signs: NDArray[np.int8]) -> "ExactColumn":
        """Each times -1, 0 or 1."""
        return replace(self, digits=self.digits * signs)

    def times(self, other: "ExactColumn") -> "ExactColumn":
        """Each times that at its place in ``other``; known where both are.

        Raises OverflowError for numbers of some hundred million digits.
        """
        one, two = self, other
        both = one.is_known & two.is_known
        if two._is_one:
            return one if two.is_known.all() else one.only(two.is_known)
        pairs = min(len(one.digits), len(two.digits))
        if one.most * two.most * pairs >= _EXACT_BELOW:
            one, two = one.carried(), two.carried()
            pairs = min(len(one.digits), len(two.digits))
        most = one.most * two.most * pairs
        if most >= _EXACT_BELOW:
            raise OverflowError("numbers have too many digits")
        digits, product = np.zeros((len(one.digits) + len(two.digits) - 1, len(both))), np.empty(len(both))
        for place, digit in enumerate(one.digits):
            for other_place, other_digit in enumerate(two.digits):
                np.multiply(digit, other_digit, out=product)  # one column at a time stays in the processor's cache
                digits[place + other_place] += product
        return ExactColumn(digits, one.lowest + two.lowest, both, max(most, BASE))

    @property
    def _is_one(self) -> bool:
        """Whether all that are known are 1, as rates of what is not converted."""
        return len(self.digits) == 1 and not self.lowest and bool((self.digits[0] == self.is_known).all())

    def plus(self, other: "ExactColumn") -> "ExactColumn":
        """Each and that at its place in ``other``; known where both are."""
        one, two = self, other
        if one.most + two.most >= _EXACT_BELOW:
            one, two = one.carried(), two.carried()
        both = one.is_known & two.is_known
        lowest = min(one.lowest, two.lowest)
        highest = max(each.lowest + len(each.digits) for each in (one, two))
        digits = np.zeros((highest - lowest, len(both)))
        for each in (one, two):
            digits[each.lowest - lowest : each.lowest - lowest + len(each.digits)] += each.digits
        return ExactColumn(digits * both, lowest, both, max(one.most + two.most, BASE))

    def carried(self) -> "ExactColumn":
        """The same numbers with digits from -5,000 to 5,000, unless they are as small as they came: in any case the
        highest that is not 0 has the number's sign.
        """
        if self.most < BASE:
            return self
        found, carry = [], np.zeros(len(self))
        for digit in self.digits:
            total = digit + carry
            carry = np.rint(total / BASE)
            found.append(total - carry * BASE)
        while carry.any():
            total, carry = carry, np.rint(carry / BASE)
            found.append(total - carry * BASE)
        digits = np.array(found) if found else self.digits
        return ExactColumn(digits, self.lowest, self.is_known, _CARRIED)

    def signs(self) -> NDArray[np.int8]:
        """-1, 0 or 1, (numbers,); of what nobody knows 0."""
        found = np.zeros(len(self))
        for digit in self.carried().digits:
            found = np.where(digit != 0, np.sign(digit), found)
        return found.astype(np.int8)

    def about(self) -> NDArray[np.float64]:
        """As floats, some units in the last place from what they are; NaN: nobody knows."""
        total = np.zeros(len(self))
        for power, digit in enumerate(self.carried().digits, self.lowest):
            total += digit * float(BASE**power) if power >= 0 else digit / float(BASE**-power)
        return np.where(self.is_known, total, np.nan)

    def grouped(self, groups: NDArray[np.int64], count: int) -> "ExactColumn":
        """Sums of those that are known, by the numbers of their groups, (numbers,); those of ``count`` are in none."""
        column = self if self.most * max(len(self), 1) < _EXACT_BELOW else self.carried()
        added = np.array([np.bincount(groups, digit, count)[:count] for digit in column.digits])
        most = float(np.abs(added).max(initial=0.0)) if added.size else 0.0
        return ExactColumn(added, self.lowest, np.ones(count, np.bool_), max(most, BASE)).carried()

    def sums(self, groups: NDArray[np.int64], count: int) -> list[Decimal]:
        """The same as numbers."""
        added = self.grouped(groups, count).digits
        parts = [
            (_WEIGHTS[: len(added) - power] @ added[power : power + _AT_ONCE].astype(np.int64)).tolist()
            for power in range(0, len(added), _AT_ONCE)
        ]
        totals = parts.pop()
        for part in reversed(parts):
            totals = [high * _HIGHER + low for high, low in zip(totals, part, strict=True)]
        return _numbers(totals, _WIDTH * self.lowest)

    def numbers(self) -> list[Decimal | None]:
        """Each of them."""
        return [
            total if is_known else None
            for total, is_known in zip(self.sums(np.arange(len(self)), len(self)), self.is_known.tolist(), strict=True)
        ]


def joined(parts: list[ExactColumn]) -> ExactColumn:
    """Parts that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    lowest = min((one.lowest for one in parts), default=0)
    highest = max((one.lowest + len(one.digits) for one in parts), default=1)
    digits = np.zeros((highest - lowest, sum(map(len, parts))))
    begin = 0
    for one in parts:
        digits[one.lowest - lowest : one.lowest - lowest + len(one.digits), begin : begin + len(one)] = one.digits
        begin += len(one)
    is_known = np.concatenate([np.empty(0, np.bool_), *(one.is_known for one in parts)])
    return ExactColumn(digits, lowest, is_known, max((one.most for one in parts), default=0.0))


def _digits(text: NDArray[np.uint8]) -> tuple[Digits, int]:
    """Of numbers in ASCII, a blank behind each: digits to the base, and of which power the first are."""
    ends = np.flatnonzero(text == ord(" "))
    points, point = np.flatnonzero(text == ord(".")), ends.copy()
    point[np.searchsorted(ends, points)] = points
    begins = np.append(0, ends[:-1] + 1)[: len(ends)]
    is_minus = text[begins] == ord("-")
    before = -(-int((point - begins).max(initial=1)) // _WIDTH) * _WIDTH
    after = -(-int((ends - point - 1).max(initial=0)) // _WIDTH) * _WIDTH
    place = point[:, None] + np.append(np.arange(-before, 0), np.arange(1, after + 1))
    is_there = (place >= (begins + is_minus)[:, None]) & (place < ends[:, None])
    figures = (text[np.where(is_there, place, 0)] - ord("0")) * is_there
    weights = np.array([1000.0, 100.0, 10.0, 1.0])
    digits = figures.reshape(len(ends), (before + after) // _WIDTH, _WIDTH) @ weights
    return np.ascontiguousarray(digits.T[::-1]) * np.where(is_minus, -1.0, 1.0), -(after // _WIDTH)


def _numbers(totals: list[int], exponent: int) -> list[Decimal]:
    """Each · 10^``exponent``, without zeros at its end, nor an exponent above 0."""
    if exponent >= 0:
        return [Decimal(total * 10**exponent) for total in totals]
    one, shift, short = 10**-exponent, Decimal(exponent), _CONTEXT.normalize
    scaled = _CONTEXT.scaleb
    return [short(scaled(total, shift)) if total % one else Decimal(total // one) for total in totals]
