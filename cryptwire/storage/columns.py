"""Columns travel as PostgreSQL's binary arrays (``array_send``) and become numpy arrays without an object a number.

Numerics travel as they are sent, one behind the other, with the length of each beside them.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.exact_column import ExactColumn
from cryptwire.errors import Corrupt

_HEADER = 20  # dimensions, flags, type, length, lower bound: four bytes each
_EPOCH = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
_FLOATS = np.dtype([("size", ">i4"), ("value", ">f8")])
_WHOLE = np.dtype([("size", ">i4"), ("value", ">i8")])
_PLUS, _MINUS = 0, 0x4000
_HEAD = 4  # words before the digits of a numeric
_SMALL = np.dtype([("size", ">i4"), ("value", ">i2")])


def floats(array: Any) -> NDArray[np.float64]:
    """Of ``float8[]`` without nulls, bit for bit; empty for None."""
    if array is None:
        return np.empty(0, np.float64)
    return np.frombuffer(array, _FLOATS, offset=_HEADER)["value"].astype(np.float64)


def seconds(array: Any) -> NDArray[np.int64]:
    """Of ``timestamptz[]`` without nulls, seconds since the Unix epoch, what is beyond whole ones cut off."""
    return _microseconds(array) // 1_000_000 + _EPOCH


def seconds_after(array: Any) -> NDArray[np.int64]:
    """The same, but the next whole second: nothing is known before it was told."""
    return -(-_microseconds(array) // 1_000_000) + _EPOCH


def whole(array: Any) -> NDArray[np.int64]:
    """Of ``int8[]`` without nulls."""
    if array is None:
        return np.empty(0, np.int64)
    return np.frombuffer(array, _WHOLE, offset=_HEADER)["value"].astype(np.int64)


def small(array: Any) -> NDArray[np.int8]:
    """Of ``int2[]`` without nulls, numbers below 128."""
    if array is None:
        return np.empty(0, np.int8)
    return np.frombuffer(array, _SMALL, offset=_HEADER)["value"].astype(np.int8)


def exact(sent: Any, lengths: NDArray[np.int64]) -> ExactColumn:
    """Of ``string_agg(numeric_send(…), '')``, which leaves out NULLs; ``lengths`` in bytes, 0 of a NULL.

    A numeric is sent as words of two bytes: how many digits to the base 10,000 follow, of which power of it the first
    is, the sign, how many decimals are shown; then the digits, the highest first (PostgreSQL: numeric_send). Raises
    Corrupt for what is no number.
    """
    is_known, ends = lengths > 0, np.cumsum(lengths) // 2
    if not is_known.any():
        return ExactColumn.made(np.zeros((1, len(lengths))), 0, is_known)
    words = np.frombuffer(sent or b"", ">i2").astype(np.int16)
    if ends[-1] != len(words):
        raise Corrupt("numbers are not as long as they were said to be")
    begins = np.where(is_known, ends - lengths // 2, 0).astype(np.int32)
    count, highest, sign = words[begins] * is_known, words[begins + 1], words[begins + 2]
    if not ((sign == _PLUS) | (sign == _MINUS)).all():
        raise Corrupt("the database tells what is no number")
    top, bottom = (int(each.max(initial=0, where=count > 0)) for each in (highest, count - 1 - highest))
    digits = np.zeros((top + bottom + 1, len(lengths)))
    begins += _HEAD + highest
    for row, power in enumerate(range(-bottom, top + 1)):
        place = highest - np.int16(power)
        is_there = (place >= 0) & (place < count)
        np.multiply(words.take(begins - np.int32(power), mode="clip"), is_there, out=digits[row], casting="unsafe")
    if (sign == _MINUS).any():
        digits *= np.where(sign == _MINUS, -1.0, 1.0)
    return ExactColumn.made(digits, -bottom, is_known)


def _microseconds(array: Any) -> NDArray[np.int64]:
    return whole(array)  # as a timestamptz travels
