"""An exchange is heard once, told in order, and heard again after every kind of trouble."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cryptwire.clock import SystemClock, from_us
from cryptwire.codec.ohlcv import CandlesRequest, reply_from_wire, request_to_wire
from cryptwire.codec.ticker import feed_from_wire, ticker_from_wire
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.errors import Refused
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import redis as connections
from cryptwire.storage.last_prices import LastPrices
from devstack import servers as embedded
from devstack.servers import Servers
from streamer.main import main
from streamer.settings import Settings
from tests.integration.streamer.played import AT, Binance, KuCoin, Played

PRICES = {"BTC/USDT": 100.0, "ETH/USDT": 10.0, "QUIET/BTC": 0.5, "DEAD/BTC": 0.0}
BINANCE = Exchange("binance")
KUCOIN = Exchange("kucoin")


def pair(exchange: Exchange, symbol: str) -> Pair:
    base, quote = symbol.split("/")
    return Pair(exchange, Asset(base), Asset(quote))


async def until(is_so: Callable[[], object], what: str, seconds: float = 20) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not is_so():  # noqa: ASYNC110 - a test may look
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"waited {seconds} s in vain until {what}")


class Ear:
    """What is told on NATS."""

    def __init__(self) -> None:
        self.tickers: list[Ticker] = []
        self.feeds: list[Feed] = []

    async def on_message(self, message: Message) -> None:
        if message.subject.startswith("ticker."):
            ticker = ticker_from_wire(message.payload)
            assert message.subject == LIVE.ticker(ticker.pair)
            self.tickers.append(ticker)
        else:
            self.feeds.append(feed_from_wire(message.payload))

    @property
    def sessions(self) -> list[str]:
        return list(dict.fromkeys(ticker.session for ticker in self.tickers))

    def prices(self, session: str) -> list[tuple[str, float]]:
        return [(f"{t.pair.base}/{t.pair.quote}", t.last) for t in self.tickers if t.session == session]

    def assert_no_holes(self) -> None:
        for session in self.sessions:
            numbers = [t.sequence for t in self.tickers if t.session == session]
            assert numbers == list(range(1, len(numbers) + 1))


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[NatsBus]:
    async with messaging.connect(nats_url, "admin") as connected:
        yield connected


@pytest.fixture
async def ear(bus: NatsBus) -> Ear:
    heard = Ear()
    await bus.subscribe(LIVE.all_tickers, heard.on_message)
    await bus.subscribe(LIVE.all_feeds, heard.on_message)
    await bus.flush()
    return heard


@asynccontextmanager
async def streaming(settings: Settings) -> AsyncIterator[Runtime]:
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    task = asyncio.create_task(main(settings, runtime))
    try:
        yield runtime
        assert not task.done(), "the streamer ended by itself"
    finally:
        runtime.stop.set()
        async with asyncio.timeout(10):
            await task


@asynccontextmanager
async def playing(played: Binance | KuCoin) -> AsyncIterator[int]:
    async with serving(played.app(), "127.0.0.1", 0) as port:
        yield port


def settings(servers: Servers, redis_url: str, port: int, *, exchange: str = "binance", **more: object) -> Settings:
    endpoint = (Binance if exchange == "binance" else KuCoin).endpoint(port)
    return Settings(
        redis_url,
        servers.nats.url("streamer"),
        exchanges=(exchange,),
        endpoints={exchange: {**endpoint, **more.pop("endpoint", {})}},  # type: ignore[dict-item]
        **more,  # type: ignore[arg-type]
    )


async def kept(redis_url: str, exchange: Exchange) -> dict[str, Ticker]:
    async with connections.connect(redis_url) as client:
        return {f"{t.pair.base}/{t.pair.quote}": t for t in await LastPrices(client).all_of(exchange)}


async def until_kept(redis_url: str, symbol: str, price: float) -> dict[str, Ticker]:
    """What Redis keeps of Binance, once it has this price."""
    for _ in range(150):
        stored = await kept(redis_url, BINANCE)
        if symbol in stored and stored[symbol].last == price:
            return stored
        await asyncio.sleep(0.1)
    pytest.fail(f"Redis never had {symbol} {price}")


@pytest.mark.parametrize(("play", "exchange"), [(Binance, BINANCE), (KuCoin, KUCOIN)])
async def test_quiet_pairs_have_a_price_and_only_changes_follow(
    servers: Servers, redis_url: str, ear: Ear, play: type[Played], exchange: Exchange
) -> None:
    played = play(PRICES)
    async with (
        playing(played) as port,  # type: ignore[arg-type]
        streaming(settings(servers, redis_url, port, exchange=exchange)) as runtime,
    ):
        await played.until_heard()
        await until(lambda: len(ear.tickers) >= 3, "every pair was told")
        session = ear.sessions[0]
        assert sorted(ear.prices(session)) == sorted((s, p) for s, p in PRICES.items() if p)
        await played.say(BTC_USDT=101.0)
        await until(lambda: len(ear.tickers) == 4, "the change was told")
        await played.say(BTC_USDT=101.0, ETH_USDT=11.0)
        await until(lambda: len(ear.tickers) == 5, "the next change was told")
        assert ear.prices(session)[3:] == [("BTC/USDT", 101.0), ("ETH/USDT", 11.0)]
        assert ear.tickers[3].exchange_at == from_us(AT * 1000)
        ear.assert_no_holes()
        stored = await kept(redis_url, exchange)
        assert {symbol: ticker.last for symbol, ticker in stored.items()} == {
            "BTC/USDT": 101.0,
            "ETH/USDT": 11.0,
            "QUIET/BTC": 0.5,
        }
        assert stored["ETH/USDT"] == ear.tickers[4]
        await until(lambda: ear.feeds and ear.feeds[-1].sequence == 5, "the pulse tells the last sequence")
        assert (ear.feeds[-1].session, ear.feeds[-1].interval) == (session, timedelta(0))
        assert runtime.health.is_ready
        assert runtime.meters.value("streamer_skipped", exchange=exchange) == 1
    assert set(await kept(redis_url, exchange)) == {"BTC/USDT", "ETH/USDT", "QUIET/BTC"}


async def test_every_tick_of_a_burst_is_told(servers: Servers, redis_url: str, ear: Ear) -> None:
    played = KuCoin({"BTC/USDT": 100.0})
    async with playing(played) as port, streaming(settings(servers, redis_url, port, exchange="kucoin")):
        await played.until_heard()
        await until(lambda: ear.tickers, "the first price was told")
        for price in range(1, 201):
            await played.say(BTC_USDT=float(price))
        await until(lambda: len(ear.tickers) == 201, "all of the burst was told")
        assert [ticker.last for ticker in ear.tickers[1:]] == [float(price) for price in range(1, 201)]
        ear.assert_no_holes()


@pytest.mark.parametrize(("play", "exchange"), [(Binance, BINANCE), (KuCoin, KUCOIN)])
async def test_a_cut_socket_begins_a_new_session_with_all_prices(
    servers: Servers, redis_url: str, ear: Ear, play: type[Played], exchange: Exchange
) -> None:
    played = play(PRICES)
    async with (
        playing(played) as port,  # type: ignore[arg-type]
        streaming(settings(servers, redis_url, port, exchange=exchange)) as runtime,
    ):
        await played.until_heard()
        await played.say(BTC_USDT=101.0)
        await until(lambda: len(ear.tickers) >= 3, "every pair was told")
        await played.cut()
        played.prices["QUIET/BTC"] = 0.7  # while nobody listened
        await played.until_heard(2)
        await until(lambda: len(ear.sessions) == 2, "a new session began")
        await until(lambda: len(ear.prices(ear.sessions[1])) == 3, "every pair was told again")
        assert ("QUIET/BTC", 0.7) in ear.prices(ear.sessions[1])
        await played.say(ETH_USDT=12.0)
        await until(lambda: ear.tickers[-1].last == 12.0, "the new socket was heard")
        ear.assert_no_holes()
        assert runtime.meters.value("streamer_reconnects", exchange=exchange) == 1


@pytest.mark.parametrize(("play", "exchange"), [(Binance, BINANCE), (KuCoin, KUCOIN)])
async def test_an_open_but_silent_socket_is_given_up(
    servers: Servers, redis_url: str, ear: Ear, play: type[Played], exchange: Exchange
) -> None:
    played = play(PRICES)
    async with (
        playing(played) as port,  # type: ignore[arg-type]
        streaming(settings(servers, redis_url, port, exchange=exchange, silence_seconds=1.5)) as runtime,
    ):
        await played.until_heard()
        await played.say(BTC_USDT=101.0)
        await until(lambda: ear.feeds and ear.feeds[-1].last_frame_at, "the frame was noticed")
        heard_at = ear.feeds[-1].last_frame_at
        await played.until_heard(2)
        assert ear.feeds[-1].last_frame_at == heard_at
        await until(lambda: len(ear.sessions) == 2, "a new session began")
        assert runtime.meters.value("streamer_reconnects", exchange=exchange) >= 1


async def test_a_frame_that_changes_no_price_keeps_the_feed_alive(servers: Servers, redis_url: str, ear: Ear) -> None:
    played = Binance(PRICES)
    async with playing(played) as port, streaming(settings(servers, redis_url, port, silence_seconds=1.5)) as runtime:
        await played.until_heard()
        await until(lambda: len(ear.tickers) >= 3, "every pair was told")
        for _ in range(12):
            await played.say(BTC_USDT=100.0)
            await asyncio.sleep(0.25)
        assert len(ear.tickers) == 3
        assert len({feed.last_frame_at for feed in ear.feeds}) > 2
        assert runtime.meters.value("streamer_reconnects", exchange="binance") == 0


async def test_an_exchange_that_is_away_at_the_start_is_waited_for(servers: Servers, redis_url: str, ear: Ear) -> None:
    played = Binance(PRICES)
    played.is_away = True
    async with playing(played) as port, streaming(settings(servers, redis_url, port)) as runtime:
        await until(lambda: played.requests, "it was asked")
        await until(lambda: runtime.health.needs, "its state was marked")
        assert not runtime.health.is_ready
        played.is_away = False
        await until(lambda: len(ear.tickers) >= 3, "every pair was told")


async def test_without_a_socket_prices_are_polled(servers: Servers, redis_url: str, ear: Ear) -> None:
    played = Binance(PRICES)
    async with (
        playing(played) as port,
        streaming(
            settings(servers, redis_url, port, endpoint={"has": {"watchTickers": False}}, poll_seconds=0.3)
        ) as runtime,
    ):
        await until(lambda: len(ear.tickers) >= 3, "every pair was told")
        played.prices["ETH/USDT"] = 11.0
        await until(lambda: len(ear.tickers) == 4, "the change was told")
        await until(lambda: ear.feeds, "the pulse came")
        assert ear.feeds[-1].interval == timedelta(seconds=0.3)
        assert played.subscriptions == 0
        ear.assert_no_holes()
        assert runtime.health.is_ready


async def test_a_second_replica_takes_over_when_the_first_is_gone(servers: Servers, redis_url: str, ear: Ear) -> None:
    played = Binance(PRICES)
    async with playing(played) as port:
        settings_ = settings(servers, redis_url, port, lease_seconds=2)
        async with streaming(settings_):
            await played.until_heard()
            await until(lambda: len(ear.tickers) >= 3, "every pair was told")
            second = streaming(settings_)
            runtime = await second.__aenter__()
            await until(
                lambda: runtime.health.needs.get("binance feed") == (True, "another replica streams"), "it waits"
            )
            assert played.subscriptions == 1
        try:
            await played.until_heard(2)
            await until(lambda: len(ear.sessions) == 2, "the second streams")
        finally:
            await second.__aexit__(None, None, None)
        ear.assert_no_holes()


async def test_redis_may_go_and_come_back(servers: Servers, data_folder: Path, ear: Ear) -> None:
    folder = data_folder / "streamer-redis"
    redis = embedded.prepared(folder).redis
    await redis.start()
    played = Binance(PRICES)
    try:
        async with playing(played) as port, streaming(settings(servers, redis.url, port, lease_seconds=2)) as runtime:
            await played.until_heard()
            await until(lambda: len(ear.tickers) >= 3, "every pair was told")
            redis.process.kill()
            await played.say(BTC_USDT=102.0)
            await until(lambda: ear.tickers[-1].last == 102.0, "the tick was told without Redis")
            await asyncio.sleep(2.5)  # longer than the lease
            await played.say(ETH_USDT=13.0)
            await until(lambda: ear.tickers[-1].last == 13.0, "the lease did not stop it")
            await asyncio.to_thread(embedded.remove, folder / "redis")  # it comes back empty
            await redis.start()
            stored = await until_kept(redis.url, "ETH/USDT", 13.0)
            assert {symbol: ticker.last for symbol, ticker in stored.items()} == {
                "BTC/USDT": 102.0,
                "ETH/USDT": 13.0,
                "QUIET/BTC": 0.5,
            }
            await played.say(BTC_USDT=103.0)
            await until(lambda: ear.tickers[-1].last == 103.0, "the next tick was told")
            assert (await kept(redis.url, BINANCE))["BTC/USDT"].last == 103.0
            assert ear.sessions == ear.sessions[:1]
            ear.assert_no_holes()
            assert runtime.meters.value("streamer_reconnects", exchange="binance") == 0
    finally:
        await redis.process.stop()


async def test_nats_may_come_late_and_go(redis_url: str, data_folder: Path) -> None:
    nats = embedded.prepared(data_folder / "streamer-nats").nats
    nats.port = embedded.free_port()
    played = Binance(PRICES)
    ear = Ear()
    try:
        async with (
            playing(played) as port,
            streaming(Settings(redis_url, nats.url("streamer"), ("binance",), {"binance": Binance.endpoint(port)})),
        ):
            await played.until_heard()
            await until_kept(redis_url, "QUIET/BTC", 0.5)
            await nats.start()
            async with messaging.connect(nats.admin_url, "admin") as bus:
                await bus.subscribe(LIVE.all_tickers, ear.on_message)
                await bus.subscribe(LIVE.all_feeds, ear.on_message)
                await until(lambda: ear.feeds, "the pulse came")
                await played.say(BTC_USDT=104.0)
                await until(lambda: ear.tickers, "the tick was told")
                nats.process.kill()
                await asyncio.sleep(0.3)
                await played.say(BTC_USDT=105.0)
                await until_kept(redis_url, "BTC/USDT", 105.0)
                await nats.start()
                await until(lambda: ear.feeds[-1].sequence == 5, "the pulse shows the hole")
                await played.say(BTC_USDT=106.0)
                await until(lambda: ear.tickers[-1].last == 106.0, "ticks are told again")
                assert [(ticker.last, ticker.sequence) for ticker in ear.tickers] == [(104.0, 4), (106.0, 6)]
    finally:
        await nats.process.stop()


async def test_candles_are_answered_and_foolish_questions_refused(
    servers: Servers, redis_url: str, bus: NatsBus, ear: Ear
) -> None:
    played = Binance(PRICES)
    since = from_us(AT * 1000)
    request = request_to_wire(CandlesRequest("1m", since, 1000))
    subject = LIVE.candles(pair(BINANCE, "BTC/USDT"))
    async with playing(played) as port, streaming(settings(servers, redis_url, port)):
        await until(lambda: len(ear.tickers) >= 3, "it streams")
        candles = reply_from_wire(await bus.request(subject, request, 10))
        assert len(candles) == 1000
        assert candles[1].opened_at - since == timedelta(minutes=1)
        assert (candles[0].open, candles[0].high, candles[0].low, candles[0].close, candles[0].volume) == (
            1.0,
            3.0,
            0.5,
            2.0,
            10.0,
        )
        for asked, payload in (
            (LIVE.candles(pair(BINANCE, "NO/SUCH")), request),
            (subject, request_to_wire(CandlesRequest("7m", since, 10))),
            (subject, b"\xff\xff"),
        ):
            with pytest.raises(Refused):
                reply_from_wire(await bus.request(asked, payload, 10))
        replies = await asyncio.gather(*(bus.request(subject, request, 30) for _ in range(8)))
        assert all(len(reply_from_wire(reply)) == 1000 for reply in replies)
