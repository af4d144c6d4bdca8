"""In whatever order trades, prices and currencies come to be known, the results are those of one calm run."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.domain.trade_result import KnownTrade, Place, ResultProgress, ResultStanding, TradeResult, Wanted
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from processor.handlers.results import Outcome, Results

T = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
USDT, EUR = Asset("USDT"), Asset("EUR")
HOPPER = Hopper(HopperId("1"), UserId("u"), "n", Exchange("binance"), USDT, False, timedelta(minutes=1))
CHANGED_AT = T + 9 * DAY
D = Decimal


def place_of(trade: Trade) -> tuple[datetime, int, str]:
    return trade.at, len(trade.id), trade.id


@dataclass
class TwinStore:
    """The tables, in memory."""

    trades: dict[TradeId, Trade] = field(default_factory=dict)
    rows: dict[TradeId, TradeResult] = field(default_factory=dict)
    progress: ResultProgress | None = None
    bases: list[tuple[datetime, Asset]] = field(default_factory=list)
    written: int = 0

    async def standing(self, hopper: HopperId, now: datetime) -> ResultStanding:
        kept, until, late = self.progress, None, list[datetime]()
        if kept is not None and kept.until is not None:
            until = kept.until
            behind = (until.at, len(until.id), until.id)
            stored = ((each, self.rows.get(each.id)) for each in self.trades.values() if place_of(each) <= behind)
            late = [each.at for each, row in stored if row is None or row.trade.strategy != each.strategy]
        base = EUR if self.bases else USDT
        moved = Hopper(hopper, HOPPER.user, "n", HOPPER.exchange, base, False, HOPPER.refresh_every)
        if kept is None:
            return ResultStanding(moved, tuple(self.bases), None, {}, 0, None, None, False, 0, None, T)
        is_again = kept.again_at is not None and kept.again_at <= now
        return ResultStanding(
            moved,
            tuple(self.bases),
            until,
            kept.ledger,
            kept.bases,
            min(late, default=None),
            kept.again_at,
            is_again,
            kept.tries,
            kept.computed_at,
            T + self.written * timedelta(seconds=1),
        )

    async def due(self, now: datetime, after: str, most: int) -> list[HopperId]:
        return []

    async def unpacked(self, after: str, most: int) -> list[HopperId]:
        return []

    async def pack(self, hopper: HopperId) -> int:
        return 0

    async def asks_prices(self, standing: ResultStanding) -> bool:
        return True

    async def page(self, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]:
        behind = (T - DAY, 0, "") if after is None else (after.at, len(after.id), after.id)
        listed = sorted((each for each in self.trades.values() if place_of(each) > behind), key=place_of)[:most]
        found = []
        for trade in listed:
            row = self.rows.get(trade.id)
            found.append(KnownTrade(trade) if row is None else KnownTrade(trade, row.fee, row.currency, row.rate))
        return found

    @asynccontextmanager
    async def writing(self, standing: ResultStanding) -> AsyncIterator["TwinStore"]:
        yield self

    async def add(self, rows: Sequence[TradeResult]) -> None:
        self.rows.update({row.trade.id: row for row in rows})

    async def move(self, progress: ResultProgress) -> None:
        self.progress = progress
        self.written += 1


@dataclass
class TwinPast:
    """Prices that grow by a unit a day; nobody knows any while it ``is_away``."""

    is_away: bool = False

    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        return {} if self.is_away else {each: D(7 + (each[3] - T) // DAY) / len(each[2]) for each in wanted}


@dataclass(frozen=True)
class News:
    """What comes to be known at once: trades by their numbers; ``moves``: the base currency was changed."""

    trades: tuple[int, ...]
    is_away: bool
    moves: bool


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Trade], list[News]]:
    """Trades over some weeks, and the pieces in which they come."""
    trades = list[Trade]()
    for number in range(draw(st.integers(1, 16))):
        side = draw(st.sampled_from([Side.BUY, Side.BUY, Side.SELL]))
        pair = Pair(HOPPER.exchange, Asset("ETH"), draw(st.sampled_from([USDT, USDT, Asset("BTC")])))
        quantity, rate = draw(st.decimals("0.01", "9", places=2)), draw(st.decimals("1", "99", places=1))
        fee_in = draw(st.sampled_from([USDT, Asset("BNB")]))
        ids = [one.id for one in trades if one.side is not side]
        closes = draw(st.sampled_from([*ids[-3:], None]))
        at = T + draw(st.integers(0, 24)) * DAY
        amounts = quantity, rate, quantity * rate, D("0.01")
        trades.append(Trade(HOPPER.id, TradeId(str(number)), pair, side, *amounts, fee_in, at, closes, "T", None, "S"))
    order = draw(st.permutations(range(len(trades))) | st.just(sorted(range(len(trades)), key=lambda n: trades[n].at)))
    news, moves_with = list[News](), draw(st.none() | st.integers(0, 5))
    while order:
        count = draw(st.integers(1, 5))
        news.append(News(tuple(order[:count]), draw(st.booleans()), len(news) == moves_with))
        order = order[count:]
    return trades, news


async def told(trades: Sequence[Trade], news: Sequence[News], *, moves: bool) -> tuple[TwinStore, str]:
    store, past, clock = TwinStore(), TwinPast(), HandClock(T)
    results = Results(store, past, clock, Meters())
    for piece in news:
        past.is_away = piece.is_away
        if piece.moves:
            store.bases = [(CHANGED_AT, USDT)]
        store.trades.update({trades[number].id: trades[number] for number in piece.trades})
        await results.bring(HOPPER.id)
    past.is_away = False
    if moves:
        store.bases = [(CHANGED_AT, USDT)]
    clock.set(T + 30 * DAY)
    while await results.bring(HOPPER.id) is not Outcome.NOTHING:
        pass
    return store, store.progress.said if store.progress else ""


@given(lives())
def test_in_whatever_order_everything_comes_to_be_known_the_rows_are_the_same(
    life: tuple[list[Trade], list[News]],
) -> None:
    trades, news = life
    moves = any(piece.moves for piece in news)
    calm = [News(tuple(range(len(trades))), is_away=False, moves=moves)]
    found, said = asyncio.run(told(trades, news, moves=moves))
    expected, _ = asyncio.run(told(trades, calm, moves=moves))
    assert len(found.rows) == len(trades)
    assert found.rows == expected.rows
    assert said == ""
