"""A pair's figures are computed once for all, from the exchange's candles and the ticker, and go on when one dies."""

from datetime import timedelta

import pytest

from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.figure import figure_key
from cryptwire.domain.ticker import Feed, Ticker
from cryptwire.errors import Unavailable
from cryptwire.messaging.subjects import LIVE
from tests.unit.analyser.playing import BTC, Played, S, T, playing

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def rows(count: int, step: timedelta, close: float = 100.0) -> list[Ohlcv]:
    """Candles up to now; the last is in progress."""
    first = T - (count - 1) * step
    return [Ohlcv(first + n * step, close + n, close + n + 1, close + n - 1, close + n, 2.0) for n in range(count)]


def ticker(price: float, played: Played, sequence: int = 1) -> bytes:
    return ticker_to_wire(Ticker(BTC, price, None, None, None, played.clock.now(), "s", sequence))


async def tick(played: Played, price: float) -> None:
    await played.bus.publish(LIVE.ticker(BTC), ticker(price, played))
    feed = Feed(BTC.exchange, "s", 1, played.clock.now(), timedelta(0))
    await played.bus.publish(LIVE.feed(BTC.exchange), feed_to_wire(feed))
    await played.clock.turn(2 * S)


def last(played: Played) -> dict[str, float | None]:
    return {str(key): figure.value for key, figure in played.told_of()[-1].figures.items()}


async def test_price_change_and_bars_of_a_pair() -> None:
    async with playing() as played:
        played.exchange.rows = {(BTC, "1h"): rows(50, HOUR), (BTC, "1m"): rows(200, MINUTE, 1.0)}
        played.exchange.last[BTC] = Ticker(BTC, 150.0, None, None, None, T - S, "s", 1)
        await played.want("price", "change(minutes=60)", "sma(length=3)@60", "donchian.upper(length=2)@60", of=BTC)
        await played.clock.turn(3 * S)
        assert last(played)["price"] == 150.0
        assert played.told_of()[-1].price_at == T - S
        assert not played.told_of()[-1].is_fresh
        await tick(played, 160.0)
        snapshot = played.told_of()[-1]
        assert snapshot.is_fresh
        found = last(played)
        assert found["price"] == 160.0
        assert found["sma(length=3)@60"] == pytest.approx((147 + 148 + 160) / 3)
        assert found["donchian.upper(length=2)@60"] == 160.0
        then = played.exchange.rows[BTC, "1m"][-61 - 1].close  # an hour ago, of 12:00:05 the close of 10:59
        assert found["change(minutes=60)"] == pytest.approx(160.0 / then - 1)
        assert snapshot.figures[figure_key("sma(length=3)@60")].bar_at == T


async def test_a_silent_feed_is_not_fresh() -> None:
    async with playing() as played:
        await played.want("price", of=BTC)
        await tick(played, 10.0)
        assert played.told_of()[-1].is_fresh
        await played.clock.turn(12 * S)
        assert not played.told_of()[-1].is_fresh
        assert last(played)["price"] == 10.0


async def test_the_bar_that_ended_gets_the_exchanges_numbers() -> None:
    async with playing() as played:
        await played.until(T + 59 * MINUTE)
        played.exchange.rows = {(BTC, "1h"): rows(50, HOUR)}
        await played.want("sma(length=2)@60", of=BTC)
        await tick(played, 160.0)
        true = Ohlcv(T, 149.0, 170.0, 140.0, 165.0, 9.0)
        played.exchange.rows[BTC, "1h"] = [*rows(50, HOUR)[:-1], true, Ohlcv(T + HOUR, 165.0, 166.0, 165.0, 166.0, 1.0)]
        await played.until(T + HOUR + S)
        await played.want("sma(length=2)@60", of=BTC)
        await tick(played, 168.0)
        await played.clock.turn(8 * S)
        assert last(played)["sma(length=2)@60"] == pytest.approx((165 + 168) / 2)


async def test_what_the_exchange_does_not_have_is_refused_at_the_next_wish() -> None:
    async with playing() as played:
        assert (await played.want("sma@60", "price", of=BTC)).refused == {}
        await played.clock.turn(2 * S)
        lease = await played.want("sma@60", "price", of=BTC)
        assert "no such spot pair" in lease.refused["sma(length=20)@60"]
        await tick(played, 5.0)
        assert last(played)["price"] == 5.0


async def test_an_exchange_that_is_away_is_asked_again_ever_later() -> None:
    async with playing() as played:
        played.exchange.fails = Unavailable("too many requests")
        await played.want("sma(length=2)@60", of=BTC)
        await played.clock.turn(20 * S)
        assert 2 <= len(played.exchange.asked) <= 5
        played.exchange.fails = None
        played.exchange.rows = {(BTC, "1h"): rows(50, HOUR)}
        await played.clock.turn(20 * S)
        assert last(played)["sma(length=2)@60"] == pytest.approx((148 + 149) / 2)


async def test_a_long_history_is_read_in_pages() -> None:
    async with playing() as played:
        played.exchange.rows = {(BTC, "1h"): rows(2_600, HOUR)}
        await played.want("rsi(length=120)@60", of=BTC)
        await played.clock.turn(5 * S)
        assert len(played.exchange.asked) >= 3
        assert last(played)["rsi(length=120)@60"] == pytest.approx(100.0)


async def test_of_two_analysers_one_computes_a_pair_and_the_other_goes_on_when_it_dies() -> None:
    async with playing() as first:
        second = Played(beside=first)
        await second.begin()
        await first.want("price", of=BTC)
        await tick(first, 10.0)
        await first.clock.turn(10 * S)
        (owner,) = {one.session for one in first.told_of()}
        assert [one.sequence for one in first.told_of()] == list(range(1, len(first.told_of()) + 1)), "each once"
        alive, dead = (second, first) if owner == first.session else (first, second)
        count = len(first.told_of())
        await dead.kill()
        await first.clock.turn(6 * S)
        assert len(first.told_of()) == count, "the lease is still the dead one's"
        first.redis.holders.clear()  # it ran out
        await first.clock.turn(6 * S)
        assert {one.session for one in first.told_of()[count:]} == {alive.session}
        await tick(first, 11.0)
        assert last(first)["price"] == 11.0
        await alive.end()


async def test_who_ends_in_order_lets_the_lease_go() -> None:
    async with playing() as first:
        second = Played(beside=first)
        await second.begin()
        await first.want("price", of=BTC)
        await first.clock.turn(3 * S)
        owner = {one.session for one in first.told_of()}
        ending, going = (first, second) if owner == {first.session} else (second, first)
        await ending.end()
        await first.clock.turn(3 * S)
        assert first.told_of()[-1].session == going.session
        await going.end()


async def test_while_nobody_can_tell_whose_it_is_it_stays_ours() -> None:
    async with playing() as played:
        await played.want("price", of=BTC)
        played.redis.is_away = True
        count = len(played.told_of())
        await played.clock.turn(10 * S)
        assert len(played.told_of()) > count
        played.redis.is_away = False


async def test_a_pair_that_nobody_wants_is_forgotten() -> None:
    async with playing() as played:
        await played.want("price", of=BTC)
        await played.clock.turn(65 * S)
        count = len(played.told_of())
        await played.clock.turn(10 * S)
        assert len(played.told_of()) == count
        assert played.redis.holders == {}


async def test_bad_tickers_and_feeds_are_counted() -> None:
    async with playing() as played:
        await played.want("price", of=BTC)
        await played.bus.publish(LIVE.ticker(BTC), b"\xff")
        await played.bus.publish(LIVE.feed(BTC.exchange), b"\xff")
        await tick(played, 5.0)
        assert played.meters.value("analyser_refused_messages", subject="ticker") == 1
        assert played.meters.value("analyser_refused_messages", subject="feed") == 1
        assert last(played)["price"] == 5.0
