"""The widgets there are: what each shows, which settings a copy of it has, and how large it is.

In the order of the design's list but for the first fourteen, which are what a new user is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from cryptwire.domain.bar import Resolution
from cryptwire.domain.widget_settings import (
    Choice,
    Choices,
    Days,
    Either,
    Form,
    Forms,
    Note,
    Number,
    Setting,
    Switch,
    Whole,
    read,
)
from cryptwire.errors import Invalid

_MOST_HOPPERS = 100
_MOST_PAIRS = 20
_MOST_NOTE = 2_000
_PAIR = "^[a-z0-9_]{1,40}:[^a-z\\s:/]{1,30}/[^a-z\\s:/]{1,30}$"
_RESOLUTIONS = tuple(each.value for each in Resolution)


class Breakpoint(Enum):
    """A kind of screen with a layout of its own."""

    WIDE = "wide"
    PHONE = "phone"

    @property
    def columns(self) -> int:
        """Of its grid."""
        return 12 if self is Breakpoint.WIDE else 4


_HOPPERS: Mapping[str, Setting] = {
    "hoppers": Forms("^[A-Za-z0-9_-]{1,64}$", "1234567", _MOST_HOPPERS, may_be_null=True),
    "kind": Choice(("live", "paper"), "live"),
}
_CURRENCY: Mapping[str, Setting] = {"currency": Form("^[A-Z0-9]{2,20}$", "EUR")}
_MASKED: Mapping[str, Setting] = {"masked": Either()}
_TABLE: Mapping[str, Setting] = {"table": Switch(False)}
_NOW = {**_HOPPERS, **_CURRENCY, **_MASKED, **_TABLE}
_RATIOS = {**_HOPPERS, "range": Days(), **_CURRENCY, **_TABLE}
_FIGURES = {**_RATIOS, **_MASKED}


@dataclass(frozen=True, slots=True)
class Size:
    """Columns and rows of a grid."""

    w: int
    h: int


@dataclass(frozen=True, slots=True)
class WidgetKind:
    """A kind of widget: its ``title`` unless a copy has another, what it shows, what a copy can be set to, and its
    sizes on a wide screen.
    """

    name: str
    title: str
    shows: str
    usual: Size
    least: Size
    most: Size
    settings: Mapping[str, Setting]

    def sizes(self, breakpoint: Breakpoint) -> tuple[Size, Size, Size]:
        """The usual, the least and the largest size; on a phone it is as wide as the screen, or half of it at least."""
        if breakpoint is Breakpoint.WIDE:
            return self.usual, self.least, self.most
        columns = breakpoint.columns
        least = columns // 2 if self.least.w <= 3 else columns
        return Size(columns, self.usual.h), Size(least, self.least.h), Size(columns, self.most.h)


def _kind(
    name: str, title: str, shows: str, usual: tuple[int, int], least: tuple[int, int], settings: Mapping[str, Setting]
) -> WidgetKind:
    return WidgetKind(name, title, shows, Size(*usual), Size(*least), Size(12, 30), settings)


_ALL = (
    _kind(
        "portfolio-candles",
        "Portfolio candles",
        "The whole portfolio as live candles, with deposits and withdrawals as arrows and trades as volume.",
        (8, 8),
        (4, 5),
        {
            **_FIGURES,
            "resolution": Choice(_RESOLUTIONS, "60"),
            "flow_adjusted": Switch(False),
            "flows": Switch(True),
            "volume": Switch(True),
            "logarithmic": Switch(False),
        },
    ),
    _kind(
        "equity",
        "Equity and return",
        "Value and time-weighted return together.",
        (4, 8),
        (4, 4),
        {**_FIGURES, "logarithmic": Switch(False)},
    ),
    _kind(
        "kpi",
        "Key figures",
        "Value, today, realised, unrealised, fees, free funds, return, time under water.",
        (12, 2),
        (3, 1),
        {
            **_FIGURES,
            "figures": Choices(
                ("value", "today", "realised", "unrealised", "fees", "free-funds", "return", "under-water"),
                ("value", "today", "realised", "unrealised", "fees", "free-funds", "return", "under-water"),
            ),
        },
    ),
    _kind(
        "underwater", "Under water", "How far below its peak the index is, and for how long.", (6, 5), (3, 3), _RATIOS
    ),
    _kind(
        "calendar",
        "Calendar",
        "Days, weeks or months by return or profit.",
        (6, 5),
        (4, 4),
        {
            **_FIGURES,
            "unit": Choice(("day", "week", "month"), "day"),
            "measure": Choice(("return", "profit"), "return"),
        },
    ),
    _kind(
        "attribution",
        "What made the money",
        "Results by what bought and what sold; what is not known is shown as such.",
        (6, 7),
        (4, 4),
        {
            **_FIGURES,
            "rows": Choice(("buy-trigger", "sell-trigger", "strategy", "coin"), "buy-trigger"),
            "columns": Choice(("buy-trigger", "sell-trigger", "strategy", "coin"), "sell-trigger"),
            "measure": Choice(("net", "count", "win-rate", "expectancy"), "net"),
        },
    ),
    _kind(
        "open-positions",
        "Open positions",
        "What is held: cost, value, profit after the fee of selling, age, distance to stop and trailing arm.",
        (6, 7),
        (4, 3),
        {
            **_NOW,
            "sort": Choice(("profit", "value", "age", "coin", "stop-distance"), "value"),
            "descending": Switch(True),
        },
    ),
    _kind(
        "coins",
        "By coin",
        "Realised and unrealised results less fees, coin by coin.",
        (6, 6),
        (3, 4),
        {**_FIGURES, "chart": Choice(("bars", "treemap"), "bars"), "count": Whole(1, 100, 20)},
    ),
    _kind(
        "funds-usage",
        "Use of funds",
        "Free, in positions and reserved over time.",
        (4, 6),
        (3, 3),
        {**_FIGURES, "unit": Choice(("share", "amount"), "share")},
    ),
    _kind(
        "top-trades",
        "Best and worst trades",
        "By amount or by per cent.",
        (6, 6),
        (3, 3),
        {**_FIGURES, "by": Choice(("amount", "percent"), "percent"), "count": Whole(1, 50, 5)},
    ),
    _kind(
        "risk",
        "Risk",
        'Ratios of daily returns with their number of days, and "too short" where they say nothing.',
        (4, 5),
        (3, 3),
        {
            **_RATIOS,
            "figures": Choices(
                ("sharpe", "sortino", "calmar", "omega", "volatility", "value-at-risk", "expected-shortfall", "ulcer"),
                ("sharpe", "sortino", "calmar", "omega", "volatility", "value-at-risk"),
            ),
        },
    ),
    _kind(
        "versus-holding",
        "Versus holding",
        "Against BTC and against the basket of the beginning, with the same deposits and withdrawals.",
        (8, 6),
        (4, 4),
        {**_FIGURES, "benchmarks": Choices(("btc", "start-basket"), ("btc", "start-basket"))},
    ),
    _kind(
        "market-balance",
        "Balance by market cap",
        "Weight of each tier of market caps in USD, distance to all-time highs, concentration.",
        (4, 6),
        (3, 4),
        {**_NOW, "large": Number(1e6, 1e13, 1e10), "mid": Number(1e6, 1e13, 1e9)},
    ),
    _kind(
        "rule-monitor",
        "Rules",
        "How each rule stands: value, trigger, distance, age of its data, last decision.",
        (4, 6),
        (3, 3),
        {
            "hoppers": _HOPPERS["hoppers"],
            "modes": Choices(("armed", "shadow", "off"), ("armed", "shadow")),
            **_TABLE,
        },
    ),
    _kind(
        "holding-times",
        "Holding times",
        "How long positions were held, winners and losers apart; median and nine tenths.",
        (4, 5),
        (3, 3),
        {**_RATIOS, "split": Switch(True)},
    ),
    _kind(
        "action-log",
        "What rules did",
        "Who did what, why, and what came of it.",
        (6, 6),
        (4, 3),
        {"hoppers": _HOPPERS["hoppers"], "count": Whole(1, 100, 20)},
    ),
    _kind(
        "hopper-comparison",
        "Hoppers compared",
        "Each hopper's figures side by side; live and paper never summed.",
        (12, 5),
        (4, 3),
        {
            **_FIGURES,
            "figures": Choices(
                ("return", "realised", "unrealised", "drawdown", "win-rate", "trades-a-day", "fee-drag"),
                ("return", "realised", "unrealised", "drawdown", "win-rate", "trades-a-day", "fee-drag"),
            ),
        },
    ),
    _kind(
        "trade-activity",
        "Trading activity",
        "Trades and their volume, by hour, day, week or month.",
        (6, 5),
        (3, 3),
        {
            **_FIGURES,
            "unit": Choice(("auto", "hour", "day", "week", "month"), "auto"),
            "measure": Choice(("count", "volume"), "count"),
        },
    ),
    _kind(
        "fee-drag",
        "Fees",
        "What fees took of the profit, by coin, by the currency they were paid in, by day.",
        (6, 5),
        (3, 3),
        {**_FIGURES, "by": Choice(("coin", "currency", "day"), "coin")},
    ),
    _kind(
        "data-health",
        "Health of the data",
        "Last poll, last webhook, age of prices, unexplained difference, state of the link.",
        (4, 4),
        (3, 2),
        {**_HOPPERS},
    ),
    _kind(
        "pair-chart",
        "Chart of a pair",
        "Candles of an exchange with one's own buys and sells, average cost and stop.",
        (8, 8),
        (4, 5),
        {
            "hoppers": _HOPPERS["hoppers"],
            "pair": Form(_PAIR, "binance:BTC/USDT"),
            "resolution": Choice(_RESOLUTIONS, "60"),
            "marks": Switch(True),
            "average_cost": Switch(True),
            "stop": Switch(True),
            **_TABLE,
        },
    ),
    _kind(
        "market-strip",
        "Market and notes",
        "Prices of some pairs, and whatever one wants to remember.",
        (12, 1),
        (3, 1),
        {"pairs": Forms(_PAIR, "binance:BTC/USDT", _MOST_PAIRS), "note": Note(_MOST_NOTE)},
    ),
)
CATALOGUE: Mapping[str, WidgetKind] = {each.name: each for each in _ALL}
"""Every kind, by name."""


def settings_of(kind: WidgetKind, given: Mapping[str, object]) -> dict[str, object]:
    """All settings of a copy, in the order of the kind; those that are not ``given`` as usual.

    Raises Invalid, naming the setting.
    """
    found: dict[str, object] = {}
    for name, setting in kind.settings.items():
        try:
            found[name] = read(setting, given.get(name, setting.usual))
        except Invalid as error:
            raise Invalid(f"{name}: {error}") from None
    if "mid" in found and not float(str(found["mid"])) < float(str(found["large"])):
        raise Invalid("mid: is less than large")
    return found
