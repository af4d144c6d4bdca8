"""Hashed noise: the same number for the same key and place, wherever it is asked for."""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DIP_SLOT = 1920  # nodes: one chance in eight hours
_DIP_FALL, _DIP_RISE = 80, 480  # nodes: twenty minutes down, two hours up


@lru_cache(maxsize=100_000)
def key(*parts: str | int) -> int:
    """A 64-bit key for what the parts name."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big")


def uniform(of: int, places: Ints) -> Floats:
    """One number in [0, 1) for each place (splitmix64)."""
    bits = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(of)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def waves(of: int, nodes: Ints, periods: tuple[int, ...]) -> Floats:
    """Noise whose spread over a span grows with its root, about 1 over a day of 5760 nodes.

    Sums one octave for each period (in nodes); an octave has a hashed value each period, eased in between.
    """
    total = np.zeros(len(nodes))
    for period in periods:
        octave = key(of, period)
        shifted = nodes + octave % period
        cell = shifted // period
        first, last = int(cell.min()), int(cell.max())
        if last - first < len(cell):
            values = uniform(octave, np.arange(first, last + 2, dtype=np.int64))
            before, after = values[cell - first], values[cell - first + 1]
        else:
            before, after = uniform(octave, cell), uniform(octave, cell + 1)
        part = (shifted - cell * period) / period
        eased = part * part * (3.0 - 2.0 * part)
        total += (before + (after - before) * eased - 0.5) * (2.0 * np.sqrt(period / 5760.0))
    return total


def waves_in_a_row(of: int, first: int, count: int, periods: tuple[int, ...]) -> Floats:
    """``waves`` at ``count`` nodes in a row, to the last bit and many times faster."""
    total = np.zeros(count)
    for period in periods:
        octave = key(of, period)
        shifted = first + octave % period
        cell, skipped = divmod(shifted, period)
        cells = (shifted + count - 1) // period - cell + 1
        values = uniform(octave, np.arange(cell, cell + cells + 1, dtype=np.int64))
        before, rise = values[:-1], values[1:] - values[:-1]
        if cells > 2:
            eased = _eased(period, 0, period)
            row = (before[:, None] + rise[:, None] * eased).ravel()[skipped : skipped + count]
        else:
            here = min(count, period - skipped)
            row = before[0] + rise[0] * _eased(period, skipped, here)
            if here < count:
                row = np.concatenate((row, before[1] + rise[1] * _eased(period, 0, count - here)))
        total += (row - 0.5) * (2.0 * np.sqrt(period / 5760.0))
    return total


def _eased(period: int, first: int, count: int) -> Floats:
    part = np.arange(first, first + count, dtype=np.int64) / period
    return part * part * (3.0 - 2.0 * part)


def dips(of: int, nodes: Ints) -> Floats:
    """Zero, now and then down to -1 within twenty minutes and back up within two hours: a chance every eight hours."""
    slot = nodes // _DIP_SLOT
    within = nodes - slot * _DIP_SLOT
    chance = uniform(key(of, "chance"), slot)
    begin = np.floor(uniform(key(of, "begin"), slot) * (_DIP_SLOT - _DIP_FALL - _DIP_RISE))
    since = within - begin
    shape = np.minimum(since / _DIP_FALL, (_DIP_FALL + _DIP_RISE - since) / _DIP_RISE)
    depth = 0.3 + 0.7 * uniform(key(of, "depth"), slot)
    return np.where(chance < 0.3, -np.clip(shape, 0.0, 1.0) * depth, 0.0)


def growth(change: Floats) -> Floats:
    """About e to the power of ``change`` (within 1 in 1000 for changes below 2), by multiplications only."""
    result = 1.0 + change / 4096.0
    for _ in range(12):
        result = result * result
    return result
