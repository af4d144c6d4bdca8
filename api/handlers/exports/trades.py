"""``/exports/trades.csv``: every fill."""

from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal

from api.handlers.analytics.scope import Scope
from api.handlers.exports.cells import Column, Kind, Table
from api.handlers.exports.pages import Files, Page
from api.handlers.exports.rates import Rates, times
from cryptwire.domain.fifo import EXACT
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage.valued_trades import ValuedTrade

TABLE = Table(
    "trades",
    "Every fill, oldest first.",
    (
        Column("at", Kind.UTC, "When it was made."),
        Column("at_local", Kind.LOCAL, "The same by your clock."),
        Column("hopper_id", Kind.TEXT, "Cryptohopper's id of the hopper."),
        Column("hopper", Kind.TEXT, "Its name."),
        Column("trade_id", Kind.TEXT, "Cryptohopper's, within the hopper."),
        Column("exchange", Kind.TEXT, "By ccxt's id."),
        Column("side", Kind.WORD, "`buy` or `sell`."),
        Column("coin", Kind.TEXT, "What was bought or sold."),
        Column("quote", Kind.TEXT, "What it was paid with."),
        Column("quantity", Kind.AMOUNT, "Units of the coin."),
        Column("price", Kind.NUMBER, "Of one unit, in quote."),
        Column("total", Kind.AMOUNT, "In quote, without the fee."),
        Column("fee", Kind.AMOUNT, "Units of fee_currency."),
        Column("fee_currency", Kind.TEXT, "What the fee was paid in."),
        Column("net", Kind.AMOUNT, "Of what closed something: what that earned, in quote, all fees out."),
        Column("result_percent", Kind.NUMBER, "Of a sell: profit as Cryptohopper says."),
        Column("trigger", Kind.TEXT, "Why it was made, in Cryptohopper's words."),
        Column("strategy", Kind.TEXT, "The name of the strategy that made it."),
        Column("currency", Kind.TEXT, "Of the next three."),
        Column("rate", Kind.NUMBER, "Units of the currency for one of quote, at the time of the trade."),
        Column("total_in_currency", Kind.AMOUNT, "total × rate."),
        Column("net_in_currency", Kind.AMOUNT, "net × rate."),
    ),
)


async def pages(files: Files, scope: Scope) -> AsyncIterator[Page]:
    """See ``Pages``."""
    names = {one.hopper.id: one.hopper.name for one in scope.hoppers}
    rates = Rates(files.figures.conversions, scope.currency, scope.begins_at, scope.ends_at)
    async for page in files.trades.pages(scope.ids, scope.begins_at, scope.ends_at):
        await rates.know(needed(page))
        yield [_row(one, names, rates) for one in page]


def _row(valued: ValuedTrade, names: Mapping[HopperId, str], rates: Rates) -> tuple[object, ...]:
    trade, rate = valued.trade, worth(valued, rates)
    return (
        trade.at,
        trade.at,
        trade.hopper,
        names[trade.hopper],
        trade.id,
        trade.pair.exchange,
        trade.side.name.lower(),
        trade.pair.base,
        trade.pair.quote,
        trade.quantity,
        trade.rate,
        trade.total,
        trade.fee,
        trade.fee_currency,
        valued.net,
        trade.result,
        trade.trigger,
        trade.strategy,
        rates.target,
        rate,
        times(trade.total, rate),
        times(valued.net, rate),
    )


def needed(page: Iterable[ValuedTrade]) -> set[Asset]:
    """The currencies of which rates must be known to tell what trades were worth."""
    found = {one.trade.pair.quote for one in page}
    return found | {one.currency for one in page if one.currency is not None}


def worth(valued: ValuedTrade, rates: Rates) -> Decimal | None:
    """What one of a trade's quote was worth: by what the processor has found, else by rates; None: nobody knows."""
    trade = valued.trade
    if trade.pair.quote != rates.target and valued.worth is not None and valued.currency is not None:
        through = rates.at(valued.currency, trade.at)
        if through is not None:
            return EXACT.multiply(valued.worth, through)
    return rates.at(trade.pair.quote, trade.at)
