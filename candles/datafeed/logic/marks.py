"""What is drawn into a chart beside its bars."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from candles.datafeed.logic.questions import Question
from cryptwire.domain.bar import bar_at
from cryptwire.domain.trade import Side, Trade

_MOST_MARKS_A_BAR = 10
_MOST_MARKS = 2_000


def marks(trades: Sequence[Trade], asked: Question, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Trades as marks: at most ten a bar and 2,000 in all, the newest; each within its bar and within the range."""
    chosen: list[dict[str, Any]] = []
    in_bar: dict[int, int] = {}
    for trade in reversed(trades):
        second = int(trade.at.timestamp())
        bar = bar_at(asked.resolution, zone, second)
        time = second if asked.resolution.is_intraday else bar.time
        if not asked.since <= time < asked.until or in_bar.get(bar.start, 0) == _MOST_MARKS_A_BAR:
            continue
        in_bar[bar.start] = in_bar.get(bar.start, 0) + 1
        is_buy = trade.side is Side.BUY
        text = f"{'Buy' if is_buy else 'Sell'} {trade.quantity} {trade.pair.base} at {trade.rate} {trade.pair.quote}"
        chosen.append(
            {
                "id": trade.id,
                "time": time,
                "color": "green" if is_buy else "red",
                "text": text,
                "label": "B" if is_buy else "S",
                "labelFontColor": "white",
                "minSize": 14,
            }
        )
        if len(chosen) == _MOST_MARKS:
            break
    chosen.reverse()
    return chosen
