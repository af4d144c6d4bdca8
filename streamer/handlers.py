"""The life of one exchange's feed, and the answers about its candles."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.codec.ohlcv import refusal_to_wire, reply_to_wire, request_from_wire
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.errors import CryptwireError, Exhausted, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from streamer.logic import Quotation, Session, pause
from streamer.ports import Connection, Lease, Prices, Source, Wire
from streamer.settings import Settings

_log = Log(__name__)
_SECOND = timedelta(seconds=1)
_PUT_SECONDS = 1.0  # a Redis that hangs must not hold up NATS
_AT_ONCE = 4
_WAITING = 64
Mark = Callable[[str, bool, str], None]


class Keeper:
    """Puts tickers where last prices are kept; what could not be put is put when that place is back."""

    def __init__(self, exchange: str, prices: Prices, clock: Clock) -> None:
        self._exchange = exchange
        self._prices = prices
        self._clock = clock
        self._owed: dict[Pair, Ticker] = {}
        self._is_away = False

    async def put(self, tickers: Sequence[Ticker], everything: dict[Pair, Ticker]) -> None:
        """Put these. Does not wait for a place that was away: then ``everything`` is owed, since it may be empty."""
        if not self._is_away:
            if await self._done(tickers):
                return
            self._is_away = True
            self._owed = dict(everything)
        self._owed.update((ticker.pair, ticker) for ticker in tickers)

    async def run(self) -> None:
        """Pay what is owed, trying each second, forever."""
        while True:
            await self._clock.sleep(_SECOND)
            while self._owed:
                paid = dict(self._owed)
                if not await self._done(list(paid.values())):
                    break
                self._owed = {pair: owed for pair, owed in self._owed.items() if paid.get(pair) is not owed}
                if not self._owed:
                    self._is_away = False
                    _log.info("last prices are kept again", exchange=self._exchange, put=len(paid))

    async def _done(self, tickers: Sequence[Ticker]) -> bool:
        try:
            async with asyncio.timeout(_PUT_SECONDS):
                await self._prices.put(tickers)
        except (Unavailable, TimeoutError) as error:
            if not self._is_away:
                _log.warning("last prices cannot be kept", exchange=self._exchange, reason=error or "no answer")
            return False
        return True


def _wait(failures: int, error: CryptwireError) -> timedelta:
    least = timedelta(seconds=error.retry_after if isinstance(error, Exhausted) else 0)
    return max(least, pause(failures, random.random()))


class LeaseLost(Exception):
    """Another replica has the lease."""


class Streamer:
    """One exchange: waits for the lease, then streams until it is cancelled."""

    def __init__(
        self,
        source: Source,
        lease: Lease,
        prices: Prices,
        wire: Wire,
        settings: Settings,
        clock: Clock,
        meters: Meters,
        mark: Mark,
        done: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._exchange = source.exchange
        self._lease = lease
        self._keeper = Keeper(source.exchange, prices, clock)
        self._wire = wire
        self._settings = settings
        self._silence = timedelta(seconds=settings.silence_seconds)
        self._clock = clock
        self._meters = meters
        self._mark = mark
        self._done = done  # told of frames that were handled; without the lease, of looks at whose it is
        self._loaded = asyncio.Event()
        self._session = Session("")
        self._interval = timedelta(0)
        self._last_frame_at: datetime | None = None
        self._words: dict[str, str] = {}

    async def run(self) -> None:
        """Stream whenever the lease is ours, forever; lets it go at the end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._markets())
            group.create_task(self._leases())

    def _state(self, is_met: bool, word: str, need: str = "feed") -> None:
        """Tell how the exchange stands; log it when that is news, which another reason for the same trouble is not."""
        self._mark(f"{self._exchange} {need}", is_met, word)
        news = word if is_met else "trouble"
        if news != self._words.get(need):
            (_log.info if is_met else _log.warning)(need, exchange=self._exchange, state=word)
            self._words[need] = news

    async def _markets(self) -> None:
        failures = 0
        while True:
            try:
                await self._source.load()
            except (Unavailable, Refused) as error:
                failures += 1
                self._state(self._loaded.is_set(), "old" if self._loaded.is_set() else str(error), "pairs")
                await self._clock.sleep(_wait(failures, error))
                continue
            failures = 0
            self._state(True, "known", "pairs")
            self._meters.set("streamer_markets", "Pairs", len(self._source.pairs), exchange=self._exchange)
            self._loaded.set()
            await self._clock.sleep(self._settings.reload_markets_every)

    async def _leases(self) -> None:
        while True:
            await self._until_leased()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep_lease())
                    group.create_task(self._keeper.run())
                    group.create_task(self._pulse())
                    group.create_task(self._lives())
            except* LeaseLost:
                self._state(True, "another replica took over")
            finally:
                self._session, self._last_frame_at = Session(""), None
                with contextlib.suppress(Unavailable, TimeoutError):
                    async with asyncio.timeout(_PUT_SECONDS):
                        await self._lease.release()

    async def _until_leased(self) -> None:
        while True:
            try:
                if await self._lease.take():
                    return
                self._state(True, "another replica streams")
                self._done("a look at the lease")
            except Unavailable as error:
                self._state(False, f"no lease: {error}")
            await self._clock.sleep(_SECOND)

    async def _keep_lease(self) -> None:
        """Renew, forever; raises LeaseLost. While nobody can tell whose it is, it stays ours."""
        while True:
            await self._clock.sleep(timedelta(seconds=self._settings.lease_seconds / 3))
            with contextlib.suppress(Unavailable):
                if not await self._lease.renew():
                    raise LeaseLost

    async def _pulse(self) -> None:
        while True:
            age = -1.0
            if self._last_frame_at is not None:
                age = (self._clock.now() - self._last_frame_at).total_seconds()
            self._meters.set(
                "streamer_last_frame_age_seconds", "Since the exchange was heard", age, exchange=self._exchange
            )
            if self._session.id:
                feed = Feed(
                    self._exchange, self._session.id, self._session.sequence, self._last_frame_at, self._interval
                )
                await self._send([(LIVE.feed(self._exchange), feed_to_wire(feed))])
            await self._clock.sleep(_SECOND)

    async def _lives(self) -> None:
        """One connection after the other, forever."""
        await self._loaded.wait()
        failures = 0
        while True:
            began = self._clock.now()
            try:
                async with self._source.connection() as connection:
                    await self._life(connection, began + self._settings.restart_after)
                failures = 0
            except (Unavailable, Refused) as error:
                failures = 1 if self._clock.now() - began >= self._silence else failures + 1
                self._meters.count("streamer_reconnects", "Connections lost", exchange=self._exchange)
                self._state(False, str(error))
                await self._clock.sleep(_wait(failures, error))

    async def _life(self, connection: Connection, until: datetime) -> None:
        """One session; returns when it is old. Raises Unavailable when nothing is heard for too long."""
        session = Session(secrets.token_hex(8))
        everything = await connection.everything()
        if connection.interval:
            self._last_frame_at = self._clock.now()
        self._session, self._interval = session, connection.interval
        await self._tell(session, everything)
        patience = (connection.interval + self._silence).total_seconds()
        while self._clock.now() < until:
            try:
                async with asyncio.timeout(patience):
                    changed = await connection.changed()
            except TimeoutError:
                raise Unavailable(f"{self._exchange} is silent") from None
            self._last_frame_at = self._clock.now()
            self._state(True, "streams")
            await self._tell(session, changed)
            self._done("frames")

    async def _tell(self, session: Session, quotations: Sequence[Quotation]) -> None:
        tickers, skipped = session.tickers(quotations)
        if skipped:
            self._meters.count("streamer_skipped", "Tickers without a usable price", skipped, exchange=self._exchange)
        if tickers:
            await self._keeper.put(tickers, session.last)
            await self._send([(LIVE.ticker(ticker.pair), ticker_to_wire(ticker)) for ticker in tickers])
            self._meters.count("streamer_tickers", "Tickers published", len(tickers), exchange=self._exchange)

    async def _send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish, or drop: readers see the hole in the sequence and read the last prices."""
        if not self._wire.is_connected:
            return
        try:
            for subject, payload in messages:
                await self._wire.publish(subject, payload)
        except Unavailable as error:
            _log.warning("messages are dropped", exchange=self._exchange, reason=error)


class Candles:
    """Answers ``candles.<exchange>.>``; a few at once, a few more waiting, the rest told to come again."""

    def __init__(self, source: Source, publish: Callable[[str, bytes], Awaitable[None]], meters: Meters) -> None:
        self._source = source
        self._publish = publish
        self._meters = meters
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._subjects: dict[str, Pair] = {}
        self._pairs: object = None

    async def on_request(self, message: Message) -> None:
        if not message.reply:
            return
        if len(self._running) >= _WAITING:
            await self._publish(message.reply, refusal_to_wire("too many requests wait already", retryable=True))
            return
        task = asyncio.create_task(self._answer(message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, message: Message) -> None:
        async with self._places:
            payload = await self._reply(message)
        with contextlib.suppress(Unavailable):
            await self._publish(message.reply, payload)

    async def _reply(self, message: Message) -> bytes:
        try:
            request = request_from_wire(message.payload)
            if not self._source.pairs:
                raise Unavailable(f"the pairs of {self._source.exchange} are not known yet")
            pair = self._pair(message.subject)
            if pair is None:
                raise Refused(f"{self._source.exchange} has no such spot pair")
            payload = reply_to_wire(await self._source.candles(pair, request))
            outcome = "answered"
        except Unavailable as error:
            payload, outcome = refusal_to_wire(str(error), retryable=True), "unavailable"
        except Refused as error:
            payload, outcome = refusal_to_wire(str(error), retryable=False), "refused"
        self._meters.count("streamer_candles", "Requests for candles", exchange=self._source.exchange, outcome=outcome)
        return payload

    def _pair(self, subject: str) -> Pair | None:
        pairs = self._source.pairs
        if pairs is not self._pairs:
            self._subjects = {LIVE.candles(pair): pair for pair in pairs}
            self._pairs = pairs
        return self._subjects.get(subject)

    async def close(self) -> None:
        """End what runs."""
        await end(self._running)
