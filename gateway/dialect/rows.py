"""Hoppers, balances, positions, orders, trades and log entries out of what lies under ``data``."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from cryptwire.domain.account import Order, OutputEntry, Position, Reserved, Short
from cryptwire.domain.hopper import Asset, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Unavailable
from gateway.dialect.scalars import (
    coin,
    exchange,
    flag,
    identity,
    moment,
    number,
    objects,
    pair_of,
    percent,
    text,
    whole,
)
from gateway.logic import refresh_every
from gateway.ports import Rows, TradePage

PAGE = 500
"""Rows of a full page of the trade list."""
ENTRIES = 500
"""Entries of a hopper's log at most."""

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_ENTRY = 1_000  # characters
_STRATEGY_RESULT = 20_000  # characters

T = TypeVar("T")


def hoppers(data: Any, user: UserId) -> list[LinkedHopper]:
    """A user's hoppers; one without a usable id is left out, for nothing could be asked about it."""
    listed = data.get("hoppers") if isinstance(data, dict) and "hoppers" in data else data
    return [found for row in objects(listed, "hoppers") if (found := _hopper(row, user)) is not None]


def hopper(data: Any, user: UserId, asked: HopperId) -> LinkedHopper:
    row = data.get("hopper", data) if isinstance(data, dict) else None
    found = _hopper(row, user) if isinstance(row, dict) else None
    if found is None or found.hopper.id != asked:
        raise Unavailable("Cryptohopper's answer is not about this hopper")
    return found


def _hopper(row: Mapping[str, Any], user: UserId) -> LinkedHopper | None:
    known = identity(row.get("id")) or identity(row.get("hopper_id"))
    if known is None:
        return None
    plan = text(row.get("plan_name"))
    return LinkedHopper(
        Hopper(
            HopperId(known),
            user,
            text(row.get("name")),
            exchange(row.get("exchange")),
            coin(row.get("base_currency")) or Asset(""),
            flag(row.get("paper_trading")),
            refresh_every(plan),
        ),
        flag(row.get("enabled")),
        plan,
        number(row.get("total_cur")),
        moment(row.get("created")),
        flag(row.get("buying_enabled", True)),
        flag(row.get("selling_enabled", True)),
        _wrong(row.get("error_message")) or _wrong(row.get("config_error")),
    )


def _wrong(value: Any) -> str:
    """What upstream says is wrong: words, or a switch that only says that something is."""
    words = text(value)
    if words.lower() in ("", "0", "false", "null", "none"):
        words = ""
    return "Cryptohopper tells of an error, and not of which" if flag(value) else words


def assets(data: Any) -> dict[Asset, Decimal]:
    """The balance of each coin, those above 0. Raises Unavailable rather than leave one out and make a sum wrong."""
    if data == []:
        return {}
    if not isinstance(data, dict):
        raise Unavailable("Cryptohopper's answer holds no assets")
    found: dict[Asset, Decimal] = {}
    for name, value in data.items():
        asset, amount = coin(name), number(value)
        if asset is None or (amount is None and value not in (None, "")):
            raise Unavailable("Cryptohopper's answer holds an asset that cannot be read")
        if amount is not None and amount > 0:
            found[asset] = found.get(asset, Decimal(0)) + amount
    return found


def positions(data: Any, home: Pair) -> Rows[Position]:
    """Open positions: those without id, amount or pair are skipped."""
    rows = [row for row in objects(data, "positions") if not flag(row.get("sold"))]
    return _read(rows, lambda row: _position(row, home))


def _position(row: Mapping[str, Any], home: Pair) -> Position | None:
    held = _holding(row, home)
    if held is None:
        return None
    return Position(
        *held,
        moment(row.get("buy_time")),
        text(row.get("buy_trigger")),
        flag(row.get("hold")),
        _level(row, "percentage_profit"),
        _level(row, "stop_loss_percentage", "stop_loss_enabled"),
        _level(row, "trailing_arm_percentage", "trailing_stop_loss_enabled", "tsl_enabled"),
        _level(row, "trailing_percentage", "trailing_stop_loss_enabled", "tsl_enabled"),
        _none_if_zero(identity(row.get("buy_id"))),
    )


def _level(row: Mapping[str, Any], name: str, *switches: str) -> Decimal | None:
    """A percentage above 0, unless the first of its switches that is told is off."""
    told = next((row[switch] for switch in switches if row.get(switch) not in (None, "")), True)
    found = percent(row.get(name))
    return found if flag(told) and found is not None and found > 0 else None


def reserved(data: Any, home: Pair) -> Rows[Reserved]:
    """Reserved coins: those without id, amount or pair are skipped."""

    def read(row: Mapping[str, Any]) -> Reserved | None:
        held = _holding(row, home)
        return None if held is None else Reserved(*held, moment(row.get("buy_time")))

    return _read(objects(data, "reserved coins"), read)


def shorts(data: Any, home: Pair) -> Rows[Short]:
    """Short positions: those without id, amount or pair are skipped; opened at the earlier of the two times told."""

    def read(row: Mapping[str, Any]) -> Short | None:
        held = _holding(row, home)
        if held is None:
            return None
        times = [at for name in ("sell_time", "buy_time") if (at := moment(row.get(name))) is not None]
        return Short(*held, min(times, default=None), flag(row.get("hold")))

    return _read(objects(data, "short positions"), read)


def orders(data: Any, home: Pair) -> Rows[Order]:
    """Open orders: those without id, amount, side or pair are skipped."""

    def read(row: Mapping[str, Any]) -> Order | None:
        known, pair = identity(row.get("id")), pair_of(row.get("pair"), row.get("currency"), home)
        amount, side = _first(row, "amount"), _SIDES.get(text(row.get("order_type")).lower())
        if known is None or pair is None or amount is None or side is None:
            return None
        is_market = flag(row.get("market_order"))
        rate = None if is_market else _first(row, "rate")
        opened_at = moment(row.get("open_time")) or moment(row.get("date"))
        trigger = text(row.get("order_trigger"))
        return Order(known, pair.base, pair.quote, side, is_market, amount, rate, trigger, opened_at)

    return _read([row for row in objects(data, "orders") if not flag(row.get("sold"))], read)


def output(data: Any, since: datetime) -> Rows[OutputEntry]:
    """Entries at or after ``since``, newest first; those without a time are skipped."""
    listed = data.get("output") if isinstance(data, dict) and "output" in data else data
    read = _read(objects(listed, "log entries"), _entry)
    entries = sorted((entry for entry in read.rows if entry.at >= since), key=lambda entry: entry.at, reverse=True)
    return Rows(tuple(entries[:ENTRIES]), read.skipped)


def _entry(row: Mapping[str, Any]) -> OutputEntry | None:
    at = moment(row.get("log_time"))
    if at is None:
        return None
    return OutputEntry(at, text(row.get("log_type")).lower() == "error", text(row.get("log_output"), _ENTRY))


def _read(rows: list[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], T | None]) -> Rows[T]:
    found = tuple(each for row in rows if (each := read(row)) is not None)
    return Rows(found, len(rows) - len(found))


def _holding(row: Mapping[str, Any], home: Pair) -> tuple[str, Asset, Asset, Decimal, Decimal, Decimal] | None:
    """Id, base, quote, amount, rate and cost, the last two from each other; None without id, pair or amount."""
    known, pair = identity(row.get("id")), pair_of(row.get("pair"), row.get("currency"), home)
    amount = _first(row, "amount")
    if known is None or pair is None or amount is None:
        return None
    rate, cost = _first(row, "rate"), _first(row, "cost", "val")
    if rate is None:
        rate = Decimal(0) if cost is None else cost / amount
    return known, pair.base, pair.quote, amount, rate, rate * amount if cost is None else cost


def _first(row: Mapping[str, Any], *names: str) -> Decimal | None:
    """The first of these fields that is a number above 0."""
    return next((found for name in names if (found := number(row.get(name))) is not None and found > 0), None)


def trades(data: Any, hopper: HopperId, home: Pair) -> TradePage:
    """One page of the trade list; what has no id, side, amount, price, time or pair is skipped."""
    if data == []:
        return TradePage((), 0, True, 0)
    if not isinstance(data, dict) or "trades" not in data:
        raise Unavailable("Cryptohopper's answer holds no trades")
    rows = objects(data["trades"], "trades")
    found = tuple(trade for row in rows if (trade := _trade(row, hopper, home)) is not None)
    told = whole(data.get("results"))
    length = len(rows) if told is None else max(told, len(rows))
    return TradePage(found, length, not rows or length < PAGE, len(rows) - len(found))


def _trade(row: Mapping[str, Any], hopper: HopperId, home: Pair) -> Trade | None:
    known, at = identity(row.get("id")), moment(row.get("date"))
    side = _SIDES.get(text(row.get("type")).lower())
    there = exchange(row.get("exchange")) or home.exchange
    pair = pair_of(row.get("pair"), row.get("currency"), home._replace(exchange=there))
    amount, rate, total = _first(row, "amount"), _first(row, "rate"), _first(row, "total")
    if amount is not None and rate is None and total is not None:
        rate = total / amount
    if known is None or at is None or side is None or pair is None or amount is None or rate is None:
        return None
    return Trade(
        hopper,
        TradeId(known),
        pair,
        side,
        amount,
        rate,
        amount * rate if total is None else total,
        number(row.get("fee")) or Decimal(0),
        coin(row.get("fee_currency")) or pair.quote,
        at,
        _none_if_zero(identity(row.get("buy_id"))),
        text(row.get("trigger_strategy")) or None,
        percent(row.get("result")) if side is Side.SELL else None,
        _strategy(row.get("strategy_result")),
    )


def _strategy(told: Any) -> str | None:
    """The name of a trade's strategy: upstream tells an object, the same as JSON text, or an empty list for none."""
    if isinstance(told, str) and told.lstrip().startswith("{") and len(told) <= _STRATEGY_RESULT:
        try:
            told = json.loads(told)
        except (ValueError, RecursionError):
            return None
    return text(told.get("strategy")) or None if isinstance(told, dict) else None


def _none_if_zero(known: str | None) -> str | None:
    return None if known == "0" else known


def falls(times: Iterable[datetime]) -> bool:
    """Whether moments come newest first."""
    last: datetime | None = None
    for at in times:
        if last is not None and at > last:
            return False
        last = at
    return True
