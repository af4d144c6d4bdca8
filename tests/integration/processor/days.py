"""Hoppers with a past, and what daily statistics ask, played in memory."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import Holding, Portfolio
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import CryptwireError
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.storage.balances import Balances
from cryptwire.storage.daily_statistics import DailyStatistics
from cryptwire.storage.database import Database
from cryptwire.storage.flows import Flows
from cryptwire.storage.trades import Trades
from processor.handlers.statistics import Statistics

T = TypeVar("T")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BTC, USDT = Asset("BTC"), Asset("USDT")
D = Decimal
Wanted = tuple[Exchange, Asset, Asset, datetime]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def price_at(moment: datetime) -> Decimal:
    """Of BTC in USDT: it goes up by a dollar an hour."""
    return D(40_000) + D((moment - at(2026, 1, 1)) // QUARTER) / 4


@dataclass
class TwinLive:
    states: dict[HopperId, Portfolio] = field(default_factory=dict)

    def last(self, hopper: HopperId) -> Portfolio | None:
        return self.states.get(hopper)

    def at(self, hopper: HopperId, moment: datetime) -> Portfolio | None:
        state = self.states.get(hopper)
        return state if state is not None and state.at >= moment else None


@dataclass
class TwinAccount:
    """What upstream tells; ``trouble`` is raised while it is there."""

    clock: HandClock
    held: dict[HopperId, dict[Asset, Decimal]] = field(default_factory=dict)
    open: tuple[Position, ...] = ()
    kept: tuple[Reserved, ...] = ()
    trouble: CryptwireError | None = None
    asked: int = 0

    def _tell(self) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble

    async def assets(self, hopper: Hopper, max_age: timedelta) -> tuple[dict[Asset, Decimal], datetime]:
        self._tell()
        return dict(self.held[hopper.id]), self.clock.now()

    async def positions(self, hopper: Hopper, max_age: timedelta) -> tuple[Position, ...]:
        self._tell()
        return self.open

    async def reserved(self, hopper: Hopper, max_age: timedelta) -> tuple[Reserved, ...]:
        self._tell()
        return self.kept


@dataclass
class TwinMarkets:
    clock: HandClock
    is_away: bool = False

    async def now(self, exchange: Exchange, base: Asset, assets: Iterable[Asset]) -> dict[Asset, Decimal]:
        prices = {BTC: price_at(self.clock.now()), USDT: D(1)}
        return {asset: prices[asset] for asset in assets if asset in prices}

    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        if self.is_away:
            return {}
        found = {}
        for each in wanted:
            _, asset, into, moment = each
            prices = {BTC: price_at(moment), Asset("BNB"): D(600), USDT: D(1)}
            if into == USDT and asset in prices:
                found[each] = prices[asset]
        return found


def trade(
    hopper: str, number: int, side: Side, quantity: str, moment: datetime, fee: str = "0", fee_in: str = "USDT"
) -> Trade:
    rate = price_at(moment)
    pair = Pair(Exchange("binance"), BTC, USDT)
    numbers = D(quantity), rate, D(quantity) * rate, D(fee)
    return Trade(HopperId(hopper), TradeId(str(number)), pair, side, *numbers, Asset(fee_in), moment)


@dataclass
class World:
    """A user, his hoppers, and their past."""

    rows: Database  # as the processor
    owner: Database
    clock: HandClock = field(default_factory=lambda: HandClock(at(2026, 3, 1)))

    def __post_init__(self) -> None:
        self.live, self.account, self.markets = TwinLive(), TwinAccount(self.clock), TwinMarkets(self.clock)
        self.days, self.balances, self.trades = (
            DailyStatistics(self.rows),
            Balances(self.rows),
            Trades(self.rows),
        )
        self.flows = Flows(self.rows)
        self.meters = Meters()

    def statistics(self, **more: object) -> Statistics:
        return Statistics(
            self.days,
            self.balances,
            self.trades,
            self.flows,
            self.account,
            self.live,
            self.markets,
            self.clock,
            self.meters,
            **more,  # type: ignore[arg-type]
        )

    async def user(self, zone: str, email: str = "a@b.test") -> UserId:
        query = "INSERT INTO users (email, password_hash, zone) VALUES ($1, '-', $2) RETURNING user_id::text"
        return UserId(await self.owner.value(query, email, zone))

    async def hopper(self, name: str, user: UserId, *, is_paper: bool = False) -> Hopper:
        await self.owner.execute(
            "INSERT INTO hoppers VALUES ($1, $2::text::uuid, 'n', 'binance', 'USDT', $3, 60)", name, user, is_paper
        )
        exchange = Exchange("binance")
        return Hopper(HopperId(name), user, "n", exchange, USDT, is_paper, timedelta(seconds=60))

    async def candles(
        self, hopper: str, since: datetime, until: datetime, value: float = 1000.0, quality: Quality = Quality.COMPLETE
    ) -> None:
        """Flat ones that grow by one with each quarter."""
        opened, step = since, 0
        listed = []
        while opened < until:
            close = value + step + 1
            listed.append((hopper, opened, close - 1, close, close - 1, close, 0.0, int(quality), 1))
            opened, step = opened + QUARTER, step + 1
        columns = list(map(list, zip(*listed, strict=True)))
        await self.owner.execute(
            "INSERT INTO candles SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[],"
            " $5::float8[], $6::float8[], $7::float4[], $8::int2[], $9::int8[])"
            " ON CONFLICT (hopper_id, opened_at) DO UPDATE SET close = excluded.close, quality = excluded.quality",
            *columns,
        )

    async def traded(self, *trades: Trade) -> None:
        """Trades that have been stored for long."""
        await self.trades.add(trades)
        await self.owner.execute("UPDATE trades SET stored_at = stored_at - interval '1 day'")

    def lives(self, hopper: str, moment: datetime, btc: str, usdt: str, positions: tuple[Position, ...] = ()) -> None:
        """What the tracker tells of it at ``moment``."""
        price = float(price_at(moment))
        value = float(btc) * price + float(usdt)
        candle = Candle(HopperId(hopper), moment - QUARTER, value, value, value, value, timedelta(0), Quality.COMPLETE)
        holdings = Holding(BTC, D(btc), price), Holding(USDT, D(usdt), 1.0)
        self.live.states[HopperId(hopper)] = Portfolio(
            HopperId(hopper), moment, USDT, candle, 0.0, True, moment, moment, holdings, positions, None
        )

    async def ring(self, due_at: datetime, statistics: Statistics | None = None) -> str:
        """The bell at ``due_at``: the clock stands there, and goes on while the job waits."""
        self.clock.set(due_at)
        return await self.turning((statistics or self.statistics()).ring(due_at))

    async def turning(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.sleep(0.005)
                await self.clock.turn(timedelta(seconds=1))
        finally:
            task.cancel()
        return await task


async def everything(rows: Database) -> dict[str, list[tuple[object, ...]]]:
    """What statistics have written, without when they did."""
    return {
        "days": [tuple(row)[:-1] for row in await rows.fetch("SELECT * FROM daily_statistics ORDER BY 1, 2, 3, 4")],
        "midnights": [tuple(row) for row in await rows.fetch("SELECT * FROM midnights ORDER BY 1, 2")],
        "balances": [tuple(row) for row in await rows.fetch("SELECT * FROM balances ORDER BY 1, 2, 3")],
        "progress": [
            tuple(row)
            for row in await rows.fetch(
                "SELECT hopper_id, zone, version, begins_at, until_at, ledger FROM statistics_progress ORDER BY 1, 2"
            )
        ],
    }
