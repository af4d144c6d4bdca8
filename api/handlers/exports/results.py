"""``/exports/results.csv``: every trade that closed something, and what that earned."""

from collections.abc import AsyncIterator, Mapping

from api.handlers.analytics.paging import within
from api.handlers.analytics.scope import Scope
from api.handlers.exports.cells import Column, Kind, Table
from api.handlers.exports.pages import Files, Page
from api.handlers.exports.rates import Rates, times
from cryptwire.domain.fifo import EXACT
from cryptwire.domain.hopper import Asset
from cryptwire.storage.keyset import Order
from cryptwire.storage.result_list import ListedResult

TABLE = Table(
    "results",
    "Every trade that closed something, matched to the average cost of what it closed, oldest first.",
    (
        Column("at", Kind.UTC, "When it was closed."),
        Column("at_local", Kind.LOCAL, "The same by your clock."),
        Column("hopper_id", Kind.TEXT, "Cryptohopper's id of the hopper."),
        Column("hopper", Kind.TEXT, "Its name."),
        Column("trade_id", Kind.TEXT, "Cryptohopper's id of the trade that closed it, within the hopper."),
        Column("exchange", Kind.TEXT, "By ccxt's id."),
        Column("coin", Kind.TEXT, "What was held."),
        Column("quote", Kind.TEXT, "What it was bought and sold for."),
        Column("is_short", Kind.TRUTH, "True when it was sold first and bought back."),
        Column("opened_at", Kind.UTC, "When it was bought: the mean, by quantity; empty when that is not known."),
        Column("hours_held", Kind.NUMBER, "From then to the closing."),
        Column("quantity", Kind.AMOUNT, "Units that were closed."),
        Column("entry_price", Kind.RATIO, "What one unit was opened at, in quote, fees in."),
        Column("exit_price", Kind.RATIO, "What one unit was closed at, in quote, fees in."),
        Column("proceeds", Kind.AMOUNT, "What its sale brought, in quote, fees out."),
        Column("cost", Kind.AMOUNT, "What it cost, in quote, fees in; empty when nobody knows what was sold."),
        Column("fees", Kind.AMOUNT, "Of both sides, in quote, as far as they are known."),
        Column("net", Kind.AMOUNT, "proceeds − cost, in quote."),
        Column("return", Kind.RATIO, "net ÷ cost, of a short ÷ what its sale brought: 0.01 is one percent."),
        Column(
            "buy_trigger", Kind.TEXT, "Why it was opened, in Cryptohopper's words; `several`: for different reasons."
        ),
        Column("sell_trigger", Kind.TEXT, "Why it was closed."),
        Column("buy_strategy", Kind.TEXT, "The name of the strategy that opened it."),
        Column("sell_strategy", Kind.TEXT, "The name of the strategy that closed it."),
        Column("currency", Kind.TEXT, "Of the next five."),
        Column("rate", Kind.NUMBER, "Units of the currency for one of quote, when it was closed."),
        Column("proceeds_in_currency", Kind.AMOUNT, "proceeds × rate."),
        Column("cost_in_currency", Kind.AMOUNT, "cost × rate."),
        Column("fees_in_currency", Kind.AMOUNT, "fees × rate."),
        Column("net_in_currency", Kind.AMOUNT, "net × rate."),
    ),
)
_PAGE = 500
_AN_HOUR = 3600


async def pages(files: Files, scope: Scope) -> AsyncIterator[Page]:
    """See ``Pages``; raises Invalid when results are being made anew, which happens when an older trade is found."""
    names: dict[str, str] = {one.hopper.id: one.hopper.name for one in scope.hoppers}
    rates = Rates(files.figures.conversions, scope.currency, scope.begins_at, scope.ends_at)
    conditions = within("at", scope.begins_at, scope.ends_at)
    after = None
    while page := await files.figures.result_list.page(scope.ids, Order("at"), conditions, after, _PAGE):
        await rates.know(Asset(result.currency) for result in page)
        yield [_row(result, names, rates) for result in page]
        after = page[-1].row


def _row(result: ListedResult, names: Mapping[str, str], rates: Rates) -> tuple[object, ...]:
    through = rates.at(Asset(result.currency), result.at)
    rate = None if result.rate is None or through is None else EXACT.multiply(result.rate, through)
    return (
        result.at,
        result.at,
        result.hopper_id,
        names[result.hopper_id],
        result.trade_id,
        result.exchange,
        result.coin,
        result.quote,
        result.is_short,
        result.opened_at,
        None if result.held_for is None else round(result.held_for / _AN_HOUR, 4),
        result.quantity,
        result.entry_price,
        result.exit_price,
        result.proceeds,
        result.cost,
        result.fees,
        result.net,
        result.gain,
        result.buy_trigger,
        result.sell_trigger,
        result.buy_strategy,
        result.sell_strategy,
        rates.target,
        rate,
        times(result.proceeds, rate),
        times(result.cost, rate),
        times(result.fees, rate),
        times(result.net, rate),
    )
