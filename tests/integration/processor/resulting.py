"""Trades, and what results ask of the past, for tests of results."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.domain.trade_result import KnownTrade, Wanted
from cryptwire.storage.database import Database
from processor.logic import results as logic
from tests.integration.processor.days import BTC, HOUR, USDT, at, price_at

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
BNB, ETH, EUR = Asset("BNB"), Asset("ETH"), Asset("EUR")
T = at(2026, 2, 1)
_ROWS = """
    SELECT hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee, fee_units, fee_currency,
           currency, rate, trigger, strategy, closed, proceeds, cost, fees, net, opened_at, is_short, buy_trigger,
           buy_strategy
      FROM trade_results ORDER BY hopper_id COLLATE "C", at, length(trade_id), trade_id
"""
_NOTHING: tuple[object, ...] = (None,) * 9


@dataclass
class TwinPast:
    """Prices of the past; nobody knows those of ``unknown`` assets, and none while it ``is_away``."""

    unknown: set[Asset] = field(default_factory=set)
    is_away: bool = False
    asked: list[Wanted] = field(default_factory=list)
    waits: float = 0.0

    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        listed = list(wanted)
        self.asked += listed
        await asyncio.sleep(self.waits)
        return {} if self.is_away else {each: price(each) for each in listed if each[1] not in self.unknown}


def price(wanted: Wanted) -> Decimal:
    _, asset, into, moment = wanted
    worth = {BTC: price_at(moment), BNB: D(600), ETH: D(2500), USDT: D(1), EUR: D("1.1"), Asset("XRP"): D(2)}
    return (worth[asset] / worth[into]).quantize(D("1e-12"))


def trade(
    number: int, side: Side, quantity: str, rate: str, after: timedelta | None = None, **told: str | None
) -> Trade:
    """The ``number``-th, ``after`` T, else that many hours."""
    pair = Pair(Exchange("binance"), Asset(told.get("base") or "ETH"), Asset(told.get("quote") or "USDT"))
    amounts = D(quantity), D(rate), D(quantity) * D(rate), D(told.get("fee") or "0")
    fee_in = Asset(told.get("fee_in") or pair.quote)
    names = told.get("closes"), told.get("trigger"), None, told.get("strategy")
    moment = T + (number * HOUR if after is None else after)
    hopper = HopperId(told.get("hopper") or "1")
    return Trade(hopper, TradeId(str(number)), pair, side, *amounts, fee_in, moment, *names)


def life(
    seed: int,
    number: int,
    hopper: str = "1",
    quotes: Sequence[str] = ("USDT", "USDT", "BTC"),
    fees: Sequence[str] = ("USDT", "BNB", "ETH"),
) -> list[Trade]:
    """Buys and sells of two coins for ``quotes``, with what they close, fees in any of ``fees``.

    Two at each noon and midnight.
    """
    chance, trades = random.Random(seed), list[Trade]()
    for each in range(1, number + 1):
        side = chance.choice([BUY, BUY, SELL])
        ids = [one.id for one in trades if one.side is not side]
        trades.append(
            trade(
                each,
                side,
                str(D(chance.randint(1, 900)) / 100),
                str(D(chance.randint(1000, 99999)) / 100),
                (each // 2) * 12 * HOUR,
                base=chance.choice(["ETH", "ETH", "XRP"]),
                quote=chance.choice(quotes),
                fee=str(D(chance.randint(0, 9)) / 1000),
                fee_in=chance.choice(fees),
                trigger=chance.choice(["Signal", "DCA"]),
                strategy=chance.choice(["macd", "rsi"]),
                closes=chance.choice(ids[-6:]) if ids and chance.random() < 0.6 else None,
                hopper=hopper,
            )
        )
    return trades


def calm(hopper: Hopper, trades: Sequence[Trade]) -> list[tuple[object, ...]]:
    """The rows of all trades of a hopper, worked through once, in memory, by prices that everybody knows."""
    ordered = sorted(trades, key=lambda each: (each.at, len(each.id), each.id))
    rows, ledger = list[tuple[object, ...]](), Ledger()
    for one in ordered:
        found = {want: price(want) for want in logic.prices_needed(hopper, (), [KnownTrade(one)], ledger)}
        (row,) = logic.worked(hopper, (), [KnownTrade(one)], ledger, logic.Prices(found))
        result = row.result
        closed = _NOTHING
        if result is not None:
            money = result.quantity, result.proceeds, result.cost, result.fees, result.net
            closed = *money, result.opened_at, result.is_short, result.buy_trigger, result.buy_strategy
        amounts = one.quantity, one.rate, one.total, row.fee, one.fee, one.fee_currency
        names = row.currency, row.rate, one.trigger, one.strategy
        rows.append((one.hopper, one.id, one.at, *one.pair, int(one.side), *amounts, *names, *closed))
    return rows


async def stored(rows: Database) -> list[tuple[object, ...]]:
    """All rows that are there."""
    return [tuple(row) for row in await rows.fetch(_ROWS)]
