"""Where a balance is: tiers add up to the whole, a doubtful coin is in none, and cash is no coin."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.hopper import Asset
from cryptwire.domain.market_weights import ListedCoin, Meant, Thresholds, Tier, meant, spread, symbols_of, tier_of
from cryptwire.errors import Invalid

NOW = datetime(2026, 3, 5, 14, 20, tzinfo=UTC)
BTC, ETH, ABC, USDT, EUR = map(Asset, ("BTC", "ETH", "ABC", "USDT", "EUR"))


def coin(symbol: str, price: str, cap: str, high: str | None = None, rank: int = 1, **changed: object) -> ListedCoin:
    told = {"at": NOW - timedelta(minutes=20), "name": symbol.lower(), "id": rank, "is_high_told": True} | changed
    return ListedCoin(
        symbol=symbol,
        rank=rank,
        price=Decimal(price),
        market_cap=Decimal(cap),
        high=Decimal(high or price),
        high_at=NOW,
        **told,  # type: ignore[arg-type]
    )


def surely(one: ListedCoin) -> Meant:
    return Meant(one, [], is_doubtful=False)


def test_the_worked_example() -> None:
    coins = {
        BTC: surely(coin("BTC", "50000", "1e12", "100000")),
        ETH: surely(coin("ETH", "1000", "5e9", "4000")),
        ABC: surely(coin("ABC", "1", "1e6", "10")),
        USDT: surely(coin("USDT", "1", "1e11", "1.3")),
    }
    values = {BTC: Decimal(500), ETH: Decimal(250), ABC: Decimal(50), USDT: Decimal(200)}
    units = dict.fromkeys((*values, Asset("ODD")), Decimal(1))
    found = spread(units, values, coins, Thresholds())
    assert [one.asset for one in found.assets] == [BTC, ETH, USDT, ABC, "ODD"]
    assert {tier: found.weight_of(tier) for tier in Tier} == {
        Tier.LARGE: Decimal("0.5"), Tier.MID: Decimal("0.25"), Tier.SMALL: Decimal("0.05"), Tier.CASH: Decimal("0.2"),
        Tier.UNKNOWN: 0,
    }  # fmt: skip
    assert found.distance == pytest.approx(0.5 * 0.5 + 0.25 * 0.75 + 0.05 * 0.9)
    assert found.high_covers == pytest.approx(0.8)
    assert found.distance_of_coins == pytest.approx(0.4825 / 0.8)
    assert found.concentration == pytest.approx(0.25 + 0.0625 + 0.0025 + 0.04)
    assert found.assets[-1].weight is None
    moved = spread(units, values, coins, Thresholds(Decimal("2e12"), Decimal("5e9")))
    assert (moved.weight_of(Tier.MID), moved.weight_of(Tier.LARGE)) == (Decimal("0.75"), Decimal(0))


@given(st.dictionaries(st.sampled_from([BTC, ETH, ABC, USDT, EUR]), st.decimals("0.00000001", "1e9", places=8)))
def test_tiers_are_the_whole_to_the_last_digit(values: dict[Asset, Decimal]) -> None:
    coins = {BTC: surely(coin("BTC", "1", "1e12", "3")), ETH: surely(coin("ETH", "1", "5e9", "2"))}
    found = spread(values, values, coins, Thresholds())
    total = Decimal(0)
    for tier in Tier:
        total = EXACT.add(total, found.value_of(tier))
    assert total == found.value
    if values:
        assert sum(float(found.weight_of(tier)) for tier in Tier) == pytest.approx(1)
        assert found.concentration is not None
        assert 1 / len(values) - 1e-9 <= found.concentration <= 1 + 1e-9
        assert found.distance is not None
        assert 0 <= found.distance <= found.high_covers
    else:
        assert (found.distance, found.distance_of_coins, found.concentration) == (None, None, None)


def test_of_several_coins_of_a_symbol_the_first_whose_price_is_alike_is_meant() -> None:
    listed = [
        coin("ABC", "5", "1e9", rank=3),
        coin("ABC", "0.01", "1e6", rank=900),
        coin("ABC", "0.011", "1", rank=950),
    ]
    assert meant(listed, None, NOW).coin is listed[0]
    cheap = meant(listed, Decimal("0.0105"), NOW)
    assert (cheap.coin, cheap.others, cheap.is_doubtful) == (listed[1], [listed[0], listed[2]], False)
    nobody = meant(listed, Decimal(100), NOW)
    assert (nobody.coin, nobody.is_doubtful) == (listed[0], True)
    assert tier_of(ABC, nobody, Thresholds()) is Tier.UNKNOWN
    assert tier_of(ABC, cheap, Thresholds()) is Tier.SMALL
    assert meant([], Decimal(1), NOW) == Meant(None, [], is_doubtful=False)


def test_a_price_of_days_ago_speaks_against_nothing() -> None:
    old = coin("ABC", "5", "1e9", at=NOW - timedelta(days=3))
    assert not meant([old], Decimal(50), NOW).is_doubtful


def test_a_price_above_the_highest_known_is_no_distance_and_cash_has_none() -> None:
    assert coin("ABC", "12", "1", "10").distance == 0
    cash = spread({USDT: Decimal(1)}, {USDT: Decimal(1)}, {USDT: surely(coin("USDT", "1", "1e11", "2"))}, Thresholds())
    assert cash.assets[0].tier is Tier.CASH
    assert (cash.distance, cash.distance_of_coins) == (0, None)
    assert symbols_of([USDT, BTC, EUR, ABC]) == ["ABC", "BTC"]


@pytest.mark.parametrize(("large", "mid"), [("1", "1"), ("1", "2"), ("1", "0"), ("5", "-1")])
def test_thresholds_that_contradict_themselves_are_refused(large: str, mid: str) -> None:
    with pytest.raises(Invalid, match="midFrom < largeFrom"):
        Thresholds(Decimal(large), Decimal(mid)).checked()
