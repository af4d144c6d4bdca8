"""A trader with one hopper, years of trades, candles and days, put into a database: what dashboards are measured with.

Prices walk at random, always the same walk; the hopper buys and sells in ten coins, partly and by several buys, pays
fees in three coins, and gets money each month. Results are the processor's own, days and candles follow one value.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import asyncpg
import numpy as np
from numpy.typing import NDArray

from cryptwire.clock import SystemClock
from cryptwire.domain.account import Position
from cryptwire.domain.day import Day, days_ended, zone_of
from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade_result import Wanted
from cryptwire.metrics import Meters
from cryptwire.storage import database, redis
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.positions import Positions
from cryptwire.storage.trade_results import TradeResults
from processor.handlers.results import Results

EXCHANGE, BASE, HOPPER = Exchange("binance"), Asset("USDT"), HopperId("1000001")
COINS = {
    Asset(name): price
    for name, price in (
        ("BTC", 61_000.0),
        ("ETH", 2_900.0),
        ("AVAX", 31.0),
        ("SOL", 142.0),
        ("XRP", 0.52),
        ("ADA", 0.44),
        ("DOT", 6.9),
        ("LTC", 78.0),
        ("LINK", 14.2),
        ("DOGE", 0.132),
    )
}
"""What is traded and held, and about what it costs."""
_BNB = Asset("BNB")
_ZONE = "Europe/Berlin"
_HOUR, _QUARTER = 3_600, 900
_TRIGGERS = ("Strategy", "Stop-loss", "Trailing stop-loss", "Take profit", "Manual", None)
_STRATEGIES = ("RSI and MACD", "Breakout", "Dip hunter", None)
_MOST_OPEN, _STILL_OPEN = 40, 20
_TRADE = (
    *("hopper_id", "trade_id", "exchange", "base", "quote", "side", "quantity", "rate", "total", "fee", "fee_currency"),
    *("at", "buy_id", "trigger", "result", "strategy", "stored_at"),
)
_DAYS = """
    INSERT INTO daily_statistics (hopper_id, zone, date, version, begins_at, ends_at, currency, balance, opening,
        closing, closing_quality, realised, unrealised, fees, other_fees, results, trades, positions, free, invested,
        reserved, flows, differences, divisor, index, gap, is_made_up)
    SELECT $1, $2, d.date, 1, d.begins_at, d.ends_at, 'USDT', d.closing::numeric, d.opening, d.closing, 3,
           coalesce(r.net, 0), d.closing::numeric * 0.01, coalesce(r.fees, 0), '{}', coalesce(r.results, 0),
           coalesce(r.trades, 0), $8, d.closing::numeric * 0.35, d.closing::numeric * 0.65, 0, d.flows, '{}', 1,
           d.closing, 2, false
      FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[], $6::float8[], $7::float8[], $9::numeric[])
           AS d(date, begins_at, ends_at, opening, closing, flows)
      LEFT JOIN LATERAL (
           SELECT sum(net) AS net, sum(fee) AS fees, count(closed) AS results, count(*) AS trades FROM trade_results
            WHERE hopper_id = $1 AND at >= d.begins_at AND at < d.ends_at) r ON true
"""
_PROGRESS = """
    INSERT INTO statistics_progress (hopper_id, zone, version, begins_at, until_at, ledger)
    VALUES ($1, $2, 1, $3, $4, '{}')
"""
_FLOWS = """
    INSERT INTO flows (flow_id, version, hopper_id, at, asset, quantity, price, value_before, kind, state, decided_by,
                       decided_at)
    SELECT gen_random_uuid(), 1, $1, f.at, 'USDT', f.amount, 1, f.before, 'deposit', 'confirmed', 'user', f.at
      FROM unnest($2::timestamptz[], $3::numeric[], $4::float8[]) AS f(at, amount, before)
"""
_CAPS = """
    INSERT INTO coins (coin_id, symbol, name, slug, rank, price, market_cap, supply, at, high, high_at, high_read_at)
    SELECT n, s, s, lower(s), n, p, p * 1e12 / n ^ 3, 1e9, $3::timestamptz, p * 1.8, $3::timestamptz - interval '1 year',
           $3::timestamptz
      FROM unnest($1::text[], $2::numeric[]) WITH ORDINALITY AS t(s, p, n)
"""  # noqa: E501


class _Walk(NamedTuple):
    """What everything costs and the hopper is worth, hour by hour from ``begins``, seconds.

    ``prices`` in US dollars by coin, (hours,); ``worth`` in USDT, (quarters,): the value at the end of each quarter of
    an hour, flows in it; ``flows``: at the end of which quarter how much came.
    """

    begins: int
    prices: dict[Asset, NDArray[np.float64]]
    worth: NDArray[np.float64]
    flows: dict[int, Decimal]

    def price(self, coin: Asset, second: int) -> float:
        """In USDT."""
        hour = min((second - self.begins) // _HOUR, len(self.prices[coin]) - 1)
        return float(self.prices[coin][hour] / self.prices[BASE][hour])

    def worth_at(self, second: int) -> float:
        quarter = (second - self.begins) // _QUARTER - 1
        return float(self.worth[min(max(quarter, 0), len(self.worth) - 1)])


async def seed(owner_url: str, trades: int = 50_000, days: int = 730, currency: str = "USD") -> tuple[UserId, HopperId]:
    """Put a trader into a migrated database without one; he counts in ``currency``. His hopper began ``days`` ago."""
    now = SystemClock().now().replace(microsecond=0)
    listed = days_ended(zone_of(_ZONE), now - timedelta(days=days + 2), now)[-days:]
    walk = _walked(int(listed[0].begins_at.timestamp()), int(now.timestamp()))
    made = list(_traded(walk, trades, int(now.timestamp())))
    async with database.connect(owner_url, "bench", 2) as rows:
        user: UserId = await rows.value(
            "INSERT INTO users (email, password_hash, plan, zone, currency) VALUES ('trader@example.com', '-', 'pro',"
            " $1, $2) RETURNING user_id::text",
            _ZONE,
            currency,
        )
        await rows.execute(
            "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds,"
            " began_at, seen_at) VALUES ($1, $2::text::uuid, 'Bench', $3, $4, false, 60, $5, $6)",
            HOPPER,
            user,
            EXCHANGE,
            BASE,
            listed[0].begins_at,
            now,
        )
        async with rows.transaction() as connection:
            await connection.copy_records_to_table("trades", records=(row for row, _ in made), columns=_TRADE)
            await connection.copy_records_to_table("candles", records=_candles(walk))
            await connection.copy_records_to_table(
                "rates", records=_rates(walk), columns=["currency", "at", "per_usd", "source"]
            )
            await _put_midnights(connection, walk, listed)
        await rows.execute("ANALYZE")
        await _work_out(url_of("processor", owner_url), walk)
        await _put_days(rows, walk, listed)
        await _hold(rows, made, now)
        newest = [Decimal(f"{series[-1]:.8f}") for coin, series in walk.prices.items() if coin in COINS]
        await rows.execute(_CAPS, list(COINS), newest, now)
    owner = await asyncpg.connect(owner_url)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    return user, HOPPER


async def tell_prices(redis_url: str) -> None:
    """The last prices of what is held, as the streamer keeps them."""
    now = SystemClock().now()
    pairs = [(Pair(EXCHANGE, coin, BASE), price) for coin, price in COINS.items()]
    async with redis.connect(redis_url) as store:
        await LastPrices(store).put(
            [Ticker(pair, price, None, None, now, now, "bench", number) for number, (pair, price) in enumerate(pairs)]
        )


def _walked(begins: int, ends: int) -> _Walk:
    rng = np.random.default_rng(6)
    hours, quarters = (ends - begins) // _HOUR + 1, (ends - begins) // _QUARTER
    prices = {coin: last * np.exp(_ending_at_nought(rng.normal(0, 0.006, hours))) for coin, last in COINS.items()}
    prices[_BNB] = 560 * np.exp(_ending_at_nought(rng.normal(0, 0.006, hours)))
    prices[BASE] = 1 + rng.normal(0, 0.0004, hours)
    prices[Asset("EUR")] = 1.1 * np.exp(_ending_at_nought(rng.normal(0, 0.0006, hours)))
    growth, flows = np.exp(rng.normal(0.000_008, 0.002, quarters)), {}
    worth, value = np.empty(quarters), 10_000.0
    for quarter in range(quarters):
        value *= float(growth[quarter])
        if quarter % 2_880 == 1_500:  # each thirty days
            flows[quarter] = Decimal(250)
            value += 250.0
        worth[quarter] = value
    return _Walk(begins, prices, worth, flows)


def _ending_at_nought(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    walked: NDArray[np.float64] = np.cumsum(steps)
    ended: NDArray[np.float64] = walked - walked[-1]
    return ended


def _rates(walk: _Walk) -> Iterator[tuple[Any, ...]]:
    for currency, series in walk.prices.items():
        for hour, price in enumerate(series.tolist()):
            at = datetime.fromtimestamp(walk.begins + hour * _HOUR, UTC)
            yield str(currency), at, Decimal(f"{1 / price:.12g}"), 1


def _candles(walk: _Walk) -> Iterator[tuple[Any, ...]]:
    before = 10_000.0
    for quarter, close in enumerate(walk.worth.tolist()):
        opened_at = datetime.fromtimestamp(walk.begins + quarter * _QUARTER, UTC)
        high, low = max(before, close) * 1.0005, min(before, close) * 0.9995
        yield HOPPER, opened_at, before, high, low, close, 2.0, 3, 1
        before = close


def _traded(walk: _Walk, count: int, ends: int) -> Iterator[tuple[tuple[Any, ...], Position | None]]:
    """Rows of ``trades``, oldest first, each with the position that it opened, where that is still there at the end."""
    draw, coins = random.Random(6), list(COINS)
    step = (ends - walk.begins - _HOUR) / count
    open_buys: dict[str, tuple[Asset, Decimal, Decimal]] = {}
    rows: list[tuple[Any, ...]] = []
    for number in range(1, count + 1):
        second = walk.begins + int(number * step)
        is_sell = len(open_buys) >= _MOST_OPEN or (len(open_buys) > _STILL_OPEN and draw.random() < 0.55)
        buy_id: str | None = draw.choice(list(open_buys)) if is_sell else None
        coin = open_buys[buy_id][0] if buy_id is not None else draw.choice(coins)
        rate = Decimal(f"{walk.price(coin, second) * (1 + draw.uniform(-0.004, 0.004)):.8f}")
        result = None
        if buy_id is None:
            quantity = Decimal(f"{draw.uniform(50, 400) / float(rate):.8f}")
        else:
            _, held, paid = open_buys[buy_id]
            is_part = draw.random() < 0.2
            quantity = (held / 2).quantize(Decimal("1e-8")) if is_part else held
            open_buys[buy_id] = coin, held - quantity, paid
            if not is_part:
                del open_buys[buy_id]
            result = ((rate / paid - 1) * 100).quantize(Decimal("0.01"))
        total = (quantity * rate).quantize(Decimal("1e-8"))
        fee_coin = draw.choices([BASE, _BNB, coin], [7, 1, 0 if is_sell else 2])[0]
        worth = walk.price(fee_coin, second) if fee_coin != BASE else 1.0
        fee = Decimal(f"{float(total) * 0.001 / worth:.8f}")
        if not is_sell:
            open_buys[str(number)] = coin, quantity - fee if fee_coin == coin else quantity, rate
        named = buy_id if draw.random() < 0.995 else None
        trigger = draw.choice(_TRIGGERS if is_sell else ("Strategy", "DCA", "Manual"))
        at = datetime.fromtimestamp(second, UTC)
        rows.append(
            (
                *(HOPPER, str(number), EXCHANGE, coin, BASE, 1 + is_sell, quantity, rate, total, fee, fee_coin),
                *(at, named, trigger, result, draw.choice(_STRATEGIES), at + timedelta(seconds=2)),
            )
        )
    for row in rows:
        left = open_buys.get(row[1])
        yield row, None if left is None or not left[1] else _position(row, left[1])


def _position(row: tuple[Any, ...], quantity: Decimal) -> Position:
    coin, rate, opened_at = row[3], row[7], row[11]
    limits = Decimal("8"), Decimal("12"), Decimal("3"), Decimal("1")
    return Position(
        f"p{row[1]}", coin, BASE, quantity, rate, quantity * rate, opened_at, "Strategy", False, *limits, row[1]
    )


class _Past:
    """What coins cost before."""

    def __init__(self, walk: _Walk) -> None:
        self._walk = walk

    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        """Of coins, in USDT."""
        return {
            one: Decimal(f"{self._walk.price(one[1], int(one[3].timestamp())):.8f}") for one in wanted if one[2] == BASE
        }


async def _work_out(url: str, walk: _Walk) -> None:
    """The results of the trades, by who does so in life."""
    async with database.connect(url, "bench", 2) as rows:
        await Results(TradeResults(rows), _Past(walk), SystemClock(), Meters()).bring(HOPPER)


async def _put_midnights(connection: Any, walk: _Walk, days: list[Day]) -> None:
    """What was held at the end of each day: a third in USDT, the rest in all coins alike."""
    moments = [days[0].begins_at, *(day.ends_at for day in days)]
    taken = timedelta(seconds=4)
    await connection.copy_records_to_table(
        "midnights",
        records=[
            (HOPPER, at, at + taken, _STILL_OPEN, _part(walk, at, 0.65), _part(walk, at, 0.01), 0) for at in moments
        ],
    )
    share = 0.65 / len(COINS)
    await connection.copy_records_to_table(
        "balances",
        records=[
            row
            for at in moments
            for second in [int(at.timestamp())]
            for row in (
                (HOPPER, at, BASE, _part(walk, at, 0.35), Decimal(1)),
                *(
                    (HOPPER, at, coin, Decimal(f"{walk.worth_at(second) * share / price:.8f}"), Decimal(f"{price:.8f}"))
                    for coin in COINS
                    for price in [walk.price(coin, second)]
                ),
            )
        ],
    )


def _part(walk: _Walk, at: datetime, share: float) -> Decimal:
    return Decimal(f"{walk.worth_at(int(at.timestamp())) * share:.8f}")


async def _put_days(rows: Database, walk: _Walk, days: list[Day]) -> None:
    edges = [walk.worth_at(int(at.timestamp())) for at in (days[0].begins_at, *(day.ends_at for day in days))]
    moments = [datetime.fromtimestamp(walk.begins + (quarter + 1) * _QUARTER - 60, UTC) for quarter in walk.flows]
    came = dict(zip(moments, walk.flows.values(), strict=True))
    openings, closings = zip(*pairwise(edges), strict=True)
    flows = [
        sum((amount for at, amount in came.items() if day.begins_at <= at < day.ends_at), Decimal(0)) for day in days
    ]
    spans = [[day.date for day in days], [day.begins_at for day in days], [day.ends_at for day in days]]
    await rows.execute(_DAYS, HOPPER, _ZONE, *spans, openings, closings, _STILL_OPEN, flows)
    await rows.execute(_PROGRESS, HOPPER, _ZONE, days[0].begins_at, days[-1].ends_at)
    before = [float(walk.worth[quarter]) - float(amount) for quarter, amount in walk.flows.items()]
    await rows.execute(_FLOWS, HOPPER, moments, list(came.values()), before)


async def _hold(rows: Database, made: list[tuple[tuple[Any, ...], Position | None]], now: datetime) -> None:
    held = [position for _, position in made if position is not None]
    await Positions(rows).keep(HOPPER, held, [], [], [], now)
