"""Holes in what comes, what cannot be read, ticks that are refused, and money that came without a trade."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cryptwire.codec.portfolio import flow_from_wire
from cryptwire.codec.ticker import ticker_to_wire
from cryptwire.errors import Invalid, Unavailable
from cryptwire.messaging.subjects import LIVE
from tests.unit.tracker.builders import BINANCE, MS, S, T, hopper, pair, tick, trade
from tests.unit.tracker.playing import (
    ONE,
    World,
    opened,
    prices,
)


async def test_a_hole_in_the_sequence_makes_it_read_the_last_prices_again(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    reads = world.prices.reads
    await world.tick(11.5)
    await world.turn(3)
    assert world.prices.reads == reads
    world.prices.tickers = [tick(33.0, world.clock.now())]
    await world.tick(12.0, skip=1)
    await world.turn(1)
    assert world.prices.reads == reads + 1
    await world.turn(2)
    assert world.live()[-1].candle.close == 33.0
    assert world.meters.value("tracker_holes") == 1


async def test_a_feed_that_is_ahead_shows_a_missed_tick_although_no_other_comes(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    await world.feed()
    await world.turn(1)
    world.prices.tickers = [tick(44.0, world.clock.now())]
    await world.feed(sequence=world.sequence + 1)
    await world.turn(1)
    await world.feed(sequence=world.sequence + 1)
    await world.turn(3)
    assert world.live()[-1].candle.close == 44.0


async def test_another_session_makes_it_read_the_last_prices_again(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.tickers = [tick(55.0, world.clock.now())]
    world.sequence = 0
    await world.tick(12.0, session="another")
    await world.turn(3)
    assert world.live()[-1].candle.close == 55.0


async def test_a_reconnect_makes_it_read_the_last_prices_again(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.tickers = [tick(66.0, world.clock.now())]
    world.bus.tell_gap()
    await world.turn(3)
    assert world.live()[-1].candle.close == 66.0


async def test_last_prices_that_are_away_are_read_when_they_are_back(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.tickers = [tick(77.0, world.clock.now())]
    world.prices.fault = Unavailable("Redis is away")
    await world.tick(12.0, skip=3)
    await world.turn(5)
    world.prices.fault = None
    await world.turn(3)
    assert world.live()[-1].candle.close == 77.0


async def test_last_prices_that_cannot_be_read_do_not_end_the_tracker(world: World) -> None:
    await world.turn(2)
    await world.tick(11.0)
    world.prices.fault = Invalid("not a Ticker message")
    await world.tick(12.0, skip=3)
    await world.turn(5)
    assert world.is_running
    assert world.live()[-1].candle.close == 12.0


@pytest.mark.parametrize("kind", ["ticker", "feed", "trade"])
@pytest.mark.parametrize("payload", [b"\xff", b"", b"\x0a\x01", b"x" * 10_000], ids=["ff", "empty", "cut", "long"])
async def test_malformed_messages_are_counted_and_the_tracker_goes_on(world: World, kind: str, payload: bytes) -> None:
    await world.turn(2)
    subject = {
        "ticker": LIVE.ticker(pair("BTC")),
        "feed": LIVE.feed(BINANCE),
        "trade": LIVE.trade(BINANCE, ONE),
    }[kind]
    await world.bus.publish(subject, payload)
    await world.turn(1)
    assert world.meters.value("tracker_refused_messages", subject=kind) == 1
    await world.tick(13.0)
    await world.turn(2)
    assert world.live()[-1].candle.close == 13.0


async def test_a_ticker_from_the_future_is_refused_and_closes_nothing(world: World) -> None:
    await world.turn(61)
    await world.tick(99.0, world.clock.now() + timedelta(days=1))
    await world.tick(88.0, world.clock.now() + 5 * S + MS)
    assert world.meters.value("tracker_refused_messages", subject="ticker") == 2
    assert await world.queue.waiting() == 0
    await world.tick(12.0, world.clock.now() + 5 * S)
    await world.turn(2)
    assert prices(world.live()[-1].candle) == (10.0, 12.0, 10.0, 12.0)


async def test_a_tick_that_is_refused_after_a_boundary_does_not_take_its_candles_along() -> None:
    """Its stamp closes the candle; its price makes one that cannot be."""
    world = World()
    world.cryptohopper.quantities[ONE] = {"BTC": "1", "XRP": "1"}
    world.prices.tickers.append(tick(1.0, T - S, pair("XRP", "BTC")))
    await world.start()
    await world.until(64)
    assert world.live()[-1].candle.close == 20.0
    await world.until(120.1)
    assert await world.queue.waiting() == 0
    mad = tick(1e308, world.clock.now(), pair("XRP", "BTC"))
    await world.bus.publish(LIVE.ticker(mad.pair), ticker_to_wire(mad))
    await world.turn(3)
    assert world.meters.value("tracker_refused_messages", subject="ticker") == 1
    assert opened(await world.pushed()) == [60]
    await world.stop()


async def test_money_that_came_without_a_trade_is_told_and_goes_to_its_list() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    try:
        await world.pass_with_feed(5)
        world.cryptohopper.quantities[ONE] = {"BTC": "1.5"}
        await world.pass_with_feed(120)
        (flow,) = map(flow_from_wire, world.flows.values)
        assert (flow.hopper, flow.asset, flow.quantity) == (ONE, "BTC", Decimal("0.5"))
        assert (flow.price, flow.value_before) == (10.0, 10.0)
    finally:
        await world.stop()


async def test_money_that_came_is_known_as_soon_as_its_balance_is_kept_whatever_is_killed_then() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    await world.pass_with_feed(5)
    world.cryptohopper.quantities[ONE] = {"BTC": "1.5"}
    while world.kept.accounts[ONE].quantities != {"BTC": Decimal("1.5")}:
        await world.turn(0.05)
    assert world.live()[-1].flow is None, "nobody was told yet"
    await world.kill()
    await world.start()
    try:
        await world.pass_with_feed(120)
        (flow,) = map(flow_from_wire, world.flows.values)
        assert (flow.asset, flow.quantity, flow.value_before) == ("BTC", Decimal("0.5"), 10.0)
    finally:
        await world.stop()


async def test_money_that_came_while_accounts_cannot_be_kept_is_told_later() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    try:
        await world.pass_with_feed(5)
        world.cryptohopper.quantities[ONE] = {"BTC": "1.5"}
        world.kept.is_away = True
        await world.pass_with_feed(70)
        world.kept.is_away = False
        await world.pass_with_feed(70)
        (flow,) = map(flow_from_wire, world.flows.values)
        assert (flow.asset, flow.quantity) == ("BTC", Decimal("0.5"))
        assert world.kept.accounts[ONE].quantities == {"BTC": Decimal("1.5")}
    finally:
        await world.stop()


async def test_a_change_that_trades_explain_is_no_flow() -> None:
    world = World(hopper(refresh=60 * S))
    world.cryptohopper.quantities[ONE] = {"BTC": "1", "USDT": "100"}
    await world.start()
    try:
        await world.pass_with_feed(5)
        world.cryptohopper.listed = [trade(1, world.clock.now(), total="10")]
        world.cryptohopper.quantities[ONE] = {"BTC": "1.5", "USDT": "89.99"}
        await world.pass_with_feed(120)
        assert world.flows.values == []
    finally:
        await world.stop()
