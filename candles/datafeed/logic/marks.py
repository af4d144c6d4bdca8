"""What is drawn into a chart beside its bars: trades as marks, positions as levels."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from candles.datafeed.logic.questions import Question
from candles.datafeed.ports import HeldPosition
from cryptwire.domain.bar import bar_at
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.domain.hopper_days import total_of
from cryptwire.domain.masking import rough
from cryptwire.domain.trade import Side, Trade

_MOST_MARKS_A_BAR = 10
MOST_MARKS = 2_000
_ROUNDED = Context(prec=18)
_COLORS: Mapping[tuple[Side, bool], str] = {
    (Side.BUY, False): "green",
    (Side.SELL, False): "red",
    (Side.BUY, True): "blue",
    (Side.SELL, True): "yellow",
}
"""Of the side, and whether it was play money."""


def marks(
    trades: Sequence[Trade],
    asked: Question,
    zone: ZoneInfo,
    hoppers: Mapping[HopperId, Hopper] | None = None,
    *,
    is_masked: bool,
) -> list[dict[str, Any]]:
    """Trades as marks: at most ten a bar and 2,000 in all, the newest; each within its bar and within the range.

    ``hoppers``: whose they are, where that is to be told. Masked without quantities, prices in six digits.
    """
    chosen: list[dict[str, Any]] = []
    in_bar: dict[int, int] = {}
    for trade in reversed(trades):
        second = int(trade.at.timestamp())
        bar = bar_at(asked.resolution, zone, second)
        time = second if asked.resolution.is_intraday else bar.time
        if not asked.since <= time < asked.until or in_bar.get(bar.start, 0) == _MOST_MARKS_A_BAR:
            continue
        in_bar[bar.start] = in_bar.get(bar.start, 0) + 1
        chosen.append(_mark(trade, time, None if hoppers is None else hoppers[trade.hopper], is_masked=is_masked))
        if len(chosen) == MOST_MARKS:
            break
    chosen.reverse()
    return chosen


def _mark(trade: Trade, time: int, hopper: Hopper | None, *, is_masked: bool) -> dict[str, Any]:
    is_buy, is_paper = trade.side is Side.BUY, hopper is not None and hopper.is_paper
    what = f"{trade.pair.base}" if is_masked else f"{trade.quantity} {trade.pair.base}"
    price = _text(rough(trade.rate)) if is_masked else f"{trade.rate}"
    text = f"{'Buy' if is_buy else 'Sell'} {what} at {price} {trade.pair.quote}"
    mark: dict[str, Any] = {
        "id": trade.id,
        "time": time,
        "color": _COLORS[trade.side, is_paper],
        "text": text,
        "label": "B" if is_buy else "S",
        "labelFontColor": "white",
        "minSize": 14,
    }
    if hopper is not None:
        mark["id"] = f"{hopper.id}:{trade.id}"
        mark["text"] = f"{text}, {hopper.name}{' (paper)' if is_paper else ''}"
        mark |= {"hopper": hopper.id, "isPaper": is_paper}
    return mark


class _Line(NamedTuple):
    """A price at which something happens to a part of what a hopper holds."""

    hopper: HopperId
    is_short: bool
    kind: str
    price: str


def levels(
    held: Iterable[HeldPosition], hoppers: Mapping[HopperId, Hopper], *, is_masked: bool
) -> list[dict[str, Any]]:
    """What open positions in one pair cost, on the average of each hopper, and where they are sold.

    ``cost``: Σ cost / Σ quantity; ``stop``, ``arm`` (of the trailing stop) and ``target`` by each position's own
    percentages of its rate, those at one price together. Of short positions the cost alone is known. Prices in the
    pair's quote and quantities in its base as text, moments in seconds. Masked without quantities, and prices in six
    digits: they are made of amounts.
    """

    def told(price: Decimal) -> str:
        return _text(rough(price) if is_masked else price)

    lines: dict[_Line, list[HeldPosition]] = {}
    together: dict[tuple[HopperId, bool], list[HeldPosition]] = {}
    for one in held:
        together.setdefault((one.hopper, one.is_short), []).append(one)
    for (hopper, is_short), of_it in together.items():
        quantity = sum((one.position.quantity for one in of_it), Decimal(0))
        cost = sum((one.position.cost for one in of_it), Decimal(0))
        if quantity > 0 and cost > 0:
            lines[_Line(hopper, is_short, "cost", told(cost / quantity))] = of_it
        for one in of_it:
            for kind, price in _sold_at(one):
                lines.setdefault(_Line(hopper, is_short, kind, told(price)), []).append(one)
    return [_level(line, of_it, hoppers[line.hopper], is_masked=is_masked) for line, of_it in lines.items()]


def _sold_at(held: HeldPosition) -> list[tuple[str, Decimal]]:
    position = held.position
    fractions = (
        ("stop", None if position.stop_loss is None else -position.stop_loss / 100),
        ("arm", None if position.trailing_arm is None else position.trailing_arm / 100),
        ("target", None if position.take_profit is None else position.take_profit / 100),
    )
    prices = ((kind, position.rate * (1 + part)) for kind, part in fractions if part is not None)
    return [] if held.is_short else [(kind, price) for kind, price in prices if price > 0]


def _level(line: _Line, of_it: Sequence[HeldPosition], hopper: Hopper, *, is_masked: bool) -> dict[str, Any]:
    opened = [one.position.opened_at for one in of_it if one.position.opened_at is not None]
    quantity = None if is_masked else _digits(total_of([one.position.quantity for one in of_it]) or Decimal(0))
    return {
        "hopper": hopper.id,
        "hopperName": hopper.name,
        "isPaper": hopper.is_paper,
        "isShort": line.is_short,
        "kind": line.kind,
        "price": line.price,
        "quantity": quantity,
        "since": _seconds(min(opened)) if opened else None,
        "readAt": _seconds(min(one.read_at for one in of_it)),
    }


def _text(number: Decimal) -> str:
    return _digits(_ROUNDED.plus(number))


def _digits(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
