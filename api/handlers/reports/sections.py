"""The parts of a performance report, each from figures as GraphQL tells them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from api.handlers.reports import words
from api.handlers.reports.charts import Line, Mark, Told, area_chart, line_chart
from api.handlers.reports.figures import BENCHMARK
from api.handlers.reports.markup import Child, Markup, element, joined
from api.handlers.reports.words import Amounts
from api.schema.analytics.benchmarks import Benchmark
from api.schema.analytics.coin_profit import CoinProfit, CoinResult, CoinSum
from api.schema.analytics.parts import Money, Ratio
from api.schema.analytics.performance import AnalyticsDays, Calendar, Drawdown, Returns, Risk

_OWN, _OTHER, _THIRD, _WATER = "#1b4f9c", "#c2571a", "#5d6875", "#8c3b12"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_COINS = 25
_MANY = 3
_LETTERS = "¹²³⁴⁵⁶⁷⁸⁹"
"""Of notes that stand below a table; there are never so many that are said of three figures or more."""
_STEPS = (0.005, 0.02, 0.05, 0.1)
"""From which return on a month is coloured deeper."""
_UNITS = ((1e9, "bn"), (1e6, "m"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Named:
    """A figure under the name that a report gives it; ``told`` is its value in words."""

    name: str
    told: str
    figure: Ratio | Money


def section(title: str, *parts: Child, class_: str | None = None) -> Markup:
    return element("section", element("h2", title), *parts, class_=class_)


def table(head: Sequence[str], rows: Iterable[Sequence[Child]], *, class_: str | None = None) -> Markup:
    """A table whose first column is text and whose others are numbers, unless the head's word ends in a space."""
    kinds = [None if number == 0 or word.endswith(" ") else "n" for number, word in enumerate(head)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in rows
    ]
    heads = [element("th", word.strip(), scope="col", class_=kind) for word, kind in zip(head, kinds, strict=True)]
    made = element("table", element("thead", element("tr", *heads)), element("tbody", *body), class_=class_)
    return element("div", made, class_="wide")


# ---- what was earned -------------------------------------------------------------------------------------------------


def earned(told: Returns, amounts: Amounts) -> list[Named]:
    """The figures at the top."""
    of = amounts.told
    return [
        Named("Time-weighted return", words.percent(told.time_weighted.value), told.time_weighted),
        Named("Money-weighted return", words.percent(told.money_weighted_of_range.value), told.money_weighted_of_range),
        Named("Money-weighted, a year", words.percent(told.money_weighted.value), told.money_weighted),
        Named("Annual growth", words.percent(told.annual_growth.value), told.annual_growth),
        Named("Gain", of(told.gain.amount, is_signed=True), told.gain),
        Named("Value at the end", of(told.value.amount), told.value),
        Named("Value at the beginning", of(told.value_before.amount), told.value_before),
        Named("Deposits less withdrawals", of(told.flows.amount, is_signed=True), told.flows),
        *(
            [Named("Brought by hoppers that began or ended", of(told.brought.amount, is_signed=True), told.brought)]
            if told.brought.sample_size
            else []
        ),
        Named("Realised", of(told.realised.amount, is_signed=True), told.realised),
        Named("Fees", of(told.fees.amount), told.fees),
        Named("Unrealised", of(told.unrealised.amount, is_signed=True), told.unrealised),
        Named("Free", of(told.free.amount), told.free),
    ]


def risked(told: Risk) -> list[Named]:
    """The figures of risk."""
    percents = [
        ("Greatest drawdown", told.max_drawdown),
        ("Drawdown now", told.current_drawdown),
        ("Volatility, a year", told.volatility),
        ("Value at risk, a day, 95 %", told.value_at_risk),
        ("Conditional value at risk", told.conditional_value_at_risk),
        ("Winning days", told.winning_days),
        ("Share of days under water", told.share_under_water),
        ("Exposure", told.exposure),
    ]
    ratios = [
        ("Sharpe", told.sharpe),
        ("Sortino", told.sortino),
        ("Calmar", told.calmar),
        ("Omega", told.omega),
        ("Ulcer", told.ulcer),
        ("Tail ratio", told.tail_ratio),
    ]
    spans = [("Longest under water", told.longest_under_water), ("Under water now", told.current_under_water)]
    return [
        *(Named(name, words.percent(figure.value, is_signed=False), figure) for name, figure in percents),
        *(Named(name, words.ratio(figure.value, 3), figure) for name, figure in ratios),
        *(Named(name, words.days(figure.value), figure) for name, figure in spans),
    ]


def figure_table(named: Sequence[Named]) -> Markup:
    """Values with the sizes of their samples, and what is to be said of them.

    What is said of many stands once, below; why a figure is not told stands beside it.
    """
    said = Counter(part for one in named if one.told != words.UNKNOWN for part in _parts(one.figure.note))
    common = [part for part, times in said.items() if times >= _MANY][: len(_LETTERS)]
    rows = []
    for one in named:
        below = common if one.told != words.UNKNOWN else []
        parts = [_LETTERS[below.index(part)] if part in below else part for part in _parts(one.figure.note)]
        rows.append((one.name, one.told, words.count(one.figure.sample_size), ", ".join(parts)))
    notes = (element("p", f"{letter} {part}.", class_="note") for letter, part in zip(_LETTERS, common, strict=False))
    return joined(table(("Figure", "Value", "n", "Note "), rows, class_="figures"), *notes)


def _parts(note: str | None) -> list[str]:
    return [] if note is None else note.split("; ")


def definitions(named: Iterable[Named], more: Iterable[tuple[str, str]]) -> Markup:
    """What each figure means, once."""
    said = dict([(one.name, one.figure.definition) for one in named] + list(more))
    entries = (element("div", element("dt", name), element("dd", meaning)) for name, meaning in said.items())
    return section("What the figures mean", element("dl", *entries), class_="definitions")


# ---- over time -------------------------------------------------------------------------------------------------------


def value_section(
    days: AnalyticsDays, benchmark: Benchmark | None, holding: Benchmark | None, amounts: Amounts
) -> Markup:
    """Value and index; the value is not drawn when amounts are masked."""
    index = [
        Line("Portfolio", _from_one(days.index), _OWN, width=2),
        *_beside(BENCHMARK, benchmark, _OTHER, "6 3"),
        *_beside("The coins of the beginning, held", holding, _THIRD, "2 2"),
    ]
    parts: list[Child] = [
        element("h3", "Index: what 1 has become, deposits and withdrawals taken out"),
        line_chart("Index", days.dates, index, words.ratio, baseline=1.0),
    ]
    if not amounts.is_masked:
        marks = [
            Mark(place, flow > 0, f"{words.day(on)}: {amounts.told(flow, is_signed=True)} {amounts.currency}")
            for place, (on, flow) in enumerate(zip(days.dates, days.flows, strict=True))
            if flow
        ]
        what = f"Value in {amounts.currency}"
        also = "; arrows: money that came or went" if marks else ""
        parts += [
            element("h3", f"{what}{also}"),
            line_chart(what, days.dates, [Line("", days.value, _OWN)], _short(days.value), marks=marks),
        ]
    return section("Over time", *parts)


def drawdown_section(drawdowns: Sequence[Drawdown], days: AnalyticsDays | None) -> Markup:
    """The deepest; drawn where the days are told."""
    chart = None
    if days:
        chart = area_chart(
            "Drawdown: how far the index was below its highest",
            days.dates,
            days.depth,
            _WATER,
            lambda value, decimals: words.percent(value, max(0, decimals - 2), is_signed=False),
        )
    rows = [
        (
            words.day(one.peak_on),
            words.percent(one.depth),
            words.day(one.trough_on),
            "not yet" if one.recovered_on is None else words.day(one.recovered_on),
            words.days(one.days),
        )
        for one in drawdowns
    ]
    deepest = table(("Peak", "Depth", "Lowest", "Recovered", "Under water"), rows) if rows else None
    return section("Drawdown", chart, deepest)


def calendar_section(by_month: Calendar, by_year: Calendar) -> Markup:
    """Months in a table that is a heat map, years beside them; colours say what the numbers say."""
    years = dict(zip((on.year for on in by_year.begins_on), by_year.returns, strict=True))
    months = dict(zip(((on.year, on.month) for on in by_month.begins_on), by_month.returns, strict=True))
    lacking = _lacking(by_month)
    rows = [
        [
            str(year),
            *(
                _month(months.get((year, month)), (year, month) in months, (year, month) in lacking)
                for month in range(1, 13)
            ),
            _month(years[year], True, False),
        ]
        for year in sorted(years)
    ]
    if not rows:
        return section("Returns by month", element("p", "No day is known.", class_="none"))
    body = [element("tr", element("th", row[0], scope="row"), *row[1:]) for row in rows]
    head = element(
        "tr", element("th", "", scope="col"), *(element("th", one, scope="col") for one in (*_MONTHS, "Year"))
    )
    note = "* days of which nothing is known are left out." if lacking else None
    return section(
        "Returns by month, percent",
        element("div", element("table", element("thead", head), element("tbody", *body), class_="heat"), class_="wide"),
        None if note is None else element("p", note, class_="note"),
    )


def _lacking(calendar: Calendar) -> set[tuple[int, int]]:
    return {(on.year, on.month) for on, missing in zip(calendar.begins_on, calendar.missing, strict=True) if missing}


def _month(value: float | None, is_there: bool, lacks: bool) -> Markup:
    if value is None or not math.isfinite(value):
        return element("td", words.UNKNOWN if is_there else "", class_="h0")
    depth = sum(abs(value) >= step for step in _STEPS)
    kind = f"{'g' if value > 0 else 'l'}{depth}" if depth else "h0"
    return element("td", words.ratio(value * 100, 1), "*" if lacks else None, class_=kind)


def _from_one(index: Sequence[float]) -> list[float | None]:
    return list(index)


def _beside(name: str, beside: Benchmark | None, colour: str, dashes: str) -> list[Line]:
    """The curve of what the money could have been in; none where that is not known."""
    if beside is None:
        return []
    is_known = any(value is not None for value in beside.benchmark_value) or beside.excess.value is not None
    return [Line(name, list(beside.benchmark_index), colour, dashes)] if is_known else []


def _short(values: Sequence[float | None]) -> Told:
    """How amounts of such a size are written at an axis."""
    top = max((abs(value) for value in values if value is not None), default=0.0)
    size, unit = next(((size, unit) for size, unit in _UNITS if top >= 10 * size), (1.0, ""))
    return lambda value, _: f"{value / size:,.6g}{unit}"


# ---- beside others ---------------------------------------------------------------------------------------------------


def beside_section(benchmark: Benchmark, holding: Benchmark, amounts: Amounts) -> Markup:
    """Against a coin, and against holding what was held."""
    sides = [(BENCHMARK, benchmark), ("Holding", holding)]
    rows = [
        (
            name,
            words.percent(side.excess.value),
            amounts.told(side.difference.amount, is_signed=True),
            words.ratio(side.beta.value, 3),
            words.percent(side.alpha.value),
            words.ratio(side.information_ratio.value, 3),
            words.count(side.excess.sample_size),
            "; ".join(dict.fromkeys(_said(side))),
        )
        for name, side in sides
    ]
    head = ("Beside", "Ahead by", f"In {amounts.currency}", "Beta", "Alpha", "Information ratio", "n", "Note ")
    return section("Beside other ways to hold the money", table(head, rows))


def beside_named(side: Benchmark, amounts: Amounts) -> list[Named]:
    """The same, for their definitions."""
    return [
        Named("Ahead by", "", side.excess),
        Named(f"In {amounts.currency}", "", side.difference),
        Named("Beta", "", side.beta),
        Named("Alpha", "", side.alpha),
        Named("Information ratio", "", side.information_ratio),
    ]


def _said(side: Benchmark) -> list[str]:
    found = [note for note in (side.note, side.beta.note) if note]
    if side.missing:
        found.append(f"without {', '.join(side.missing)}: nobody tells their price")
    return found


# ---- by coin ---------------------------------------------------------------------------------------------------------


def coin_section(told: CoinProfit, amounts: Amounts) -> Markup:
    """What each coin has earned, and how all of it adds up to the change of value."""
    left_out = [one for one in told.hoppers if one.reason is not None]
    if len(left_out) == len(told.hoppers):
        why = left_out[0].reason if left_out else "there is no hopper"
        return section("By coin", element("p", f"Not told: {why}.", class_="none"))
    shown = told.coins[:_MOST_COINS]
    rows = [_coin(one, amounts) for one in shown]
    head = ("Coin", "Profit", "Fees", "Net", "Of the start", "Worth at the end", "Trades", "Note ")
    more = told.count - len(shown)
    notes = [
        f"{more} coins that earned less are not shown." if more > 0 else None,
        f"Left out: {len(left_out)} of {len(told.hoppers)} hoppers; {left_out[0].reason}." if left_out else None,
        *told.notes,
    ]
    return section(
        "By coin",
        table(head, rows),
        element("h3", "Where the change of value comes from"),
        _account(told.total, amounts),
        *(element("p", note, class_="note") for note in notes if note),
    )


def _coin(one: CoinResult, amounts: Amounts) -> Sequence[Child]:
    return (
        one.coin,
        amounts.told(one.profit, is_signed=True),
        amounts.told(one.fees),
        amounts.told(one.net, is_signed=True),
        words.percent(one.contribution),
        amounts.told(one.end_value),
        words.count(one.trades),
        one.note or "",
    )


def _account(total: CoinSum, amounts: Amounts) -> Markup:
    parts = (
        ("Worth at the start", total.start_value),
        ("Profit of coins, before fees", total.profit),
        ("Fees", None if total.fees is None else -total.fees),
        ("Deposits less withdrawals", total.flows),
        ("Income", total.income),
        ("Conversions", total.conversions),
        ("Difference account", total.difference),
        ("Worth at the end", total.end_value),
    )
    rows = [(name, amounts.told(value, is_signed=0 < number < 7)) for number, (name, value) in enumerate(parts)]
    return table(("", amounts.currency), rows, class_="account")


def coin_definitions(told: CoinProfit) -> list[tuple[str, str]]:
    return [("Profit of coins", told.definition), ("Difference account", told.difference_definition)]


# ---- what it is made of ----------------------------------------------------------------------------------------------


def data_section(days: AnalyticsDays, since: date, until: date) -> Markup:
    """How good the data are."""
    asked = (until - since).days + 1
    unknown = sum(value is None for value in days.returns)
    facts = [
        f"{len(days.dates)} of {asked} days are known",
        f"of {unknown} of them no return" if unknown else None,
        f"{sum(days.is_made_up)} were made up afterwards" if any(days.is_made_up) else None,
        f"on {sum(value > 0 for value in days.missing)} some hopper's value is not known"
        if any(days.missing)
        else None,
        f"prices were not fresh for {words.span(sum(days.gap))} in all" if any(days.gap) else None,
    ]
    told = "; ".join(fact for fact in facts if fact) + "."
    size = "n is how many days, results or flows a figure is made of; of few, little is said."
    notes = (element("p", note) for note in (size, *days.notes))
    return section("What this is made of", element("p", told), joined(*notes))
