"""Ids are checked, states grow old."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from api import logic
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import Holding, Portfolio
from cryptwire.errors import NotFound

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_what_no_hopper_can_have_as_id_is_not_there() -> None:
    assert logic.hopper_id("replay-12_A") == "replay-12_A"
    for text in ("", "a b", "é", "\x00", "x" * 65, "1\n"):
        with pytest.raises(NotFound):
            logic.hopper_id(text)


def test_a_state_grows_old() -> None:
    candle = Candle(HopperId("1"), NOON, 1, 1, 1, 1, timedelta(0), Quality.COMPLETE)
    state = Portfolio(HopperId("1"), NOON, Asset("USDT"), candle, 0, True, NOON, NOON, (), (), None)
    assert logic.is_fresh(state, NOON + timedelta(seconds=30))
    assert not logic.is_fresh(state, NOON + timedelta(seconds=31))
    assert logic.is_shown(state, NOON + timedelta(minutes=10))
    assert not logic.is_shown(state, NOON + timedelta(minutes=10, seconds=1))


def test_what_has_no_price_has_no_value() -> None:
    assert logic.value_of(Holding(Asset("X"), Decimal(1), None)) is None
    assert logic.value_of(Holding(Asset("X"), Decimal("0.5"), 3.0)) == 1.5


def test_only_names_that_hold_a_hash_are_kept() -> None:
    assert all(map(logic.is_hashed, ("main-ZPTY6KHE.js", "chunk-C3QO-Fln.js", "media/a-JNR6YIGE.woff2")))
    assert not any(map(logic.is_hashed, ("index.html", "icon.svg", "my-document.js", "apple-touch-icon.png")))
