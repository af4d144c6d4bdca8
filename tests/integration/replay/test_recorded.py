"""Recorded candles through the real chain equal an independent computation, in every resolution."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.errors import Invalid
from cryptwire.storage import redis
from devstack.servers import Servers
from replay.main import Addresses, csv_line, replay
from tests import market, oracle

ASSETS = {"ADA": "10000", "DASH": "12.5", "ETH": "20", "LTC": "33.3", "TRX": "150000", "XLM": "20000.5", "BTC": "1.5"}


@pytest.fixture(scope="session")
def bars_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = market.recorded_folder()
    if folder is None:
        return market.make_bars(tmp_path_factory.mktemp("bars"))
    return folder


@pytest.fixture
def addresses(database_url: str, redis_url: str, servers: Servers) -> Addresses:
    return Addresses(database_url, redis_url, servers.nats.url("replay"))


def portfolio(folder: Path, assets: dict[str, str]) -> Path:
    path = folder / "portfolio.json"
    path.write_text(json.dumps({"hopper": "1", "assets": assets}))
    return path


def assert_equal(candles: list[Candle], expected: list[oracle.OracleCandle]) -> None:
    assert [c.opened_at for c in candles] == [row[0] for row in expected]
    for candle, (_, *prices) in zip(candles, expected, strict=True):
        assert [candle.open, candle.high, candle.low, candle.close] == pytest.approx(prices, rel=1e-9, abs=0)


async def test_every_candle_equals_the_oracle(bars_folder: Path, addresses: Addresses, tmp_path: Path) -> None:
    candles = await replay(bars_folder, portfolio(tmp_path, ASSETS), Asset("BTC"), addresses, is_quiet=True)
    bars = oracle.bars_of(bars_folder)
    expected = oracle.candles_of(bars, {asset: float(amount) for asset, amount in ASSETS.items()}, "BTC")
    assert len(expected) > 400
    assert_equal(candles, expected)
    for before, after in itertools.pairwise(candles):
        assert after.open == before.close
        assert after.opened_at - before.opened_at == timedelta(minutes=15)


async def test_generated_bars_with_gaps_and_a_late_pair(addresses: Addresses, tmp_path: Path) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    market.make_bars(folder)
    assets = {"ADA": "10000", "ETH": "20", "XLM": "20000.5"}
    candles = await replay(folder, portfolio(tmp_path, assets), Asset("BTC"), addresses, is_quiet=True)
    expected = oracle.candles_of(oracle.bars_of(folder), {k: float(v) for k, v in assets.items()}, "BTC")
    assert_equal(candles, expected)
    quiet = [c for c in candles if c.quality is Quality.PARTIAL]
    assert quiet, "forty minutes without any bar are not complete"
    assert sum((c.gap for c in quiet), timedelta(0)) < timedelta(minutes=45)
    assert any(c.open == c.high == c.low == c.close for c in candles), "a quarter without ticks is flat"


async def test_earlier_rows_of_the_same_name_are_removed_and_nothing_stays_in_redis(
    addresses: Addresses, tmp_path: Path
) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    market.make_bars(folder, days=1)
    path = portfolio(tmp_path, {"ADA": "1"})
    first = await replay(folder, path, Asset("BTC"), addresses, is_quiet=True)
    path = portfolio(tmp_path, {"ADA": "2"})
    second = await replay(folder, path, Asset("BTC"), addresses, is_quiet=True)
    assert [c.close for c in second] == pytest.approx([2 * c.close for c in first])
    async with redis.connect(addresses.redis_url) as client:
        assert await client.keys("cw:replay:*") == []


async def test_a_portfolio_that_nothing_prices_is_refused(addresses: Addresses, tmp_path: Path) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    market.make_bars(folder, days=1)
    with pytest.raises(Invalid, match="nothing of the portfolio can be priced in EUR"):
        await replay(folder, portfolio(tmp_path, {"ADA": "1"}), Asset("EUR"), addresses, is_quiet=True)


def test_a_line_of_csv_is_exact() -> None:
    candle = Candle(
        HopperId("replay-1"),
        datetime(2018, 1, 10, 5, tzinfo=UTC),
        0.1 + 0.2,
        1.0,
        0.1,
        0.5,
        timedelta(seconds=1.5),
        Quality.PARTIAL,
    )
    assert csv_line(candle) == "2018-01-10T05:00:00Z,0.30000000000000004,1.0,0.1,0.5,1.5,partial"
