"""How a hopper trades: what its plan says, changed by its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from simulator.worlds.commands import Impossible
from simulator.worlds.demo import Hopper, OrderType

_NEVER = 10**12  # decisions
_AN_HOUR = 12  # decisions of 300 s


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of new positions and of buying. Fractions are of a price (0.03 is 3 %), for decisions 300 s apart.

    ``patience`` in decisions. ``stop_loss`` None: no stop-loss; ``trail`` None: no trailing stop-loss.
    ``buy_for`` is how long a buy order may rest, in milliseconds.
    """

    share: Decimal
    least: Decimal  # base currency that a buy must be worth
    most: Decimal | None  # base currency that positions may have cost in all
    most_positions: int
    most_per_coin: int
    coins: frozenset[str] | None  # None: all of the hopper's
    take_profit: float
    stop_loss: float | None
    arm: float
    trail: float | None
    patience: int
    buys_by: OrderType
    sells_by: OrderType
    buy_for: int

    @classmethod
    def of(cls, hopper: Hopper, config: Mapping[str, str]) -> "Terms":
        """Terms under a configuration. Raises Impossible that names the field that cannot be used.

        Fields without an effect here are left alone, whatever they hold.
        """
        terms = cls(
            hopper.share,
            Decimal(0),
            None,
            hopper.most_positions,
            hopper.most_per_coin,
            None,
            hopper.take_profit,
            hopper.stop_loss,
            hopper.arm,
            hopper.trail,
            hopper.patience,
            hopper.order_type,
            hopper.order_type,
            600_000,
        )
        found: dict[str, Any] = {}
        for name, text in config.items():
            if name in _FIELDS and text != "":
                field, read = _FIELDS[name]
                found[field] = read(name, text)
        if config.get("stop_loss") == "0":
            found["stop_loss"] = None
        if config.get("stop_loss_trailing") == "0":
            found["trail"] = None
        if config.get("auto_close_positions") == "0":
            found["patience"] = _NEVER
        return replace(terms, **found)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:
        raise Impossible(f"{name}: not a number that can be used: {text}")
    return value


def _percent(name: str, text: str) -> float:
    return _number(name, text) / 100


def _count(name: str, text: str) -> int:
    return int(_number(name, text))


def _hours(name: str, text: str) -> int:
    return max(1, int(_number(name, text) * _AN_HOUR)) if _number(name, text) else _NEVER


def _minutes(name: str, text: str) -> int:
    return max(1000, int(_number(name, text) * 60) * 1000)


def _amount(name: str, text: str) -> Decimal:
    _number(name, text)
    return Decimal(text)


def _share(name: str, text: str) -> Decimal:
    share = _amount(name, text) / 100
    if not 0 < share <= 1:
        raise Impossible(f"{name}: not a percentage above 0: {text}")
    return share


def _order_type(name: str, text: str) -> OrderType:
    if text not in ("market", "limit"):
        raise Impossible(f"{name}: market or limit: {text}")
    return cast(OrderType, text)


def _coins(name: str, text: str) -> frozenset[str]:
    return frozenset(coin for coin in text.split(",") if coin)


_FIELDS = {
    "perc_buy_amount": ("share", _share),
    "min_buy_amount": ("least", _amount),
    "max_amount_allocated": ("most", _amount),
    "max_open_positions": ("most_positions", _count),
    "max_open_positions_per_coin": ("most_per_coin", _count),
    "allowed_coins": ("coins", _coins),
    "set_percentage": ("take_profit", _percent),
    "stop_loss_percentage": ("stop_loss", _percent),
    "stop_loss_trailing_percentage": ("trail", _percent),
    "stop_loss_trailing_arm": ("arm", _percent),
    "auto_close_positions_time": ("patience", _hours),
    "buy_order_type": ("buys_by", _order_type),
    "sell_order_type": ("sells_by", _order_type),
    "max_open_time_buy": ("buy_for", _minutes),
}
