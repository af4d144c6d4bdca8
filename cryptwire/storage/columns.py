"""Columns travel as PostgreSQL's binary arrays (``array_send``) and become numpy arrays without an object a number."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = 20  # dimensions, flags, type, length, lower bound: four bytes each
_EPOCH = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
_FLOATS = np.dtype([("size", ">i4"), ("value", ">f8")])
_WHOLE = np.dtype([("size", ">i4"), ("value", ">i8")])
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


def _microseconds(array: Any) -> NDArray[np.int64]:
    return whole(array)  # as a timestamptz travels
