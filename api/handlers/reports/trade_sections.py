"""The parts of a performance report that tell of trades: what they brought, why they were made, what they cost."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from api.handlers.reports import words
from api.handlers.reports.markup import Child, Markup, element
from api.handlers.reports.sections import Named, figure_table, section, table
from api.handlers.reports.words import Amounts
from api.schema.analytics.trade_figures import HoldingHistogram, RankedResult, TradeFigures
from api.schema.analytics.trade_groups import Attribution, FeeFigures

_MOST_REASONS = 25
_MOST_COINS = 10
_UNTOLD = "unknown"
_DAYS = (
    "Of single trades the day is told and no moment: by moment and price anybody could find out how much was traded."
)


# ---- what they brought -----------------------------------------------------------------------------------------------


def traded(told: TradeFigures, amounts: Amounts) -> list[Named]:
    """The figures of trades."""
    of = amounts.told
    counts = [
        ("Results", told.results),
        ("Of unknown cost", told.unknown),
        ("Won", told.winners),
        ("Lost", told.losers),
        ("Broke even", told.even),
        ("Most won in a row", told.longest_winning_streak),
        ("Most lost in a row", told.longest_losing_streak),
        ("In a row now", told.current_streak),
        ("Trades", told.trades),
    ]
    moneys = [
        ("Net result", told.net),
        ("Mean of a result", told.expectancy),
        ("Mean gain", told.mean_gain),
        ("Mean loss", told.mean_loss),
    ]
    spans = [
        ("Held in the mean", told.mean_holding_time),
        ("Half is held longer than", told.median_holding_time),
        ("A tenth is held longer than", told.long_holding_time),
    ]
    ratios = [
        ("Profit factor", told.profit_factor),
        ("Payoff", told.payoff),
        ("Expectancy ratio", told.expectancy_ratio),
        ("Trades a day", told.trades_a_day),
    ]
    return [
        *(Named(name, _whole(figure.value), figure) for name, figure in counts),
        Named("Win rate", words.percent(told.win_rate.value, is_signed=False), told.win_rate),
        *(Named(name, of(figure.amount, is_signed=True), figure) for name, figure in moneys),
        *(Named(name, words.ratio(figure.value), figure) for name, figure in ratios),
        *(Named(name, words.span(figure.value), figure) for name, figure in spans),
        Named("Volume", of(told.volume.amount), told.volume),
    ]


def held_times(told: HoldingHistogram) -> list[Named]:
    """How long was held what won, and what lost."""
    figures = (
        ("Half of what won is held longer than", told.winners_median),
        ("A tenth of what won is held longer than", told.winners_long),
        ("Half of what lost is held longer than", told.losers_median),
        ("A tenth of what lost is held longer than", told.losers_long),
    )
    return [Named(name, words.span(figure.value), figure) for name, figure in figures]


def trade_section(
    named: Sequence[Named],
    best: Sequence[RankedResult],
    worst: Sequence[RankedResult],
    held: HoldingHistogram,
    amounts: Amounts,
    zone: ZoneInfo,
    *,
    is_shared: bool,
) -> Markup:
    """Figures, the best and the worst, and how long was held what won and what lost; ``is_shared``: who has a link is
    told the days of single trades, and not how long they took.
    """
    parts: list[Child] = [figure_table(named)]
    for title, ranked in (("The best", best), ("The worst", worst)):
        if ranked:
            held_for = () if is_shared else ("Held",)
            head = ("Coin", "Closed", *held_for, "Net", "Of what was paid", "Opened by ", "Closed by ")
            listed = [_ranked(one, amounts, zone, is_shared=is_shared) for one in ranked]
            parts += [element("h3", title), table(head, listed)]
    if is_shared and (best or worst):
        parts.append(element("p", _DAYS, class_="note"))
    bins = zip(held.at_least, held.below, held.winners, held.losers, strict=True)
    rows = [
        (_bin(least, below), words.count(won), words.count(lost)) for least, below, won, lost in bins if won or lost
    ]
    if rows:
        lasted = table(("Held", "Won", "Lost"), rows)
        parts += [element("h3", "How long it was held"), figure_table(held_times(held)), lasted]
    return section(f"Trades, amounts in {amounts.currency}", *parts)


def _whole(value: float | None) -> str:
    return words.UNKNOWN if value is None else words.ratio(value, 0)


def _ranked(one: RankedResult, amounts: Amounts, zone: ZoneInfo, *, is_shared: bool) -> Sequence[Child]:
    return (
        f"{one.coin}, sold short" if one.is_short else one.coin,
        words.day(one.at.astimezone(zone).date()),
        *(() if is_shared else (words.span(one.held_for),)),
        amounts.told(one.net, is_signed=True),
        words.percent(one.share),
        one.buy_trigger or _UNTOLD,
        one.sell_trigger or _UNTOLD,
    )


def _bin(least: int, below: int | None) -> str:
    if not least:
        return f"less than {words.span(below)}"
    return f"{words.span(least)} or more" if below is None else f"{words.span(least)} to {words.span(below)}"


# ---- why they were made ----------------------------------------------------------------------------------------------


def attribution_section(told: Attribution, amounts: Amounts) -> Markup:
    """By what opened them, what closed them, and which strategy it was."""
    columns = (
        told.buy_trigger,
        told.sell_trigger,
        told.strategy,
        told.results,
        told.win_rate,
        told.net,
        told.expectancy,
        told.unknown,
    )
    rows = list(zip(*columns, strict=True))
    if not rows:
        return section("Attribution", element("p", "Nothing was closed.", class_="none"))
    head = ("Opened by", "Closed by ", "Strategy ", "Results", "Win rate", "Net", "Mean of a result", "Not known")
    more = len(rows) - _MOST_REASONS
    return section(
        f"Attribution, amounts in {amounts.currency}",
        table(
            head,
            [
                (
                    opened or _UNTOLD,
                    closed or _UNTOLD,
                    strategy or _UNTOLD,
                    words.count(results),
                    words.percent(rate, is_signed=False),
                    amounts.told(net, is_signed=True),
                    amounts.told(mean, is_signed=True),
                    words.count(unknown),
                )
                for opened, closed, strategy, results, rate, net, mean, unknown in rows[:_MOST_REASONS]
            ],
        ),
        element("p", f"{more} combinations that brought less are not shown.", class_="note") if more > 0 else None,
    )


# ---- what they cost --------------------------------------------------------------------------------------------------


def paid(told: FeeFigures, amounts: Amounts) -> list[Named]:
    """The figures of fees."""
    return [
        Named("Fees", amounts.told(told.total.amount), told.total),
        Named("Fee drag", words.percent(told.drag.value, is_signed=False), told.drag),
    ]


def fee_section(named: Sequence[Named], told: FeeFigures, amounts: Amounts) -> Markup:
    """In all, by what they were paid in, and the coins that cost most."""
    parts: list[Child] = [figure_table(named)]
    of = told.currencies
    in_units = zip(of.paid_in, of.units, of.fees, of.unconverted, of.trades, strict=True)
    rows: list[Sequence[Child]] = [
        (coin, amounts.units(units), amounts.told(worth), amounts.units(lacking), words.count(trades))
        for coin, units, worth, lacking, trades in in_units
    ]
    if rows:
        head = ("Paid in", "Units", f"Worth, {amounts.currency}", "Units of unknown worth", "Trades")
        parts += [element("h3", "By what they were paid in"), table(head, rows)]
    coins = list(zip(told.coins.coin, told.coins.fees, told.coins.trades, strict=True))[:_MOST_COINS]
    if coins:
        rows = [(coin, amounts.told(fees), words.count(trades)) for coin, fees, trades in coins]
        parts += [element("h3", "The coins that cost most"), table(("Coin", "Fees", "Trades"), rows)]
    return section(f"Fees, amounts in {amounts.currency}", *parts)
