"""Risk over the days of a scope."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from api.handlers.analytics.scope import Scope
from api.schema.analytics.performance import risk_of
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.hopper_days import portfolio_days
from tests.unit.cryptwire.domain.test_hopper_days import DAY, FIRST, A, days

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 12)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SCOPE = Scope(UserId("me"), "UTC", (), False, SINCE, UNTIL, NOW, NOW, Asset("USDT"), False, NOW.replace(month=7))


def test_days_that_are_missing_weigh_nothing_in_exposure() -> None:
    """A day of 23 hours, of which half was invested, and ten days later one of 24 without any."""
    held = days([100.0, 100.0])
    numbers = np.array([FIRST, FIRST + 10])
    ends = (numbers + 1) * DAY
    begins = ends - np.array([23, 24]) * 3600
    invested: list[Decimal | None] = [Decimal(50), Decimal(0)]
    told = portfolio_days(
        {HopperId(A): replace(held, days=numbers, begins_at=begins, ends_at=ends, invested=invested)}, SINCE, []
    )
    assert risk_of(SCOPE, told).exposure.value == pytest.approx(0.5 * 23 / 47)
