"""When a job is due, and from when on trades are compared."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logic import compared_from, due_times

QUARTER = timedelta(minutes=15)
_EARLY, _LATE = datetime(2000, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
NOW = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)


def at(hour: int, minute: int) -> datetime:
    return NOW.replace(hour=hour, minute=minute)


def test_due_is_the_newest_boundary() -> None:
    assert due_times(NOW, QUARTER, timedelta(0)) == [at(12, 15)]
    assert due_times(at(12, 15), QUARTER, timedelta(0)) == [at(12, 15)]


def test_and_those_before_that_are_to_be_made_up_oldest_first() -> None:
    assert due_times(NOW, QUARTER, timedelta(minutes=36)) == [at(11, 45), at(12, 0), at(12, 15)]
    assert due_times(NOW, timedelta(days=1), timedelta(days=1)) == [at(0, 0)]


@given(
    st.datetimes(_EARLY, _LATE, timezones=st.just(UTC)),
    st.integers(1, 200_000),
    st.integers(0, 2_000_000),
)
def test_due_times_are_boundaries_one_after_the_other_and_not_ahead(now: datetime, every: int, makes_up: int) -> None:
    step, span = timedelta(seconds=every), timedelta(seconds=makes_up)
    dues = due_times(now, step, min(span, step * 50))
    assert all((due - datetime(1970, 1, 1, tzinfo=UTC)) % step == timedelta(0) for due in dues)
    assert all(later - sooner == step for sooner, later in pairwise(dues))
    assert now - step < dues[-1] <= now
    assert all(due > now - span for due in dues[:-1])


@pytest.mark.parametrize(("until", "since"), [(None, NOW - timedelta(days=90)), (at(12, 0), at(12, 0) - timedelta(1))])
def test_trades_are_compared_from_a_day_before_what_is_complete_or_so_far_back(
    until: datetime | None, since: datetime
) -> None:
    assert compared_from(until, NOW, timedelta(days=90)) == since
