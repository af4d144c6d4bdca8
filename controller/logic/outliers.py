"""A move that is too large for one tick must be seen again before it counts (R6)."""

from controller.logic.state import Readings

_KEPT = 2


def accept(readings: Readings, value: float, is_tick: bool, most: float) -> tuple[Readings, float | None]:
    """Readings after ``value`` (above 0), and what counts; None: it must be seen again.

    A reading is doubted when it is more than ``most`` away from both readings before it. When the next tick is so far
    away in the same direction, the nearer of the two counts: that much was seen twice. The very first reading is
    doubted like any other, so no epoch begins with a wick. Only a newer price can confirm a doubt or clear it.
    """
    if readings.counted and not _is_far(readings.counted, value, most):
        if readings.doubted is not None and not is_tick:
            return readings, None
        return (Readings((*readings.counted, value)[-_KEPT:]) if is_tick else readings), value
    if readings.doubted is None or (is_tick and not _is_same_side(readings, value, most)):
        return Readings(readings.counted, value), None
    if not is_tick:
        return readings, None
    nearer = min(readings.doubted, value, key=lambda each: abs(each - (readings.counted or (value,))[-1]))
    return Readings((readings.doubted, value)), nearer


def _is_far(counted: tuple[float, ...], value: float, most: float) -> bool:
    return all(abs(value / each - 1) > most for each in counted)


def _is_same_side(readings: Readings, value: float, most: float) -> bool:
    """Whether ``value`` confirms the doubt: beyond the readings that count on its side; without any, near to it."""
    doubted = readings.doubted
    assert doubted is not None
    if not readings.counted:
        return abs(value / doubted - 1) <= most
    return all((value > each) == (doubted > each) for each in readings.counted)
