"""Ranges of days: those that move on end today, dates stay where they are."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.day_range import Dates, DayRange, Rolling, days_of, range_json, range_of
from cryptwire.errors import Invalid

TODAY, FIRST = date(2026, 3, 15), date(2025, 12, 1)
DATES = st.dates(date(2020, 1, 1), date(2030, 1, 1))
RANGES = st.one_of(
    st.sampled_from(Rolling),
    st.builds(lambda since, days: Dates(since, None if days is None else since + timedelta(days)), DATES,
              st.none() | st.integers(0, 900)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("range", "since", "until"),
    [
        (Rolling.TODAY, TODAY, TODAY),
        (Rolling.DAYS_7, date(2026, 3, 9), TODAY),
        (Rolling.DAYS_30, date(2026, 2, 14), TODAY),
        (Rolling.DAYS_365, date(2025, 3, 16), TODAY),
        (Rolling.MONTH, date(2026, 3, 1), TODAY),
        (Rolling.YEAR, date(2026, 1, 1), TODAY),
        (Rolling.ALL, FIRST, TODAY),
        (Dates(date(2026, 1, 1)), date(2026, 1, 1), TODAY),
        (Dates(date(2026, 1, 1), date(2026, 1, 31)), date(2026, 1, 1), date(2026, 1, 31)),
        (Dates(date(2026, 1, 1), date(2027, 1, 31)), date(2026, 1, 1), TODAY),
        (Dates(date(2027, 1, 1), date(2027, 1, 31)), date(2027, 1, 1), date(2027, 1, 1)),
    ],
)
def test_the_days_of_a_range(range: DayRange, since: date, until: date) -> None:
    assert days_of(range, TODAY, FIRST) == (since, until)


@given(RANGES, DATES, DATES)
def test_no_range_is_empty_and_each_is_read_as_it_was_written(range: DayRange, today: date, first: date) -> None:
    since, until = days_of(range, today, first)
    assert since <= until
    assert range_of(range_json(range)) == range


@pytest.mark.parametrize(
    "value",
    [None, 3, "", "8d", [], {}, {"since": 1}, {"since": "2026-1-1"}, {"since": "20260101"},
     {"since": "2026-W01-1"}, {"until": "2026-01-01"},
     {"since": "2026-01-01", "more": 1}, {"since": "2026-01-02", "until": "2026-01-01"}],
)  # fmt: skip
def test_what_is_no_range_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        range_of(value)
