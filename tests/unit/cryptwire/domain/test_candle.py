"""A candle that contradicts itself cannot be made."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cryptwire.domain.candle import Candle, Quality, opening
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid

GOOD = Candle(
    HopperId("1"), datetime(2026, 3, 1, 12, tzinfo=UTC), 2.0, 3.0, 1.0, 2.5, timedelta(0), Quality.COMPLETE, 1
)


@pytest.mark.parametrize(
    "change",
    [
        {"open": 3.1},
        {"open": 0.9},
        {"close": 3.1},
        {"close": 0.9},
        {"low": 3.5},
        {"high": 0.5},
        {"open": math.nan},
        {"high": math.inf},
        {"low": -math.inf},
        {"close": math.nan},
        {"low": -0.1},
        {"gap": timedelta(microseconds=-1)},
        {"gap": timedelta(minutes=15, microseconds=1)},
        {"opened_at": datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)},
        {"opened_at": datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))},
        {"opened_at": datetime(2026, 3, 1, 12)},  # noqa: DTZ001 - that is the fault
        {"hopper": HopperId("")},
    ],
    ids=str,
)
def test_a_contradiction_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        replace(GOOD, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"open": 1.0, "close": 3.0},
        {"open": 0.0, "high": 0.0, "low": 0.0, "close": 0.0},
        {"gap": timedelta(minutes=15)},
    ],
    ids=str,
)
def test_the_edges_are_allowed(change: dict[str, object]) -> None:
    assert replace(GOOD, **change).hopper == "1"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("12:00:00", "12:00:00"), ("12:14:59.999999", "12:00:00"), ("12:15:00", "12:15:00"), ("00:00:01", "00:00:00")],
)
def test_boundaries_are_multiples_since_the_epoch(moment: str, expected: str) -> None:
    found = opening(datetime.fromisoformat(f"2026-03-01T{moment}+00:00"))
    assert found == datetime.fromisoformat(f"2026-03-01T{expected}+00:00")
    assert opening(datetime(1969, 12, 31, 23, 59, tzinfo=UTC)) == datetime(1969, 12, 31, 23, 45, tzinfo=UTC)
